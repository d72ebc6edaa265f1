//! The account of a room: what became of each message, and that the sum closes.

mod model;

use std::time::Duration;

use grandstand_protocol::{
    Level::{self, High, Low, Normal},
    MessageId,
};
use grandstand_room::account::{
    Account, FATE_AGE, Fate, LevelTotals, MAX_FATES, Message, Outcome, Outcomes, Withheld,
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn message(number: u64) -> Message {
    Message { id: id(number), number: Some(number) }
}

fn id(number: u64) -> MessageId {
    MessageId::new(format!("message {number}"))
}

/// Messages 0.. of one level, each for ten members.
fn account(level: Level, messages: u64) -> Account {
    let mut account = Account::new();
    for number in 0..messages {
        account.enter(level, Some(message(number)), 10, at(number));
    }
    account
}

fn outcomes(account: &Account, number: u64) -> Outcomes {
    account.fate(&id(number)).expect("it is remembered").outcomes
}

fn written(members: i64) -> Outcomes {
    Outcomes { written: members, ..Outcomes::default() }
}

#[test]
fn a_fate_is_the_sum_of_what_passed_over_it() {
    let mut account = account(Normal, 4);
    account.count(Normal, 0..4, Outcome::Written, 7);
    account.count(Normal, 0..2, Outcome::Behind, 2);
    account.count(Normal, 2..4, Outcome::Written, 2);
    account.count(Normal, 1..4, Outcome::Left, 1);
    assert_eq!(outcomes(&account, 0), Outcomes { behind: 2, ..written(7) });
    assert_eq!(outcomes(&account, 1), Outcomes { behind: 2, left: 1, ..written(7) });
    assert_eq!(outcomes(&account, 2), Outcomes { left: 1, ..written(9) });
    assert_eq!(outcomes(&account, 3), Outcomes { left: 1, ..written(9) });
    let pending = |number| account.fate(&id(number)).expect("it is remembered").pending();
    assert_eq!([pending(0), pending(1), pending(2), pending(3)], [1, 0, 0, 0]);
    assert_eq!(
        *account.totals().level(Normal),
        LevelTotals {
            frames: 4,
            eligible: 40,
            outcomes: Outcomes { behind: 4, left: 3, ..written(32) },
            ..LevelTotals::default()
        }
    );
    assert_eq!(account.totals().level(Normal).pending(), 1);
}

#[test]
fn every_outcome_has_its_counter() {
    let mut account = account(Low, 1);
    for (outcome, members) in [
        (Outcome::Written, 1),
        (Outcome::Recalled, 2),
        (Outcome::Thinned, 3),
        (Outcome::Behind, 4),
        (Outcome::Late, 5),
        (Outcome::Left, 6),
        (Outcome::Overrun, 7),
    ] {
        account.count(Low, 0..1, outcome, members);
    }
    let expected = Outcomes { written: 1, recalled: 2, thinned: 3, behind: 4, late: 5, left: 6, overrun: 7 };
    assert_eq!((outcomes(&account, 0), expected.sum()), (expected, 28));
    assert_eq!(account.totals().level(Low).outcomes, expected);
}

#[test]
fn what_was_counted_can_be_taken_back() {
    let mut account = account(High, 3);
    account.count(High, 0..3, Outcome::Written, 10);
    account.count(High, 1..2, Outcome::Written, -10);
    account.count(High, 1..2, Outcome::Recalled, 10);
    assert_eq!(outcomes(&account, 0), written(10));
    assert_eq!(outcomes(&account, 1), Outcomes { recalled: 10, ..Outcomes::default() });
    assert_eq!(outcomes(&account, 2), written(10));
    assert_eq!(account.totals().level(High).outcomes, Outcomes { recalled: 10, ..written(20) });
}

#[test]
fn levels_are_apart_and_nothing_counts_for_what_comes_later() {
    let mut account = account(Normal, 1);
    account.count(Normal, 0..1, Outcome::Written, 10);
    account.enter(Low, Some(message(8)), 3, at(1));
    account.enter(Normal, Some(message(9)), 3, at(1));
    assert_eq!((outcomes(&account, 8), outcomes(&account, 9)), (Outcomes::default(), Outcomes::default()));
    account.count(Normal, 1..1, Outcome::Written, 10);
    assert_eq!(outcomes(&account, 9), Outcomes::default(), "an empty range");
}

#[test]
fn events_have_positions_but_no_name() {
    let mut account = account(High, 1);
    account.enter(High, None, 10, at(1));
    account.enter(High, Some(message(2)), 10, at(1));
    account.count(High, 1..3, Outcome::Written, 10);
    assert_eq!(account.fate(&id(2)).and_then(|fate| fate.position), Some(2));
    assert_eq!((outcomes(&account, 0), outcomes(&account, 2)), (written(0), written(10)));
    assert_eq!((account.totals().level(High).frames, account.totals().level(High).eligible), (3, 30));
}

#[test]
fn what_is_withheld_is_decided_at_once() {
    let mut account = account(Low, 1);
    account.withhold(Low, Some(message(5)), 10, Withheld::RoomLimit, at(3));
    account.withhold(Low, Some(message(6)), 20, Withheld::AppLimit, at(3));
    let fate = Fate {
        level: Low,
        entered: at(3),
        position: None,
        eligible: 10,
        outcomes: Outcomes::default(),
        withheld: Some(Withheld::RoomLimit),
        replayed: 0,
    };
    assert_eq!((fate.pending(), account.fate(&id(5))), (0, Some(fate)));
    let totals = account.totals().level(Low);
    assert_eq!((totals.frames, totals.eligible, totals.room_limit, totals.app_limit), (3, 40, 10, 20));
    assert_eq!(totals.pending(), 10);
    account.enter(Low, Some(message(7)), 10, at(3));
    assert_eq!(account.fate(&id(7)).and_then(|fate| fate.position), Some(1), "it took no position");
}

#[test]
fn a_replay_is_counted_where_its_number_is_known() {
    let mut account = Account::new();
    for number in [3, 4, 9] {
        account.enter(High, Some(message(number)), 10, at(0));
        account.enter(High, None, 10, at(0));
    }
    account.enter(High, Some(Message { id: id(10), number: None }), 10, at(0));
    account.withhold(High, Some(message(11)), 10, Withheld::AppLimit, at(0));
    for number in [4, 4, 9, 5, 2, 10, 11] {
        account.replayed(number);
    }
    let replayed = |number| account.fate(&id(number)).map(|fate| fate.replayed);
    assert_eq!([3, 4, 9, 10, 11].map(replayed), [Some(0), Some(2), Some(1), Some(0), Some(1)]);
    assert_eq!(account.totals().level(High).replayed, 7);
}

#[test]
fn fates_are_forgotten_by_age_and_the_sums_go_on() {
    let mut account = account(Normal, 4);
    account.withhold(Low, Some(message(8)), 10, Withheld::RoomLimit, at(2));
    account.count(Normal, 0..4, Outcome::Written, 8);
    account.count(Normal, 0..2, Outcome::Late, 1);
    account.expire(FATE_AGE + at(2));
    assert_eq!(
        [0, 1, 2, 3, 8].map(|number| account.fate(&id(number)).is_some()),
        [false, false, true, true, true]
    );
    assert_eq!(outcomes(&account, 2), written(8));
    // Partly forgotten, and wholly.
    account.count(Normal, 0..3, Outcome::Left, 1);
    account.count(Normal, 0..2, Outcome::Left, 1);
    assert_eq!(outcomes(&account, 2), Outcomes { left: 1, ..written(8) });
    assert_eq!(outcomes(&account, 3), written(8));
    assert_eq!(account.totals().level(Normal).outcomes, Outcomes { late: 2, left: 5, ..written(32) });

    account.expire(FATE_AGE + at(4));
    assert!(account.is_empty());
    account.count(Normal, 2..4, Outcome::Written, 1);
    account.enter(Normal, Some(message(9)), 10, at(700));
    let fate = account.fate(&id(9)).expect("it is remembered");
    assert_eq!((fate.position, fate.outcomes), (Some(4), Outcomes::default()));
    assert_eq!(account.totals().level(Normal).outcomes.written, 34);
}

#[test]
fn fates_are_forgotten_by_number_the_oldest_first() {
    let mut account = Account::new();
    account.withhold(Low, Some(message(0)), 10, Withheld::RoomLimit, at(0));
    account.enter(High, Some(message(1)), 10, at(1));
    let most = MAX_FATES as u64;
    for number in 2..most {
        account.enter(Low, Some(message(number)), 10, at(number));
    }
    let remembered = |account: &Account| [0, 1, 2, 3].map(|number| account.fate(&id(number)).is_some());
    assert_eq!(remembered(&account), [true; 4]);
    account.enter(Normal, Some(message(most)), 10, at(most));
    assert_eq!(remembered(&account), [false, true, true, true]);
    account.withhold(Normal, Some(message(most + 1)), 10, Withheld::RoomLimit, at(most));
    account.enter(Normal, Some(message(most + 2)), 10, at(most));
    assert_eq!(remembered(&account), [false, false, false, true]);
}

#[test]
fn totals_tell_what_came_since_the_last_look() {
    let mut account = account(Normal, 2);
    account.count(Normal, 0..2, Outcome::Written, 4);
    let before = *account.totals();
    account.count(Normal, 0..2, Outcome::Written, 3);
    account.enter(High, None, 5, at(1));
    let since = *account.totals() - before;
    assert_eq!(since.level(Normal).outcomes, written(6));
    assert_eq!((since.level(Normal).frames, since.level(High).frames, since.level(High).eligible), (0, 1, 5));
    assert_eq!(before + since, *account.totals());
}
