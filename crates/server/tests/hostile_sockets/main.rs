//! Peers that break the rules: each gets its answer by its deadline, it costs little, and nobody else notices.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

#[expect(dead_code, reason = "the tests of the gateway use more of it")]
#[path = "../gateway/guest.rs"]
mod guest;
#[path = "../gateway/raw.rs"]
mod raw;
#[expect(dead_code, reason = "the tests of the gateway use more of it")]
#[path = "../gateway/server.rs"]
mod server;

mod bombs;
mod deadlines;
mod floods;
mod honest;
mod limits;
mod malformed;
mod nonsense;
mod peer;
mod process;
mod siege;
mod stalled;
mod vanished;
