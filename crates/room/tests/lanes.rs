//! The lanes of an outbox: order, what is left out, and what is never left out.

use grandstand_protocol::Level;
use grandstand_room::lanes::{Bounds, Counts, Lanes, Offer};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { high_bytes: 100, rest_bytes: 100 };
const ALL: usize = 1_000_000;

fn lanes() -> Lanes<&'static str> {
    Lanes::new(BOUNDS)
}

fn pop<T>(lanes: &mut Lanes<T>, max_bytes: usize) -> Vec<T> {
    let mut batch = Vec::new();
    let expected = lanes.bytes();
    let popped = lanes.pop_batch(max_bytes, &mut batch);
    assert_eq!(lanes.bytes() + popped, expected);
    batch
}

#[test]
fn all_that_fits_into_one_write_keeps_its_order_behind_control() {
    let mut lanes = lanes();
    lanes.offer(Level::Low, "low", 10);
    lanes.offer(Level::High, "high", 10);
    lanes.offer(Level::Normal, "normal", 10);
    lanes.push_control("pong", 10);
    lanes.offer(Level::Low, "low 2", 10);
    assert_eq!(pop(&mut lanes, 50), ["pong", "low", "high", "normal", "low 2"]);
    assert!(lanes.is_empty());
}

#[test]
fn high_overtakes_where_the_connection_is_behind() {
    let mut lanes = lanes();
    for (level, frame) in [
        (Level::Low, "low 1"),
        (Level::Normal, "normal 1"),
        (Level::High, "high 1"),
        (Level::Low, "low 2"),
        (Level::High, "high 2"),
        (Level::Normal, "normal 2"),
    ] {
        lanes.offer(level, frame, 10);
    }
    lanes.push_control("reply", 10);
    assert_eq!(pop(&mut lanes, 30), ["reply", "high 1", "high 2"]);
    assert_eq!(pop(&mut lanes, 35), ["low 1", "normal 1", "low 2"]);
    assert_eq!(pop(&mut lanes, 35), ["normal 2"]);
    assert_eq!(pop(&mut lanes, 35), Vec::<&str>::new());
}

#[test]
fn a_large_frame_goes_alone() {
    let mut lanes = lanes();
    lanes.push_control("large", 5_000);
    lanes.push_control("small", 1);
    assert_eq!(pop(&mut lanes, 10), ["large"]);
    assert_eq!(pop(&mut lanes, 10), ["small"]);
}

#[test]
fn low_is_left_out_first_and_the_oldest_of_it() {
    let mut lanes = lanes();
    for frame in ["low 1", "low 2", "low 3"] {
        assert_eq!(lanes.offer(Level::Low, frame, 20), Offer::Taken);
    }
    assert_eq!(lanes.offer(Level::Normal, "normal 1", 40), Offer::Taken);
    assert_eq!(lanes.offer(Level::Low, "low 4", 20), Offer::Shed { normal: 0, low: 1 });
    assert_eq!(lanes.offer(Level::Normal, "normal 2", 30), Offer::Shed { normal: 0, low: 2 });
    // Only LOW makes room for LOW.
    assert_eq!(lanes.offer(Level::Low, "low 5", 31), Offer::Shed { normal: 0, low: 2 });
    assert_eq!(lanes.offer(Level::Normal, "normal 3", 40), Offer::Shed { normal: 1, low: 0 });
    assert_eq!(lanes.counts(), Counts { high: 0, normal: 2, low: 0 });
    assert_eq!(pop(&mut lanes, ALL), ["normal 2", "normal 3"]);
}

#[test]
fn a_frame_that_never_fits_pushes_nothing_out() {
    let mut lanes = lanes();
    lanes.offer(Level::Low, "low", 60);
    assert_eq!(lanes.offer(Level::Normal, "huge", 101), Offer::Shed { normal: 1, low: 0 });
    assert_eq!(lanes.offer(Level::Low, "huge", 101), Offer::Shed { normal: 0, low: 1 });
    assert_eq!(pop(&mut lanes, ALL), ["low"]);
}

