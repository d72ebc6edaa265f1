//! Backups of servers that run, and what comes out of them; damaged, killed and refused ones.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod damage;
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
#[path = "../gateway/guest.rs"]
mod guest;
mod kill;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
mod raw;
mod refusals;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the tests of the program use more of it")]
mod running;
#[path = "../storms/server.rs"]
mod server;
mod stock;
mod under_load;
