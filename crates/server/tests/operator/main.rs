//! The operators' command line, as a program of its own against a running server.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod broadcasts;
mod clients;
mod desk;
#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod guest;
mod hooks;
mod hostile;
mod keys;
mod messages;
mod purge;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
mod records;
mod roles;
mod rooms;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the program's tests need more of it")]
mod running;
mod server;
mod strange;
mod switches;
mod words;