#[test]
fn high_is_never_left_out() {
    let mut lanes = lanes();
    assert_eq!(lanes.offer(Level::High, "first", 500), Offer::Taken, "an empty lane takes any");
    assert_eq!(pop(&mut lanes, 1), ["first"]);
    assert_eq!(lanes.offer(Level::High, "second", 50), Offer::Taken);
    assert_eq!(lanes.offer(Level::High, "third", 50), Offer::Taken);
    assert_eq!(lanes.offer(Level::High, "fourth", 1), Offer::HighFull);
    assert_eq!(lanes.offer(Level::Low, "low", 100), Offer::Taken, "the rest has its own bound");
}

#[test]
fn after_a_high_frame_that_did_not_fit_none_is_taken() {
    let mut lanes = lanes();
    lanes.offer(Level::High, "first", 100);
    assert_eq!(lanes.offer(Level::High, "second", 1), Offer::HighFull);
    assert_eq!(pop(&mut lanes, ALL), ["first"]);
    assert_eq!(lanes.offer(Level::High, "third", 1), Offer::HighFull);
}

#[test]
fn what_was_missed_comes_before_what_is_new() {
    let mut lanes = lanes();
    lanes.offer(Level::Normal, "normal", 10);
    lanes.hold();
    lanes.offer(Level::High, "new", 10);
    assert!(!lanes.is_ready());
    assert_eq!(pop(&mut lanes, ALL), Vec::<&str>::new());
    lanes.push_control("opened", 10);
    assert!(lanes.is_ready());
    assert_eq!(pop(&mut lanes, ALL), ["opened"]);
    // However much was missed, it takes no room from the new ones.
    lanes.release([("missed 1", 400), ("missed 2", 10)].into_iter());
    assert_eq!(lanes.offer(Level::High, "newest", 90), Offer::Taken);
    assert_eq!(lanes.counts(), Counts { high: 4, normal: 1, low: 0 });
    assert_eq!(pop(&mut lanes, ALL), ["missed 1", "missed 2", "normal", "new", "newest"]);
}

#[test]
fn messages_of_a_room_that_was_left_are_removed() {
    let mut lanes = lanes();
    lanes.release([("a missed", 10)].into_iter());
    for (level, frame) in
        [(Level::High, "a"), (Level::Normal, "b"), (Level::Normal, "a"), (Level::Low, "a"), (Level::Low, "b")]
    {
        lanes.offer(level, frame, 10);
    }
    lanes.push_control("a reply", 10);
    let removed = lanes.remove_where(|frame| frame.starts_with('a'));
    assert_eq!(removed, Counts { high: 2, normal: 1, low: 1 });
    assert_eq!((lanes.len(), lanes.bytes(), lanes.control_bytes()), (3, 30, 10));
    assert_eq!(pop(&mut lanes, ALL), ["a reply", "b", "b"]);
}

#[test]
fn a_changed_message_keeps_its_place_and_its_level() {
    let mut lanes = lanes();
    for (level, frame) in [(Level::Normal, "one"), (Level::Low, "two"), (Level::High, "three")] {
        lanes.offer(level, frame, 10);
    }
    lanes.push_control("two", 10);
    let stub = |frame: &mut &'static str| {
        let found = *frame == "two";
        found.then(|| {
            *frame = "stub";
            5
        })
    };
    assert_eq!(lanes.change_where(stub), Some(Offer::Taken));
    assert_eq!((lanes.bytes(), lanes.counts()), (35, Counts { high: 1, normal: 1, low: 1 }));
    assert_eq!(lanes.change_where(stub), None, "no message of this name waits any more");
    assert_eq!(pop(&mut lanes, ALL), ["two", "one", "stub", "three"]);
    assert_eq!((lanes.bytes(), lanes.change_where(stub)), (0, None));
}

