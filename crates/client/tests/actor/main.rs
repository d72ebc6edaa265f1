//! The client against a scripted server: requests, reconnects, events. Time is paused.
#![expect(clippy::unwrap_used, reason = "tests")]

mod close;
mod discovery;
mod events;
mod fake;
mod reconnect;
mod requests;
