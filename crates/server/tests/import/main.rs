//! Imports into a real store: what an archive holds is there afterwards, once, in its place; what cannot be taken is set
//! aside; kill -9 at any point costs nothing but time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod archive;
mod conversations;
mod fixture;
mod program;
mod rules;
