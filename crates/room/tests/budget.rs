//! Deliveries of an app and shown messages of a room: what passes at once, what then, and who goes without.

use std::time::Duration;

use grandstand_protocol::Level;
use grandstand_room::budget::{DeliveryBudget, RoomCap, RoomLimits};
use proptest::prelude::*;

const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// How many messages of a level to ten members each pass at once, of 1,000 deliveries a second.
fn burst(budget: &mut DeliveryBudget, level: Level, now: Duration) -> usize {
    (0..1_000).take_while(|_| budget.take(level, 10, 1_000, now)).count()
}

#[test]
fn a_seconds_worth_at_once_then_a_steady_flow() {
    for start in [Duration::ZERO, ms(1_000_000)] {
        let mut budget = DeliveryBudget::default();
        assert_eq!(burst(&mut budget, Level::Normal, start), 100);
        assert_eq!(burst(&mut budget, Level::Normal, start + ms(9)), 0);
        assert_eq!(burst(&mut budget, Level::Normal, start + ms(10)), 1);
        assert_eq!(burst(&mut budget, Level::Normal, start + ms(510)), 50);
        assert_eq!(
            burst(&mut budget, Level::Normal, start + ms(10_000)),
            100,
            "no more than a second's worth"
        );
    }
}

#[test]
fn low_leaves_a_quarter_to_the_others() {
    let mut budget = DeliveryBudget::default();
    assert_eq!(burst(&mut budget, Level::Low, ms(0)), 75);
    assert_eq!(burst(&mut budget, Level::Normal, ms(0)), 25);
    assert_eq!(burst(&mut budget, Level::Low, ms(250)), 0);
    assert_eq!(burst(&mut budget, Level::Low, ms(260)), 1);
}

#[test]
fn high_always_passes_and_the_others_pay_for_a_second_of_it_at_most() {
    let mut budget = DeliveryBudget::default();
    assert!((0..100_000).all(|_| budget.take(Level::High, 20_000, 1_000, ms(0))));
    assert_eq!(burst(&mut budget, Level::Normal, ms(1_009)), 0, "it pays off the debt");
    assert_eq!(burst(&mut budget, Level::Normal, ms(1_010)), 1);
    assert_eq!(burst(&mut budget, Level::Normal, ms(2_000)), 99);
}

#[test]
fn a_room_with_more_members_than_the_budget_is_shown_something_too() {
    for (level, wait) in [(Level::Normal, 5_000), (Level::Low, 5_000)] {
        let mut budget = DeliveryBudget::default();
        let shown: Vec<u64> = (0..20_000).filter(|now| budget.take(level, 5_000, 1_000, ms(*now))).collect();
        assert_eq!(shown, [0, wait, 2 * wait, 3 * wait], "{level:?}");
    }
}

#[test]
fn a_budget_follows_a_changed_limit() {
    let mut budget = DeliveryBudget::default();
    assert!(budget.take(Level::Normal, 1_000, 1_000, ms(0)));
    assert!(!budget.take(Level::Normal, 1_000, 1_000, ms(500)));
    assert!(budget.take(Level::Normal, 1_000, 2_000, ms(500)), "half a second's worth of a larger one");
}

#[test]
fn nobody_costs_nothing() {
    let mut budget = DeliveryBudget::default();
    assert_eq!(burst(&mut budget, Level::Normal, ms(0)), 100);
    assert!(budget.take(Level::Normal, 0, 1_000, ms(0)));
}

#[test]
fn a_room_shows_so_many_messages_of_a_level_in_a_second() {
    let limits = RoomLimits { normal: Some(50), low: Some(20) };
    let mut cap = RoomCap::default();
    let mut shown = |level, now| (0..200).filter(|_| cap.take(level, &limits, ms(now))).count();
    assert_eq!(LEVELS.map(|level| shown(level, 0)), [200, 50, 20]);
    assert_eq!(LEVELS.map(|level| shown(level, 100)), [200, 5, 2]);
    assert_eq!(LEVELS.map(|level| shown(level, 60_000)), [200, 50, 20]);
}

#[test]
fn a_room_without_limits_shows_everything() {
    let mut cap = RoomCap::default();
    let only_low = RoomLimits { normal: None, low: Some(1) };
    for (level, limits, expected) in [
        (Level::Normal, RoomLimits::default(), 1_000),
        (Level::Low, RoomLimits::default(), 1_000),
        (Level::Normal, only_low, 1_000),
        (Level::Low, only_low, 1),
    ] {
        let shown = (0..1_000).filter(|_| cap.take(level, &limits, ms(0))).count();
        assert_eq!(shown, expected, "{level:?} {limits:?}");
    }
}

proptest! {
    /// Over any time, what passes is a second's worth more than the rate, at most; HIGH comes on top.
    #[test]
    fn the_rate_holds_over_any_time(
        offers in proptest::collection::vec((0_usize..3, 0_u32..3_000, 0_u64..300), 1..300),
    ) {
        const RATE: u32 = 1_000;
        let mut budget = DeliveryBudget::default();
        let (mut now, mut passed, mut largest) = (0, 0, 0);
        for (level, deliveries, pause) in offers {
            now += pause;
            let taken = budget.take(LEVELS[level], deliveries, RATE, ms(now));
            if LEVELS[level] == Level::High {
                prop_assert!(taken);
            } else if taken {
                passed += u64::from(deliveries);
                largest = largest.max(u64::from(deliveries));
            }
            // One that is larger than a second's worth is paid off afterwards.
            let allowed = u64::from(RATE).max(largest) + u64::from(RATE) * now / 1_000;
            prop_assert!(passed <= allowed, "{passed} of {allowed} at {now} ms");
        }
    }
}
