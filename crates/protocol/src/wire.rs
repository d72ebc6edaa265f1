//! Generated protobuf types, seen by the codec only.

#[rustfmt::skip]
#[expect(unreachable_pub, reason = "prost makes everything `pub`; this module keeps it inside the crate")]
#[expect(clippy::too_many_lines, reason = "one line for each name of an enum")]
mod generated;

pub(crate) use generated::*;
