//! The client against the real server.
#![expect(clippy::unwrap_used, reason = "tests")]

mod flow;
mod restart;
mod server;
mod tls;
