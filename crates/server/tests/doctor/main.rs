//! `grandstand doctor` against deployments that are broken in one way each, and against one that is not.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod certificates;
mod clinic;
mod patients;
mod proxy;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
#[path = "../program/running.rs"]
#[expect(dead_code, reason = "the program's tests need more of it")]
mod running;
#[path = "../gateway/server.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod server;
