//! How long writes wait for company.

use std::time::Duration;

use grandstand_room::pace::{first_pass, next_pass};

#[test]
fn passes_take_a_quarter_of_the_time_and_wait_no_longer_than_allowed() {
    for (began, took, longest, expected) in [
        (100, 1, 20, 104),
        (100, 5, 20, 120),
        (100, 50, 20, 120),
        (100, 0, 20, 100),
        (100, 5, 0, 100),
        (0, 3, 20, 12),
    ] {
        let ms = Duration::from_millis;
        assert_eq!(
            next_pass(ms(began), ms(took), ms(longest)),
            ms(expected),
            "{took} ms since {began}, at most {longest}"
        );
    }
}

#[test]
fn a_burst_right_after_a_long_pass_comes_together_and_a_lone_message_leaves_at_once() {
    for (now, ended, took, longest, expected) in [
        (105, 100, 32, 20, 107),
        (117, 100, 32, 20, 117),
        (101, 100, 640, 20, 121),
        (101, 100, 32, 0, 101),
        (155, 100, 45, 20, 155),
    ] {
        let ms = Duration::from_millis;
        assert_eq!(
            first_pass(ms(now), ms(ended), ms(took), ms(longest)),
            ms(expected),
            "{} ms after a pass of {took}",
            now - ended
        );
    }
}
