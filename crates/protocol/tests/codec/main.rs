//! The wire, pinned: every command and event byte by byte, in JSON, and as properties.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod event_message;
mod event_moderation;
mod event_room;
mod event_session;
mod frame;
mod lenient;
mod notation;
mod presence;
mod request_message;
mod request_moderation;
mod request_room;
mod request_session;
mod round_trip;
mod strategy;
