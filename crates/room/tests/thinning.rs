//! What a node leaves out: in which order, how evenly, and that it settles and recovers.

use std::time::Duration;

use grandstand_protocol::Level;
use grandstand_room::thinning::{Keep, Thinning};

const TARGET: Duration = Duration::from_millis(150);
const LARGE: usize = 20_000;
const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Observes the same lag each millisecond; returns what is kept then.
fn observe(thinning: &mut Thinning, lag: Duration, bytes: usize, times: std::ops::Range<u64>) -> Keep {
    let end = times.end;
    for now in times {
        thinning.observe(lag, bytes, ms(now));
    }
    thinning.keep(ms(end))
}

fn shares(keep: Keep) -> [f64; 3] {
    LEVELS.map(|level| keep.share(level))
}

/// A node that has left out everything but HIGH, at one second.
fn exhausted(seed: u64) -> Thinning {
    let mut thinning = Thinning::new(TARGET, seed);
    let keep = observe(&mut thinning, ms(2_000), LARGE, 0..1_000);
    assert_eq!(shares(keep), [1.0, 0.0, 0.0]);
    thinning
}

/// A node that shows a share of LOW between these.
fn thinned(seed: u64, wanted: std::ops::Range<f64>) -> Keep {
    let mut thinning = Thinning::new(TARGET, seed);
    for now in 0..10_000 {
        thinning.observe(TARGET + ms(1), LARGE, ms(now));
        let keep = thinning.keep(ms(now));
        if wanted.contains(&keep.share(Level::Low)) {
            return keep;
        }
    }
    panic!("never at {wanted:?}");
}

#[test]
fn nothing_is_left_out_while_writes_are_in_time_or_small() {
    for (lag, bytes) in [(TARGET, LARGE), (ms(0), LARGE), (ms(5_000), 1_000)] {
        let mut thinning = Thinning::new(TARGET, 1);
        assert!(thinning.keep(ms(0)).all());
        assert!(observe(&mut thinning, lag, bytes, 0..5_000).all(), "{lag:?}, {bytes} bytes");
    }
}

#[test]
fn a_heavy_overload_leaves_out_low_then_normal_within_a_few_hundred_milliseconds() {
    let mut thinning = Thinning::new(TARGET, 1);
    let mut before = [1.0; 3];
    let mut gone_at = [None; 3];
    for now in 0..1_000 {
        thinning.observe(ms(2_000), LARGE, ms(now));
        let kept = shares(thinning.keep(ms(now)));
        assert!(kept[1] >= 1.0 || kept[2] <= 0.0, "NORMAL only when LOW is gone: {kept:?}");
        assert!(kept.iter().zip(before).all(|(share, before)| *share <= before));
        for (at, share) in gone_at.iter_mut().zip(kept) {
            if share <= 0.0 {
                at.get_or_insert(now);
            }
        }
        before = kept;
    }
    assert_eq!(gone_at, [None, Some(400), Some(200)]);
}

#[test]
fn a_light_overload_leaves_out_little_by_little() {
    let mut thinning = Thinning::new(TARGET, 1);
    let keep = observe(&mut thinning, TARGET + ms(1), LARGE, 0..401);
    assert_eq!(shares(keep), [1.0, 1.0, 0.5]);
}

#[test]
fn a_lag_that_falls_is_left_to_fall() {
    let mut thinning = Thinning::new(TARGET, 1);
    let mut kept = Vec::new();
    // By a fifth in each 50 ms, from 2 s, and still far above the target at the end.
    let mut lag = ms(2_000);
    for now in 0..450 {
        thinning.observe(lag, LARGE, ms(now));
        kept.push(thinning.keep(ms(now)));
        lag = lag.mul_f64(0.8_f64.powf(0.02));
    }
    let keep = kept[60];
    assert!(!keep.all() && kept[60..].iter().all(|later| *later == keep) && lag > TARGET + TARGET / 2);
    assert_ne!(observe(&mut thinning, lag, LARGE, 450..601), keep, "unless it stays there");
}

