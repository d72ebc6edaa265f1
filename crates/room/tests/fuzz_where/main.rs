//! A bounded fuzz run of the query parser on stable Rust: mutations of the corpus for a few seconds.

mod property;

use std::{
    env, fs,
    panic::catch_unwind,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// Pieces that random bytes would take long to find.
const TOKENS: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "1",
    "-0.5",
    "\"$and\":[",
    "\"$or\":[",
    "\"$ne\":",
    "\"$lt\":",
    "\"$gte\":",
    "\"$in\":[",
    "\"$nin\":[",
    "\"$all\":[",
    "\"$exists\":",
    "\"$size\":",
    "\"$regex\":",
    "\"$options\":\"i\"",
    "\"__type\":\"Date\"",
    "\"iso\":\"2026-01-01T00:00:00.000Z\"",
    "\"objectId\":",
    "\"attr.topic\":",
    "\"lm\":",
    "\"tr\":",
    "\"m\":",
    "\\\\Q",
    "\\\\E",
    "(a|b)*",
    "\n-lm,n",
];

#[test]
fn no_text_breaks_the_parser() {
    let corpus = corpus();
    let seconds = env::var("GRANDSTAND_FUZZ_SECONDS").map_or(2, |text| text.parse().expect("whole seconds"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    let seed = env::var("GRANDSTAND_FUZZ_SEED")
        .map_or(now.as_nanos() as u64, |text| text.parse().expect("a number"));
    let mut random = Random(seed | 1);
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    let end = Instant::now() + Duration::from_secs(seconds);
    for text in &corpus {
        run(text, seed);
    }
    while Instant::now() < end {
        let mut bytes = random.choice(&corpus).clone().into_bytes();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &corpus, &mut random);
        }
        *if run(&String::from_utf8_lossy(&bytes), seed) { &mut accepted } else { &mut refused } += 1;
    }
    assert!(
        accepted > 100 && refused > 100,
        "mutations too tame or too wild: {accepted} accepted, {refused} refused"
    );
}

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/where_parser");
    let files = fs::read_dir(&folder).expect("the corpus");
    let mut texts: Vec<String> =
        files.map(|file| fs::read_to_string(file.expect("an entry").path()).expect("a text")).collect();
    texts.sort();
    assert!(!texts.is_empty(), "the corpus is empty");
    texts
}

/// Whether the text was accepted.
fn run(text: &str, seed: u64) -> bool {
    let outcome = catch_unwind(|| property::check(text).is_ok());
    outcome.unwrap_or_else(|_| panic!("broken by {text:?} (GRANDSTAND_FUZZ_SEED={seed})"))
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[String], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(12)).min(bytes.len());
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] = random.next() as u8,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].repeat(1 + random.below(40));
            bytes.splice(at..at, piece);
        }
        3 => {
            let other = random.choice(corpus).as_bytes();
            let from = random.below(other.len() + 1);
            bytes.splice(at..end, other[from..].iter().copied());
        }
        _ => {
            bytes.splice(at..end, random.choice(&TOKENS).bytes());
        }
    }
}

/// Xorshift: good enough to mutate texts.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound
    }

    fn choice<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
