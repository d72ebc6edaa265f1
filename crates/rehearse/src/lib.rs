//! Rehearsing a move: a recording of what an app and a server say to each other.
//!
//! [`record`] is a proxy that writes a recording. It does not know the rules
//! of rooms.

pub mod record;
pub mod recording;
mod redact;
mod upstream;

pub use upstream::{BadUrl, Server};
