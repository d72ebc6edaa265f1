//! Rehearsing a move: a recording of what an app and a server say to each other, and what another server says instead.
//!
//! [`record`] is a proxy that writes a recording, [`compare`] says the app's side of one again. Neither knows the rules of
//! rooms: what a server should say is what the recorded one said.

pub mod compare;
pub mod record;
pub mod recording;
mod redact;
mod upstream;

pub use upstream::{BadUrl, Server};
