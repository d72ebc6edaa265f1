//! How long writes wait for company.

use std::time::Duration;

use grandstand_room::pace::next_pass;

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
