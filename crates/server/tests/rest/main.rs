//! REST over real sockets: each row of the API with plain HTTP.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod guest;
mod http;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
mod server;
