//! The properties of the fuzz targets on mutated seeds, for `GRANDSTAND_FUZZ_SECONDS` (2 unless told).
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod property;

use std::{
    cell::Cell,
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use grandstand_protocol::{Downlink, Request};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};

/// For each of the two tests; they run side by side.
fn time() -> Duration {
    let seconds = env::var("GRANDSTAND_FUZZ_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

#[test]
fn requests() {
    fuzz("decode_request", |frame| property::check(frame, Request::decode, Request::encode));
}

#[test]
fn downlinks() {
    fuzz("decode_downlink", |frame| property::check(frame, Downlink::decode, Downlink::encode));
}

/// Runs `property` on mutated seeds until the time is over. A failing frame is shrunk and printed.
fn fuzz(target: &str, property: fn(&[u8]) -> bool) {
    let seeds = seeds(target);
    for seed in &seeds {
        assert!(property(seed), "a seed of {target} is not understood: {}", String::from_utf8_lossy(seed));
    }
    let frames = (select(seeds.clone()), vec(mutation(seeds), 1..6))
        .prop_map(|(seed, mutations)| mutations.iter().fold(seed, Mutation::apply));
    let (understood, refused) = (Cell::new(0), Cell::new(0));
    let deadline = Instant::now() + time();
    while Instant::now() < deadline {
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(500) });
        let outcome = runner.run(&frames, |frame| {
            let count = if property(&frame) { &understood } else { &refused };
            count.set(count.get() + 1);
            Ok(())
        });
        outcome.unwrap();
    }
    // Mutations that break every frame, or none, would test one half of the decoder only.
    assert!(understood.get() > 0 && refused.get() > 0, "{understood:?} understood, {refused:?} refused");
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(corpus).unwrap();
    files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

/// One change to a frame, at places that are fractions of its length.
#[derive(Debug, Clone)]
enum Mutation {
    Flip { at: Index, bit: u8 },
    Set { at: Index, byte: u8 },
    Insert { at: Index, bytes: Vec<u8> },
    Remove { at: Index, count: usize },
    Repeat { at: Index, count: usize },
    Append { frame: Vec<u8> },
}

/// What tends to break readers of numbers, lengths, texts and JSON.
const TOKENS: [&[u8]; 14] = [
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\xc2\xb5",
    b"\x80",
    b"null",
    b"true",
    b"-1",
    b"1e308",
    b"0.1",
    b"18446744073709551616",
    b"[[[[",
    b"{\"cmd\":\"conv\",",
    b"\\ud800",
    b"\"bin\":1,",
];

fn mutation(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set { at, byte }),
        (at(), select(&TOKENS)).prop_map(|(at, token)| Mutation::Insert { at, bytes: token.to_vec() }),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        (at(), 1..16_usize).prop_map(|(at, count)| Mutation::Remove { at, count }),
        (at(), 1..300_usize).prop_map(|(at, count)| Mutation::Repeat { at, count }),
        select(seeds).prop_map(|frame| Mutation::Append { frame }),
    ]
}

impl Mutation {
    fn apply(mut frame: Vec<u8>, mutation: &Self) -> Vec<u8> {
        let place = |at: &Index| at.index(frame.len() + 1);
        match mutation {
            Self::Flip { at, bit } => {
                let place = place(at);
                frame.get_mut(place).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Set { at, byte } => {
                let place = place(at);
                frame.get_mut(place).into_iter().for_each(|old| *old = *byte);
            }
            Self::Insert { at, bytes } => {
                let place = place(at);
                frame.splice(place..place, bytes.iter().copied());
            }
            Self::Remove { at, count } => {
                let place = place(at);
                frame.drain(place..(place + count).min(frame.len()));
            }
            Self::Repeat { at, count } => {
                let place = place(at);
                let bytes = vec![frame.get(place).copied().unwrap_or_default(); *count];
                frame.splice(place..place, bytes);
            }
            Self::Append { frame: other } => frame.extend_from_slice(other),
        }
        frame
    }
}