#[test]
fn a_message_that_grows_stays_within_the_bounds() {
    let grow = |wanted: &'static str| move |frame: &mut &'static str| (*frame == wanted).then_some(60);
    let mut lanes = lanes();
    for (level, frame) in [
        (Level::Low, "low"),
        (Level::Normal, "one"),
        (Level::Normal, "two"),
        (Level::High, "high 1"),
        (Level::High, "high 2"),
    ] {
        lanes.offer(level, frame, 30);
    }
    assert_eq!(lanes.change_where(grow("two")), Some(Offer::Shed { normal: 0, low: 1 }));
    assert_eq!(lanes.change_where(grow("one")), Some(Offer::Shed { normal: 1, low: 0 }));
    assert_eq!(lanes.counts(), Counts { high: 2, normal: 1, low: 0 });
    assert_eq!(lanes.change_where(grow("high 1")), Some(Offer::Taken));
    assert_eq!(lanes.change_where(grow("high 2")), Some(Offer::HighFull), "as one that does not fit");
    assert_eq!(lanes.offer(Level::High, "high 3", 1), Offer::HighFull);
}

#[derive(Debug, Clone)]
enum Step {
    Offer(Level, usize),
    Control(usize),
    Hold,
    Release(usize),
    Pop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let level = prop_oneof![Just(Level::High), Just(Level::Normal), Just(Level::Low)];
    prop_oneof![
        6 => (level, 1..60_usize).prop_map(|(level, size)| Step::Offer(level, size)),
        1 => (1..60_usize).prop_map(Step::Control),
        1 => Just(Step::Hold),
        1 => (0..4_usize).prop_map(Step::Release),
        2 => (1..200_usize).prop_map(Step::Pop),
    ]
}

/// A frame of the property.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// `None` = control.
    level: Option<Level>,
    missed: bool,
    turn: usize,
    size: usize,
}

proptest! {
    #[test]
    fn bounds_hold_nothing_vanishes_and_each_level_keeps_its_order(
        steps in proptest::collection::vec(step(), 0..300),
    ) {
        let mut lanes: Lanes<Frame> = Lanes::new(BOUNDS);
        let (mut held, mut taken, mut shed, mut high_bytes) = (false, 0_usize, 0_usize, 0_usize);
        let mut popped: Vec<Frame> = Vec::new();
        for (turn, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer(level, size) => {
                    let offer = lanes.offer(level, Frame { level: Some(level), missed: false, turn, size }, size);
                    taken += usize::from(offer != Offer::HighFull);
                    match offer {
                        Offer::Taken => high_bytes += if level == Level::High { size } else { 0 },
                        Offer::HighFull => prop_assert_eq!(level, Level::High),
                        Offer::Shed { normal, low } => {
                            prop_assert!(level != Level::High && (normal == 0 || level == Level::Normal));
                            shed += normal as usize + low as usize;
                        }
                    }
                }
                Step::Control(size) => {
                    lanes.push_control(Frame { level: None, missed: false, turn, size }, size);
                    taken += 1;
                }
                Step::Hold => {
                    lanes.hold();
                    held = true;
                }
                Step::Release(count) => {
                    let frame = Frame { level: Some(Level::High), missed: true, turn, size: 10 };
                    lanes.release((0..count).map(|_| (frame, 10)));
                    (taken, high_bytes, held) = (taken + count, high_bytes + 10 * count, false);
                }
                Step::Pop(max_bytes) => {
                    let mut batch = Vec::new();
                    let bytes = lanes.pop_batch(max_bytes, &mut batch);
                    prop_assert_eq!(bytes, batch.iter().map(|frame| frame.size).sum::<usize>());
                    prop_assert!(bytes <= max_bytes || batch.len() == 1);
                    prop_assert!(!held || batch.iter().all(|frame| frame.level.is_none()));
                    let high = batch.iter().filter(|frame| frame.level == Some(Level::High));
                    high_bytes -= high.map(|frame| frame.size).sum::<usize>();
                    popped.extend(batch);
                }
            }
            prop_assert_eq!(taken, popped.len() + shed + lanes.len());
            prop_assert!(lanes.bytes() - lanes.control_bytes() - high_bytes <= BOUNDS.rest_bytes);
        }
        for lane in [None, Some(Level::High), Some(Level::Normal), Some(Level::Low)] {
            for missed in [false, true] {
                let of_lane = popped.iter().filter(|frame| frame.level == lane && frame.missed == missed);
                let order: Vec<usize> = of_lane.map(|frame| frame.turn).collect();
                prop_assert!(order.is_sorted(), "{:?} came as {:?}", lane, order);
            }
        }
    }
}
