//! The ring of a room: the order for its readers, what one that is behind loses, and what nobody ever loses.

mod model;

use std::time::Duration;

use grandstand_protocol::Level::{self, High, Low, Normal};
use grandstand_room::ring::{Bounds, Cause, Cursor, Dropped, Ring, Shed};

const BOUNDS: Bounds = Bounds { high_bytes: 100, rest_bytes: 100, rest_age: Duration::from_secs(10) };
const ALL: usize = 1_000_000;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ring(frames: &[(Level, &'static str, usize)]) -> Ring<&'static str> {
    let mut ring = Ring::new(BOUNDS);
    for (level, frame, size) in frames {
        ring.push(*level, *frame, *size, at(0));
    }
    ring
}

/// Reads one write's worth.
fn read(ring: &Ring<&'static str>, cursor: &mut Cursor, max_bytes: usize) -> Vec<&'static str> {
    let mut frames = Vec::new();
    let before = *cursor;
    ring.gather(
        &before,
        max_bytes,
        |_, _| true,
        |level, position, frame| {
            assert_eq!(position, cursor.next(level), "a hole");
            cursor.pass(level, position);
            frames.push(*frame);
        },
    );
    frames
}

fn dropped(level: Level, positions: std::ops::Range<u64>, cause: Cause) -> Dropped {
    Dropped { level, positions, cause }
}

#[test]
fn all_that_fits_into_one_write_keeps_its_order() {
    let ring = ring(&[(Low, "low", 10), (High, "high", 10), (Normal, "normal", 10), (Low, "low 2", 10)]);
    let mut cursor = Cursor::default();
    assert_eq!(ring.pending_bytes(&cursor), 40);
    assert_eq!(read(&ring, &mut cursor, 40), ["low", "high", "normal", "low 2"]);
    assert_eq!((cursor, ring.pending_bytes(&cursor), ring.oldest(&cursor)), (ring.head(), 0, None));
    assert_eq!(read(&ring, &mut cursor, 40), Vec::<&str>::new());
}

#[test]
fn high_overtakes_where_the_reader_is_behind() {
    let ring = ring(&[
        (Low, "low 1", 10),
        (Normal, "normal 1", 10),
        (High, "high 1", 10),
        (Low, "low 2", 10),
        (High, "high 2", 10),
        (Normal, "normal 2", 10),
    ]);
    let mut cursor = Cursor::default();
    assert_eq!(read(&ring, &mut cursor, 20), ["high 1", "high 2"]);
    assert_eq!(read(&ring, &mut cursor, 35), ["low 1", "normal 1", "low 2"]);
    assert_eq!(read(&ring, &mut cursor, 35), ["normal 2"]);
}

#[test]
fn a_large_frame_goes_alone() {
    let ring = ring(&[(Normal, "large", 50), (Normal, "small", 1)]);
    let mut cursor = Cursor::default();
    assert_eq!(read(&ring, &mut cursor, 10), ["large"]);
    assert_eq!(read(&ring, &mut cursor, 10), ["small"]);
}

#[test]
fn readers_stand_where_they_are() {
    let mut ring = ring(&[(Normal, "one", 10)]);
    let (mut first, mut second) = (Cursor::default(), ring.head());
    ring.push(Normal, "two", 10, at(1));
    assert_eq!((ring.oldest(&first), ring.oldest(&second)), (Some(at(0)), Some(at(1))));
    assert_eq!((ring.pending_bytes(&first), ring.pending_bytes(&second)), (20, 10));
    assert_eq!(read(&ring, &mut second, ALL), ["two"]);
    assert_eq!(read(&ring, &mut first, ALL), ["one", "two"]);
    assert_eq!(first, second);
}

#[test]
fn a_cursor_never_goes_back() {
    let mut cursor = Cursor::default();
    cursor.pass(Low, 4);
    cursor.pass(Low, 2);
    assert_eq!((cursor.next(Low), cursor.next(Normal), cursor.next(High)), (5, 0, 0));
}

#[test]
fn what_is_lost_by_bytes() {
    let (behind, low, normal) = (Cause::Behind, Low, Normal);
    let table = [
        ("all fits", vec![(Low, 50), (Normal, 50)], vec![]),
        (
            "the oldest LOW",
            vec![(Low, 20), (Low, 20), (Low, 20), (Normal, 60)],
            vec![dropped(low, 0..1, behind)],
        ),
        ("LOW for LOW", vec![(Normal, 70), (Low, 20), (Low, 20)], vec![dropped(low, 0..1, behind)]),
        ("LOW, though the NORMAL is older", vec![(Normal, 60), (Low, 50)], vec![dropped(low, 0..1, behind)]),
        (
            "all LOW, then the oldest NORMAL",
            vec![(Normal, 60), (Low, 1), (Normal, 60), (Low, 1)],
            vec![dropped(low, 0..2, behind), dropped(normal, 0..1, behind)],
        ),
        ("what never fits", vec![(Normal, 101)], vec![dropped(normal, 0..1, behind)]),
        ("what never fits, of LOW", vec![(Low, 101), (Normal, 10)], vec![dropped(low, 0..1, behind)]),
        ("HIGH takes no room", vec![(High, 100), (Low, 50), (Normal, 50)], vec![]),
    ];
    for (name, frames, expected) in table {
        let mut ring = Ring::new(BOUNDS);
        for (level, size) in frames {
            ring.push(level, (), size, at(0));
        }
        let mut cursor = Cursor::default();
        let shed = ring.shed(&mut cursor, at(1));
        assert_eq!(shed, Shed { dropped: expected, high_lost: false }, "{name}");
        assert_eq!(ring.shed(&mut cursor, at(1)), Shed::default(), "{name}: lost twice");
    }
}

#[test]
fn what_is_lost_by_age() {
    // NORMAL at 0 s and 4 s, LOW at 0 s and 8 s; NORMAL is kept for 10 s, LOW for 5 s.
    let table: &[(u64, &[Dropped])] = &[
        (5, &[]),
        (6, &[dropped(Low, 0..1, Cause::Late)]),
        (10, &[dropped(Low, 0..1, Cause::Late)]),
        (11, &[dropped(Low, 0..2, Cause::Late), dropped(Normal, 0..1, Cause::Late)]),
        (14, &[dropped(Low, 0..2, Cause::Late), dropped(Normal, 0..1, Cause::Late)]),
        (15, &[dropped(Low, 0..2, Cause::Late), dropped(Normal, 0..2, Cause::Late)]),
    ];
    for (now, expected) in table {
        let mut ring = Ring::new(BOUNDS);
        for (level, seconds) in [(High, 0), (Normal, 0), (Low, 0), (Normal, 4), (Low, 8)] {
            ring.push(level, (), 10, at(seconds));
        }
        let shed = ring.shed(&mut Cursor::default(), at(*now));
        assert_eq!(shed, Shed { dropped: expected.to_vec(), high_lost: false }, "after {now} s");
    }
}

#[test]
fn both_causes_at_once_are_told_apart() {
    let mut ring = Ring::new(BOUNDS);
    for (level, size, seconds) in
        [(Low, 10, 0), (Normal, 60, 0), (Normal, 30, 0), (Normal, 30, 9), (Normal, 30, 9), (Low, 10, 9)]
    {
        ring.push(level, (), size, at(seconds));
    }
    let mut cursor = Cursor::default();
    let expected = [
        dropped(Low, 0..2, Cause::Behind),
        dropped(Normal, 0..1, Cause::Behind),
        dropped(Normal, 1..2, Cause::Late),
    ];
    assert_eq!(ring.shed(&mut cursor, at(11)).dropped, expected);
    assert_eq!((cursor.next(Normal), cursor.next(Low)), (2, 2));
}

#[test]
fn what_the_ring_forgot_is_told_once() {
    let mut ring = ring(&[(Low, "low", 10)]);
    for _ in 0..13 {
        ring.push(Normal, "normal", 40, at(0));
    }
    assert_eq!((ring.get(Normal, 1), ring.get(Normal, 2)), (None, Some(&"normal")));
    assert_eq!(ring.len(), 12, "ten NORMAL are not more than is kept, and the one that they are behind");
    let mut behind = Cursor::default();
    let expected = [dropped(Low, 0..1, Cause::Behind), dropped(Normal, 0..11, Cause::Behind)];
    assert_eq!(ring.shed(&mut behind, at(0)).dropped, expected);
    assert_eq!(ring.shed(&mut behind, at(0)), Shed::default());
    assert_eq!(read(&ring, &mut behind, ALL), ["normal"; 2]);

    // Who is not to blame loses only what is forgotten, and LOW with it.
    let mut prompt = Cursor::default();
    let expected = [dropped(Low, 0..1, Cause::Overrun), dropped(Normal, 0..2, Cause::Overrun)];
    assert_eq!(ring.overrun(&mut prompt).dropped, expected);
    assert_eq!(ring.overrun(&mut prompt), Shed::default());
    assert_eq!(read(&ring, &mut prompt, ALL), ["normal"; 11]);
}

#[test]
fn high_is_never_left_out() {
    let mut ring = ring(&[(High, "large", 500)]);
    let mut cursor = Cursor::default();
    assert_eq!(ring.shed(&mut cursor, at(99)), Shed::default(), "one frame always fits");
    assert_eq!(read(&ring, &mut cursor, 1), ["large"]);
    ring.push(High, "one", 50, at(0));
    ring.push(High, "two", 50, at(0));
    let before = cursor;
    assert!(!ring.shed(&mut cursor, at(99)).high_lost);
    ring.push(High, "three", 1, at(0));
    let shed = ring.shed(&mut cursor, at(99));
    assert_eq!((shed.dropped.len(), shed.high_lost, cursor), (0, true, before));
    assert!(!ring.shed(&mut ring.head(), at(99)).high_lost, "who has it all has lost nothing");
    assert!(!ring.overrun(&mut cursor).high_lost, "nor who was only not given it yet");
}

#[test]
fn forgotten_high_is_lost() {
    let mut ring = ring(&[(High, "one", 240), (High, "two", 240), (High, "three", 240)]);
    assert_eq!((ring.get(High, 0), ring.len()), (None, 2));
    let mut cursor = Cursor::default();
    assert!(ring.shed(&mut cursor, at(0)).high_lost && ring.overrun(&mut cursor).high_lost);
    cursor.pass(High, 1);
    assert!(!ring.shed(&mut cursor, at(0)).high_lost);
    ring.push(High, "large", 401, at(0));
    assert_eq!(ring.len(), 1, "the newest always stays");
    assert!(ring.shed(&mut cursor, at(0)).high_lost, "one frame pends, but another is gone");
}

#[test]
fn the_newest_of_a_kind_is_found_and_replaced_in_its_place() {
    let mut ring = ring(&[(Normal, "a", 10), (Low, "a", 10), (High, "b", 10), (Normal, "c", 10)]);
    assert_eq!(ring.find(|frame| *frame == "a"), Some((Low, 0)));
    assert_eq!(ring.find(|frame| *frame == "x"), None);
    let mut order = Vec::new();
    let nothing = ring.find(|frame| {
        order.push(*frame);
        false
    });
    assert_eq!(nothing, None);
    assert_eq!(order, ["c", "b", "a", "a"]);

    assert_eq!(ring.replace(Low, 0, "stub"), Some("a"));
    assert_eq!(ring.replace(Low, 1, "stub"), None);
    assert_eq!((ring.get(Low, 0), ring.pending_bytes(&Cursor::default())), (Some(&"stub"), 40));
    assert_eq!(read(&ring, &mut Cursor::default(), ALL), ["a", "stub", "b", "c"]);
}

#[test]
fn positions_go_on_after_all_was_cleared() {
    let mut ring = ring(&[(Normal, "one", 10), (Normal, "two", 10), (High, "three", 10)]);
    let mut cursor = ring.head();
    ring.clear();
    assert_eq!((ring.is_empty(), ring.len(), ring.head()), (true, 0, cursor));
    assert_eq!((ring.pending_bytes(&cursor), ring.oldest(&cursor)), (0, None));
    assert_eq!(ring.shed(&mut cursor, at(99)), Shed::default());
    assert_eq!(ring.push(Normal, "four", 10, at(1)), 2);
    assert_eq!(read(&ring, &mut cursor, ALL), ["four"]);
}

#[test]
fn whoever_was_behind_when_all_was_cleared_is_told() {
    let mut ring = ring(&[(Normal, "one", 10), (High, "two", 10)]);
    ring.clear();
    let mut cursor = Cursor::default();
    let shed = Shed { dropped: vec![dropped(Normal, 0..1, Cause::Behind)], high_lost: true };
    assert_eq!(ring.shed(&mut cursor, at(0)), shed);
}

#[test]
fn a_clock_that_was_read_too_early_does_not_disturb_the_ages() {
    let mut ring = Ring::new(BOUNDS);
    for seconds in [5, 4, 6] {
        ring.push(Normal, "normal", 10, at(seconds));
    }
    let mut cursor = Cursor::default();
    cursor.pass(Normal, 0);
    assert_eq!(ring.oldest(&cursor), Some(at(5)));
    assert_eq!(ring.shed(&mut cursor, at(15)), Shed::default());
}
