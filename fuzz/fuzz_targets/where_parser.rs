//! Any text as the query of a client: the parser refuses it or keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/room/tests/fuzz_where/property.rs"]
mod property;

fuzz_target!(|text: &str| {
    // A refusal is an answer, too.
    let _refused = property::check(text).is_err();
});
