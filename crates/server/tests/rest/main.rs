//! REST over real sockets: each row of the API with plain HTTP.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod audit;
mod bodies;
mod broadcasts;
mod clients;
mod conversations;
mod description;
mod evidence;
mod expulsions;
mod first_messages;
#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod guest;
mod history;
mod hostile;
mod http;
mod isolation;
mod kicks;
mod messages;
mod moderation;
mod order;
mod purges;
mod quotas;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
mod rooms;
mod server;
mod signatures;
mod smuggling;
mod storage;
mod switches;
mod trace;
mod upstream;
mod words;
