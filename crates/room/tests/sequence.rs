//! Order of a room's events, whatever the bus does to them.

use grandstand_room::sequence::{Outcome, Sequencer};
use proptest::prelude::*;

/// A sequencer that has delivered everything up to `base`. Events are their own numbers.
fn at(base: u64) -> Sequencer<u64> {
    let mut sequencer = Sequencer::new(100);
    assert_eq!(sequencer.set_base(base), Vec::<u64>::new());
    sequencer
}

fn offer(sequencer: &mut Sequencer<u64>, number: u64) -> Outcome<u64> {
    sequencer.offer(number, number - 1, number)
}

#[test]
fn what_comes_in_order_is_delivered_at_once() {
    let mut sequencer = at(5);
    for number in 6..10 {
        assert_eq!(offer(&mut sequencer, number), Outcome::Deliver(number, vec![]));
    }
    assert_eq!((sequencer.base(), sequencer.missing()), (Some(9), None));
}

#[test]
fn what_comes_early_waits() {
    let mut sequencer = at(5);
    assert_eq!(offer(&mut sequencer, 8), Outcome::Parked);
    assert_eq!(offer(&mut sequencer, 9), Outcome::Parked);
    assert_eq!(sequencer.missing(), Some(6..=7));
    assert_eq!(offer(&mut sequencer, 6), Outcome::Deliver(6, vec![]));
    assert_eq!(sequencer.missing(), Some(7..=7));
    assert_eq!(offer(&mut sequencer, 7), Outcome::Deliver(7, vec![8, 9]));
    assert_eq!(sequencer.missing(), None);
}

#[test]
fn what_comes_again_is_dropped() {
    let mut sequencer = at(5);
    offer(&mut sequencer, 8);
    for number in [1, 5, 8] {
        assert_eq!(offer(&mut sequencer, number), Outcome::Duplicate, "{number}");
    }
}

#[test]
fn the_previous_number_says_whether_there_is_a_gap() {
    let mut sequencer = at(5);
    assert_eq!(sequencer.offer(9, 5, 9), Outcome::Deliver(9, vec![]));
    assert_eq!(sequencer.offer(20, 12, 20), Outcome::Parked);
    assert_eq!(sequencer.missing(), Some(10..=12));
}

#[test]
fn nothing_is_delivered_before_the_base_is_known() {
    let mut sequencer = Sequencer::new(100);
    for number in [4, 7, 5, 6, 9] {
        assert_eq!(offer(&mut sequencer, number), Outcome::Parked);
    }
    assert_eq!((sequencer.base(), sequencer.missing()), (None, None));
    assert_eq!(sequencer.set_base(5), vec![6, 7]);
    assert_eq!(sequencer.missing(), Some(8..=8));
}

#[test]
fn a_second_base_changes_nothing() {
    let mut sequencer = at(5);
    assert_eq!(sequencer.set_base(8), Vec::<u64>::new());
    assert_eq!(offer(&mut sequencer, 6), Outcome::Deliver(6, vec![]), "still on its way");
}

#[test]
fn the_store_fills_the_gap() {
    let mut sequencer = at(5);
    offer(&mut sequencer, 9);
    // 7 comes while the store is read.
    offer(&mut sequencer, 7);
    assert_eq!(sequencer.fill([(5, 5), (6, 6), (7, 7), (8, 8)]), vec![6, 7, 8, 9]);
    assert_eq!(sequencer.base(), Some(9));
}

#[test]
fn a_part_of_the_gap_keeps_its_order() {
    let mut sequencer = at(5);
    offer(&mut sequencer, 9);
    offer(&mut sequencer, 7);
    assert_eq!(sequencer.fill([(6, 6)]), vec![6, 7]);
    assert_eq!(sequencer.missing(), Some(8..=8));
}

#[test]
fn what_the_store_lacks_is_passed_over() {
    let mut sequencer = at(5);
    for number in [7, 9, 12] {
        offer(&mut sequencer, number);
    }
    assert_eq!(sequencer.skip_to(8), vec![7, 9]);
    assert_eq!(sequencer.missing(), Some(10..=11));
    assert_eq!(sequencer.skip_to(3), Vec::<u64>::new());
    assert_eq!(sequencer.base(), Some(9));
}

#[test]
fn beyond_the_capacity_the_oldest_go_to_the_store() {
    let mut sequencer = Sequencer::new(3);
    sequencer.set_base(0);
    for number in 2..10 {
        assert_eq!(offer(&mut sequencer, number), Outcome::Parked);
    }
    assert_eq!(sequencer.missing(), Some(1..=6));
    assert_eq!(sequencer.fill((1..=6).map(|number| (number, number))), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_wrong_previous_number_does_no_harm() {
    let mut sequencer = at(5);
    assert_eq!(sequencer.offer(8, 100, 8), Outcome::Parked);
    assert_eq!(sequencer.missing(), Some(6..=7));
    assert_eq!(sequencer.offer(0, 0, 0), Outcome::Duplicate);
}

proptest! {
    /// Lost, doubled, swapped: with the store's help each event is delivered once, in order.
    #[test]
    fn every_event_once_and_in_order(
        arrivals in proptest::collection::vec(1..60_u64, 0..200),
        head in 0..20_u64,
        base_after in 0..50_usize,
        capacity in 1..40_usize,
    ) {
        let mut sequencer = Sequencer::new(capacity);
        let mut delivered = Vec::new();
        for (turn, number) in arrivals.iter().copied().enumerate() {
            if turn == base_after {
                delivered.extend(sequencer.set_base(head));
            }
            if let Outcome::Deliver(first, then) = offer(&mut sequencer, number) {
                delivered.push(first);
                delivered.extend(then);
            }
        }
        delivered.extend(sequencer.set_base(head));
        while let Some(missing) = sequencer.missing() {
            delivered.extend(sequencer.fill(missing.map(|number| (number, number))));
        }
        let expected: Vec<u64> = (head + 1..=sequencer.base().unwrap()).collect();
        prop_assert_eq!(delivered, expected);
        let newest = arrivals.iter().copied().max().unwrap_or(0);
        prop_assert_eq!(sequencer.base(), Some(newest.max(head)));
    }
}
