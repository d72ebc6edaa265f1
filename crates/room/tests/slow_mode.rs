//! Slow mode: one message, then none for a while; what a retry and a refusal cost; what is remembered.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{num::NonZeroU32, time::Duration};

use grandstand_room::{
    rates::Wait,
    slow_mode::{Speakers, Turn},
};

const ANN: u64 = 1;
const BOB: u64 = 2;
const MANY: usize = 1000;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn mark(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

/// Speaks, and is accepted or has to wait for so many milliseconds.
fn speak(speakers: &mut Speakers, who: u64, seconds: u32, now: u64) -> Result<(), u64> {
    match speakers.take(who, None, seconds, at(now)) {
        Ok(_) => {
            speakers.said(who, None, seconds, at(now));
            Ok(())
        }
        Err(Wait(wait)) => Err(u64::try_from(wait.as_millis()).unwrap()),
    }
}

#[test]
fn everybody_speaks_once_in_so_many_seconds() {
    let mut speakers = Speakers::new(MANY);
    assert_eq!(speak(&mut speakers, ANN, 10, 0), Ok(()));
    assert_eq!(speak(&mut speakers, BOB, 10, 0), Ok(()), "each for itself");
    assert_eq!(speak(&mut speakers, ANN, 10, 0), Err(10_000), "never longer than it says");
    assert_eq!(speak(&mut speakers, ANN, 10, 4000), Err(6001));
    assert_eq!(speak(&mut speakers, ANN, 10, 9999), Err(2), "a refused one costs nothing");
    assert_eq!(speak(&mut speakers, ANN, 10, 10_000), Err(1), "never a fraction too early");
    assert_eq!(speak(&mut speakers, ANN, 10, 10_001), Ok(()));
}

#[test]
fn another_interval_holds_at_once() {
    let mut speakers = Speakers::new(MANY);
    speak(&mut speakers, ANN, 10, 0).unwrap();
    assert_eq!(speak(&mut speakers, ANN, 60, 20_000), Err(40_001), "longer");
    assert_eq!(speak(&mut speakers, ANN, 15, 20_000), Ok(()), "shorter");
}

#[test]
fn the_wait_begins_when_the_message_was_accepted() {
    let mut speakers = Speakers::new(MANY);
    assert!(matches!(speakers.take(ANN, None, 10, at(0)), Ok(Turn::Taken { before: None, .. })));
    assert_eq!(speak(&mut speakers, ANN, 10, 2000), Err(8001), "while a hook is asked");
    speakers.said(ANN, None, 10, at(3000));
    assert_eq!(speak(&mut speakers, ANN, 10, 12_000), Err(1001));
    assert_eq!(speak(&mut speakers, ANN, 10, 13_001), Ok(()));
}

#[test]
fn what_was_refused_after_all_costs_nothing() {
    let mut speakers = Speakers::new(MANY);
    let Ok(Turn::Taken { before, now }) = speakers.take(ANN, None, 10, at(0)) else { panic!("taken") };
    speakers.give_back(ANN, before, now);
    assert!(speakers.is_empty());
    speak(&mut speakers, ANN, 10, 0).unwrap();
    let Ok(Turn::Taken { before, now }) = speakers.take(ANN, None, 10, at(20_000)) else { panic!("taken") };
    speakers.give_back(ANN, before, now);
    assert_eq!(speak(&mut speakers, ANN, 30, 20_000), Err(10_001), "the one before counts as it did");
}

#[test]
fn a_turn_that_somebody_took_since_is_not_given_back() {
    let mut speakers = Speakers::new(MANY);
    let Ok(Turn::Taken { before, now }) = speakers.take(ANN, None, 1, at(0)) else { panic!("taken") };
    speak(&mut speakers, ANN, 1, 1500).unwrap();
    speakers.give_back(ANN, before, now);
    assert_eq!(speak(&mut speakers, ANN, 1, 1600), Err(901));
}

#[test]
fn a_retry_is_the_same_message() {
    let mut speakers = Speakers::new(MANY);
    let hour = 3600;
    speakers.take(ANN, mark(7), hour, at(0)).unwrap();
    assert_eq!(speakers.take(ANN, mark(7), hour, at(100)), Ok(Turn::Again), "while the first is under way");
    speakers.said(ANN, mark(7), hour, at(200));
    assert_eq!(speakers.take(ANN, mark(7), hour, at(20_000)), Ok(Turn::Again), "after it");
    for other in [mark(8), None] {
        assert!(speakers.take(ANN, other, hour, at(20_000)).is_err(), "{other:?}");
    }
    assert!(speakers.take(BOB, mark(7), hour, at(20_000)).is_ok_and(|turn| turn != Turn::Again));
    assert!(speakers.take(ANN, mark(7), hour, at(400_000)).is_err(), "the store forgets marks, too");

    speak(&mut speakers, 3, hour, 0).unwrap();
    assert!(speakers.take(3, None, hour, at(1)).is_err(), "without a mark there are no retries");
}

#[test]
fn what_holds_nobody_back_is_forgotten() {
    let mut speakers = Speakers::new(MANY);
    for who in 0..100 {
        speak(&mut speakers, who, 10, who * 100).unwrap();
    }
    assert_eq!(speakers.len(), 100);
    speakers.forget_old(at(15_000));
    assert_eq!(speakers.len(), 50);
    speakers.forget_old(at(20_000));
    assert!(speakers.is_empty());
}

#[test]
fn more_than_fit_are_not_remembered() {
    let mut speakers = Speakers::new(100);
    for who in 0..100 {
        speak(&mut speakers, who, 3600, who).unwrap();
    }
    speak(&mut speakers, 1000, 3600, 200).unwrap();
    assert!(speakers.len() <= 51, "{}", speakers.len());
    assert!(speak(&mut speakers, 99, 3600, 201).is_err(), "who spoke last still waits");
    assert_eq!(speak(&mut speakers, 0, 3600, 201), Ok(()), "who spoke first does not");
    for who in 2000..3000 {
        speak(&mut speakers, who, 1, 10_000 + who * 10).unwrap();
        assert!(speakers.len() <= 100);
    }
    let mut all_at_once = Speakers::new(10);
    for who in 0..100 {
        speak(&mut all_at_once, who, 10, 0).unwrap();
        assert!(all_at_once.len() <= 10);
    }
}

/// Whatever clients do, what is accepted of each is at least so far apart.
#[test]
fn a_thousand_speakers_are_never_faster() {
    const SECONDS: u64 = 5;
    let (mut speakers, mut last, mut random) = (Speakers::new(10_000), vec![None::<u64>; 1000], 42_u64);
    let (mut now, mut accepted) = (0, 0);
    while now < 60_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now += (random >> 33) % 2;
        let who = (random >> 40) % 1000;
        if (random >> 20) % 64 == 0 {
            speakers.forget_old(at(now));
        }
        if speak(&mut speakers, who, 5, now).is_ok() {
            let index = usize::try_from(who).unwrap();
            let before = last[index].replace(now);
            assert!(before.is_none_or(|before| now - before >= SECONDS * 1000), "{who}: {before:?}, {now}");
            accepted += 1;
        }
    }
    assert!(accepted > 5000, "{accepted}: it lets speak, too");
}
