//! Confirmation of HIGH messages by ping and pong.

use std::time::Duration;

use grandstand_room::gap::{Confirmation, PING_INTERVAL};

const START: Duration = Duration::from_secs(5);

#[test]
fn a_pong_confirms_what_was_written_before_its_ping() {
    let mut member = Confirmation::new(0, 10);
    assert_eq!((member.confirmed(), member.ping_due(START)), (10, None));
    member.wrote_high(12);
    member.wrote_high(15);
    let ping = member.ping_due(START).unwrap();
    member.wrote_high(16);
    assert_eq!(member.confirmed(), 10);
    assert!(member.pong(&ping));
    assert_eq!(member.confirmed(), 15);
}

#[test]
fn at_most_one_ping_outstanding_and_one_a_second() {
    let mut member = Confirmation::new(0, 0);
    member.wrote_high(1);
    assert_eq!(member.ping_wait(START), Some(Duration::ZERO));
    let first = member.ping_due(START).unwrap();
    member.wrote_high(2);
    let later = START + 10 * PING_INTERVAL;
    assert_eq!((member.ping_due(later), member.ping_wait(later)), (None, None), "one is outstanding");

    assert!(member.pong(&first));
    let early = START + PING_INTERVAL - Duration::from_millis(1);
    assert_eq!((member.ping_due(early), member.ping_wait(early)), (None, Some(Duration::from_millis(1))));
    let second = member.ping_due(START + PING_INTERVAL).unwrap();
    assert!(member.pong(&second));
    assert_eq!((member.confirmed(), member.ping_wait(later)), (2, None), "nothing is unconfirmed");
}

#[test]
fn other_pongs_confirm_nothing() {
    let mut member = Confirmation::new(7, 0);
    member.wrote_high(1);
    for unasked in [&[][..], &[0; 8], &1_u64.to_be_bytes(), b"keepalive"] {
        assert!(!member.pong(unasked));
    }
    let ping = member.ping_due(START).unwrap();
    let mut of_other_session = Confirmation::new(8, 0);
    of_other_session.wrote_high(1);
    let foreign = of_other_session.ping_due(START).unwrap();
    assert_ne!(ping, foreign);
    assert!(!member.pong(&foreign) && !member.pong(&ping[..7]));
    assert_eq!(member.confirmed(), 0);
    assert!(member.pong(&ping));
    assert!(!member.pong(&ping), "a pong counts once");
    assert_eq!(member.confirmed(), 1);
}

#[test]
fn what_comes_twice_or_late_moves_nothing_back() {
    let mut member = Confirmation::new(0, 10);
    member.wrote_high(3);
    assert_eq!(member.ping_due(START), None);
    member.wrote_high(11);
    member.wrote_high(11);
    let ping = member.ping_due(START).unwrap();
    assert!(member.pong(&ping));
    assert_eq!(member.confirmed(), 11);
}
