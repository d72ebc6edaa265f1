//! How long writes wait for company.

use std::time::Duration;

use grandstand_room::pace::Pass;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn check(pass: (u64, u64, u64), (now, pending, longest): (u64, u64, u64), expected: u64) {
    let (began, ended, gathered) = pass;
    let last = Pass { began: ms(began), ended: ms(ended), gathered };
    let next = last.next(ms(now), pending, ms(longest)).max(ms(now));
    assert_eq!(next, ms(expected), "{pending} pending at {now}, {last:?}, at most {longest} ms");
}

#[test]
fn passes_take_a_quarter_of_the_time_and_wait_no_longer_than_allowed() {
    check((100, 101, 1), (101, 1, 20), 104);
    check((100, 105, 1), (105, 1, 20), 120);
    check((100, 150, 1), (150, 1, 20), 150);
    check((100, 100, 1), (100, 1, 20), 100);
    check((100, 105, 1), (105, 1, 0), 105);
    check((100, 105, 1), (300, 1, 20), 300);
}

#[test]
fn a_burst_right_after_a_long_pass_comes_together() {
    check((100, 132, 16), (133, 1, 20), 135);
    check((100, 132, 16), (132, 0, 20), 134);
    check((100, 132, 16), (133, 8, 20), 133);
    check((100, 132, 16), (149, 1, 20), 149);
    check((100, 740, 16), (741, 1, 20), 761);
    check((100, 132, 16), (133, 1, 0), 133);
}

#[test]
fn a_lone_message_leaves_at_once() {
    check((100, 145, 1), (200, 1, 20), 200);
    check((100, 109, 1), (200, 1, 20), 200);
}
