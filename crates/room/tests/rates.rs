//! Per-client rates: a minute's worth at once, then a steady drip (protocol.md 9.2).

use std::time::Duration;

use grandstand_protocol::{ClientId, Command, RoomId};
use grandstand_room::rates::{AppRates, Kind, RateLimits, Rates, Wait};

const LIMITS: RateLimits = RateLimits { send: 60, history: 120, other: 30 };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How many are allowed at once.
fn burst(rates: &mut Rates, kind: Kind, now: Duration) -> u32 {
    (0..1_000).take_while(|_| rates.allow(kind, &LIMITS, now).is_ok()).count() as u32
}

#[test]
fn a_minutes_worth_at_once() {
    for (kind, expected) in [(Kind::Send, 60), (Kind::History, 120), (Kind::Join, 30), (Kind::Open, 30)] {
        for now in [Duration::ZERO, seconds(1_000_000)] {
            assert_eq!(burst(&mut Rates::default(), kind, now), expected, "{kind:?}");
        }
    }
}

#[test]
fn then_a_steady_drip() {
    let mut rates = Rates::default();
    let start = seconds(10);
    burst(&mut rates, Kind::Join, start);
    assert_eq!(rates.allow(Kind::Join, &LIMITS, start), Err(Wait(seconds(2))));
    let almost = start + seconds(2) - Duration::from_nanos(1);
    assert_eq!(rates.allow(Kind::Join, &LIMITS, almost), Err(Wait(Duration::from_nanos(1))));
    for turn in 1..=30 {
        assert_eq!(burst(&mut rates, Kind::Join, start + seconds(2 * turn)), 1, "turn {turn}");
    }
    assert_eq!(burst(&mut rates, Kind::Join, start + seconds(60 + 10)), 5);
    assert_eq!(burst(&mut rates, Kind::Join, start + seconds(70 + 60)), 30);
}

#[test]
fn who_keeps_to_the_rate_is_never_refused_and_no_minute_sees_more_than_twice_the_amount() {
    let mut rates = Rates::default();
    for second in 0..600 {
        assert_eq!(rates.allow(Kind::Send, &LIMITS, seconds(second)), Ok(()));
    }
    let mut greedy = Rates::default();
    let allowed: Vec<u32> = (0..300).map(|second| burst(&mut greedy, Kind::Send, seconds(second))).collect();
    assert_eq!(allowed.iter().sum::<u32>(), 60 + 299);
    assert!(allowed.windows(60).all(|minute| minute.iter().sum::<u32>() <= 120));
}

#[test]
fn each_kind_is_counted_apart() {
    let mut rates = Rates::default();
    for kind in [Kind::Join, Kind::Quit, Kind::Query, Kind::Count] {
        assert_eq!(burst(&mut rates, kind, Duration::ZERO), 30, "{kind:?}");
    }
    assert_eq!(burst(&mut rates, Kind::Send, Duration::ZERO), 60);
}

#[test]
fn the_operator_chooses_the_amounts() {
    let none = RateLimits { send: 0, ..LIMITS };
    assert_eq!(Rates::default().allow(Kind::Send, &none, Duration::ZERO), Err(Wait(seconds(60))));
    let many = RateLimits { send: u32::MAX, ..LIMITS };
    let mut rates = Rates::default();
    assert!((0..100_000).all(|_| rates.allow(Kind::Send, &many, Duration::ZERO).is_ok()));
}

#[test]
fn an_idle_value_may_be_forgotten() {
    let mut rates = Rates::default();
    assert!(rates.is_idle(Duration::ZERO));
    burst(&mut rates, Kind::Join, Duration::ZERO);
    assert!(rates.allow(Kind::Send, &LIMITS, Duration::ZERO).is_ok());
    assert!(!rates.is_idle(seconds(59)));
    assert!(rates.is_idle(seconds(60)));
}

#[test]
fn heartbeats_and_acknowledgements_are_free() {
    for free in [Command::Heartbeat, Command::Echo, Command::DeliveryAck, Command::PatchAck] {
        assert_eq!(Kind::of(&free), None, "{free:?}");
    }
    let room = RoomId::from("room");
    let join = Command::Join { room: room.clone(), members: Vec::new(), signature: None };
    assert_eq!(Kind::of(&join), Some(Kind::Join));
    assert_eq!(Kind::of(&Command::Count { room }), Some(Kind::Count));
    assert_eq!(Kind::of(&Command::Open(Box::default())), Some(Kind::Open));
}

#[test]
fn an_app_has_limits_of_its_own_and_clients_without() {
    let rates = AppRates {
        send: Some(5),
        history: None,
        other: Some(7),
        exempt: vec!["host".parse().unwrap(), "bot-*".parse().unwrap()],
    };
    let own = RateLimits { send: 5, history: 120, other: 7 };
    for (client, expected) in [
        ("guest", Some(own)),
        ("host", None),
        ("hosts", Some(own)),
        ("bot-1", None),
        ("bot-", None),
        ("BOT-1", Some(own)),
        ("a-bot-1", Some(own)),
    ] {
        assert_eq!(rates.of(&ClientId::new(client).unwrap(), &LIMITS), expected, "{client}");
    }
    assert_eq!(AppRates::default().of(&ClientId::new("guest").unwrap(), &LIMITS), Some(LIMITS));
}
