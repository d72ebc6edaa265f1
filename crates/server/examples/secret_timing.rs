//! Whether the time of a comparison tells how much of a secret was guessed: Welch's t over two kinds of wrong guesses.
//!
//! One kind differs from the secret in its last character only, the other in all. `cargo run --release -p grandstand
//! --example secret_timing`, on a quiet machine; |t| below 4.5 says that no difference was found (as dudect has it).
//! The last line is a comparison that does stop at the first difference: if it is not found out, nothing was measured.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::{hint::black_box, time::Instant};

use grandstand::apps::{App, Secret};
use grandstand_protocol::{AppId, ClientId, Signature};
use grandstand_room::{
    clock::Millis,
    signature::{Purpose, Statement, sign, verify},
};
use md5::{Digest, Md5};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Measurements of each comparison; half of each kind, in an order drawn by chance.
const MEASUREMENTS: usize = 50_000;
/// Comparisons in one measurement: a clock's tick is longer than one of them.
const TIMES: u32 = 16;
/// The slowest tenth is not looked at: it was interrupted.
const KEPT: f64 = 0.9;
const BOUND: f64 = 4.5;
const NOW: Millis = Millis(1_800_000_000_000);

type Compare = Box<dyn Fn(&str) -> bool>;

fn main() {
    let mut worst = 0_f64;
    for (name, secret, compare) in comparisons() {
        let t = welch(&measure(&secret, &compare));
        worst = worst.max(t.abs());
        println!("{name}: t = {t:.2}");
    }
    let secret = "0123456789abcdef".repeat(64);
    let expected = secret.clone();
    let t = welch(&measure(&secret, &|guess| stops_early(&expected, guess)));
    println!("one that stops at the first difference: t = {t:.2}");
    assert!(t.abs() > BOUND, "the measurement does not see what is there");
    assert!(worst < BOUND, "the time of a comparison says something about the secret");
}

/// Each comparison of a secret that strangers can have made as often as they like, with what is right.
fn comparisons() -> Vec<(&'static str, String, Compare)> {
    let key = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3".to_owned();
    let mut app = App::new("app", "app-key", key.clone());
    app.previous_master_key = Some(Secret::new("0ld0ld0ld0ld0ld0ld0ld0ld0ld0ld0l"));
    let (one, several, signing) = (Secret::new(key.clone()), app.clone(), app);
    let header: String = hexadecimal(&Md5::new().chain_update("1").chain_update(&key).finalize());
    let (id, client) = (AppId::from("app"), ClientId::new("guest").expect("a client id"));
    let statement = Statement { app: &id, client: &client, purpose: Purpose::Login };
    let right = sign(&statement, &key, NOW, "n".to_owned()).expect("a signature").signature;
    let (id, client) = (id.clone(), client.clone());
    vec![
        ("a key", key.clone(), Box::new(move |guess| one.matches(guess))),
        ("one of two master keys", key.clone(), Box::new(move |guess| several.is_master_key(guess))),
        ("X-LC-Sign", header, Box::new(move |guess| signing.signed_by_master(guess, "1"))),
        (
            "a signature",
            right,
            Box::new(move |guess| {
                let statement = Statement { app: &id, client: &client, purpose: Purpose::Login };
                let offered =
                    Signature { signature: guess.to_owned(), timestamp: NOW.0, nonce: "n".to_owned() };
                verify(&offered, &statement, &[&key], NOW).is_ok()
            }),
        ),
    ]
}

/// Nanoseconds, of guesses that are wrong at their end, and of those that are wrong throughout.
fn measure(secret: &str, compare: &dyn Fn(&str) -> bool) -> [Vec<f64>; 2] {
    let mut dice = StdRng::seed_from_u64(1);
    // Of the same kind, because what is done to a guess before it is compared may depend on that.
    let other = |letter: char| match letter {
        '9' => '0',
        'f' => 'a',
        '0'..='8' | 'a'..='e' | 'g'..='y' => char::from(letter as u8 + 1),
        _ => 'g',
    };
    let end = secret.chars().last().map_or('0', other);
    let guesses =
        [format!("{}{end}", &secret[..secret.len() - 1]), secret.chars().map(other).collect::<String>()];
    let mut found = [const { Vec::new() }; 2];
    // Both kinds are read from the same place, as one place may be nearer than another.
    let mut guess = String::with_capacity(secret.len());
    for _ in 0..MEASUREMENTS {
        let kind = usize::from(dice.random_bool(0.5));
        guess.clear();
        guess.push_str(&guesses[kind]);
        let begin = Instant::now();
        for _ in 0..TIMES {
            assert!(!black_box(compare(black_box(&guess))), "a wrong guess");
        }
        found[kind].push(begin.elapsed().as_nanos() as f64);
    }
    let mut all: Vec<f64> = found.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let longest = all[(all.len() as f64 * KEPT) as usize];
    found.map(|times| times.into_iter().filter(|time| *time < longest).collect())
}

/// How far apart the means are, in units of what chance makes of them.
fn welch([first, second]: &[Vec<f64>; 2]) -> f64 {
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let spread = |times: &[f64], mean: f64| {
        let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
        squares / (times.len() - 1) as f64 / times.len() as f64
    };
    let (a, b) = (mean(first), mean(second));
    (a - b) / (spread(first, a) + spread(second, b)).sqrt()
}

fn stops_early(expected: &str, guess: &str) -> bool {
    expected.len() == guess.len() && expected.bytes().zip(guess.bytes()).all(|(one, other)| one == other)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