#[test]
fn a_node_that_thins_goes_on_until_the_lag_is_near_half_the_target() {
    for (lag, expected) in [(ms(101), 0.25), (ms(99), 0.5), (ms(76), 0.5)] {
        let mut thinning = Thinning::new(TARGET, 1);
        observe(&mut thinning, ms(300), LARGE, 0..201);
        assert_eq!(thinning.keep(ms(201)).share(Level::Low), 0.5);
        // The first decision is that the lag falls; four follow.
        let keep = observe(&mut thinning, lag, LARGE, 201..451);
        assert_eq!(keep.share(Level::Low), expected, "{lag:?}");
    }
    assert!(observe(&mut Thinning::new(TARGET, 1), ms(101), LARGE, 0..1_000).all(), "one that does not, not");
}

#[test]
fn recovery_is_slow_and_normal_comes_first() {
    for (lag, bytes) in [(ms(10), LARGE), (ms(400), 500)] {
        let mut thinning = exhausted(1);
        let mut before = [1.0, 0.0, 0.0];
        let mut back_at = [None; 3];
        for now in 1_000..12_000 {
            thinning.observe(lag, bytes, ms(now));
            let kept = shares(thinning.keep(ms(now)));
            assert!(kept[1] >= 1.0 || kept[2] <= 0.0, "LOW only when NORMAL is back: {kept:?}");
            assert!(kept.iter().zip(before).all(|(share, before)| *share >= before && *share - before < 0.1));
            for (at, share) in back_at.iter_mut().zip(kept) {
                if share >= 1.0 {
                    at.get_or_insert(now);
                }
            }
            before = kept;
        }
        let [_, normal, low] = back_at.map(|at: Option<u64>| at.map_or(0, |at| at - 1_000));
        assert!((4_000..4_300).contains(&normal) && (8_000..8_300).contains(&low), "{normal} {low}");
    }
}

#[test]
fn a_node_without_traffic_recovers_by_itself() {
    let thinning = exhausted(1);
    for (now, expected) in [(1_040, 0.0), (3_050, 0.5), (5_100, 1.0)] {
        let normal = thinning.keep(ms(now)).share(Level::Normal);
        assert!((normal - expected).abs() < 0.01, "{normal} at {now} ms");
    }
    assert!(thinning.keep(ms(9_100)).all());
    let mut thinning = exhausted(1);
    thinning.observe(ms(1), 100, ms(9_100));
    assert!(thinning.keep(ms(9_100)).all(), "the first write after it changes nothing");
}

#[test]
fn the_sample_is_even_over_classes_and_over_positions() {
    const CLASSES: u64 = 400;
    const POSITIONS: u64 = 2_000;
    for (seed, wanted) in [(1, 0.2..0.3), (2, 0.45..0.55), (3, 0.7..0.8), (u64::MAX, 0.9..0.95)] {
        let keep = thinned(seed, wanted);
        let share = keep.share(Level::Low);
        let shown = |position, class| u64::from(keep.shows(Level::Low, position, class));
        let part = |shown: u64, of: u64| shown as f64 / of as f64;
        let mut total = 0;
        for class in 0..CLASSES {
            let seen = (0..POSITIONS).map(|position| shown(position, class)).sum();
            total += seen;
            let seen = part(seen, POSITIONS);
            assert!((seen - share).abs() < 0.06, "class {class} sees {seen} of {share}");
        }
        for position in 0..POSITIONS {
            let reach = part((0..CLASSES).map(|class| shown(position, class)).sum(), CLASSES);
            assert!((reach - share).abs() < 0.13, "message {position} reaches {reach} of {share}");
        }
        let all = part(total, CLASSES * POSITIONS);
        assert!((all - share).abs() < 0.005, "{all} of {share}");
    }
}

#[test]
fn who_sees_little_sees_a_part_of_what_they_would_see_of_more() {
    let (little, more) = (thinned(9, 0.2..0.3), thinned(9, 0.7..0.8));
    for (position, class) in (0..500).flat_map(|position| (0..50).map(move |class| (position, class))) {
        let shown = little.shows(Level::Low, position, class);
        assert!(!shown || more.shows(Level::Low, position, class), "{position} {class}");
        assert!(little.shows(Level::Normal, position, class) && little.shows(Level::High, position, class));
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let sample = |seed| {
        let keep = thinned(seed, 0.45..0.55);
        (0..1_000).map(|position| keep.shows(Level::Low, position, 7)).collect::<Vec<_>>()
    };
    assert_eq!(sample(5), sample(5));
    let (one, other) = (sample(5), sample(6));
    let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    assert!((400..600).contains(&same), "{same} of 1000");
}
