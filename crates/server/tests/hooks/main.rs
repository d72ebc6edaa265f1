//! Hooks over real sockets: what an engine is asked and told, what its answers change, and what it cannot break.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod breaker;
mod engine;
mod flow;
#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod guest;
mod hostile;
mod meanwhile;
mod members;
mod queue;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
mod refusals;
mod rest;
#[path = "../rest/server.rs"]
#[expect(dead_code, reason = "the tests of REST need more of it")]
mod server;
mod sign;
mod webhook;
