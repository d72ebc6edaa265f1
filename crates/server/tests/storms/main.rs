//! Storms against the real program: everybody goes and comes back, the process dies, stops, or runs out of files.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

#[expect(dead_code, reason = "the tests of the gateway use more of it")]
#[path = "../gateway/guest.rs"]
mod guest;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
mod raw;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the tests of the program use more of it")]
mod running;
mod server;

mod crash;
mod drain;
mod files;
mod flood;
mod return_of_all;
mod sleeper;
