//! Quotas of apps, and of wrong keys.

use std::time::Duration;

use grandstand_room::{
    quota::{GUESSING, Guess, Guesses, WRONG_KEYS, Window},
    rates::Wait,
};

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_window_begins_with_the_first_call_and_ends_a_minute_later() {
    let mut window = Window::default();
    for second in [100, 110, 159] {
        assert_eq!(window.has_place(3, MINUTE, seconds(second)), Ok(()));
        window.take(MINUTE, seconds(second));
    }
    assert_eq!(window.has_place(3, MINUTE, seconds(159)), Err(Wait(seconds(1))));
    assert_eq!(window.has_place(4, MINUTE, seconds(159)), Ok(()), "the limit was raised");
    assert_eq!(window.has_place(3, MINUTE, seconds(160)), Ok(()));
    window.take(MINUTE, seconds(170));
    assert!(!window.is_over(MINUTE, seconds(229)));
    assert!(window.is_over(MINUTE, seconds(230)));
}

#[test]
fn a_quota_of_nothing_lets_nothing_through() {
    assert_eq!(Window::default().has_place(0, MINUTE, seconds(1)), Err(Wait(seconds(59))));
}

#[test]
fn after_too_many_wrong_keys_none_is_compared() {
    let mut guesses = Guesses::default();
    for digest in 1..WRONG_KEYS as u64 {
        assert_eq!(guesses.judge(digest, seconds(5)), Ok(Guess::Fresh));
        assert!(!guesses.note(digest, seconds(5)));
        assert_eq!(guesses.judge(digest, seconds(5)), Ok(Guess::Repeated));
    }
    assert!(guesses.note(99, seconds(6)), "the last one");
    assert_eq!(guesses.judge(100, seconds(7)), Err(Wait(GUESSING - seconds(2))));
    assert_eq!(guesses.judge(1, seconds(7)), Err(Wait(GUESSING - seconds(2))));
    assert_eq!(guesses.judge(100, seconds(5) + GUESSING), Ok(Guess::Fresh));
    assert!(!guesses.note(100, seconds(5) + GUESSING), "a new hour");
}
