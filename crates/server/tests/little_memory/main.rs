//! The real program with little memory. A program of its own, because its floods take all processors, and other tests
//! look at the time.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod cgroup;
mod connect_flood;
mod floods;
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
#[path = "../gateway/guest.rs"]
mod guest;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
mod raw;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the tests of the program use more of it")]
mod running;
#[path = "../storms/server.rs"]
mod server;
