//! Any bytes as a frame of a client: it is refused, or means the same when written and read again.
#![no_main]

use grandstand_protocol::Request;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/protocol/tests/fuzz_decoder/property.rs"]
mod property;

fuzz_target!(|frame: &[u8]| {
    // A refusal is an answer, too.
    let _understood = property::check(frame, Request::decode, Request::encode);
});
