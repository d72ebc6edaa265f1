//! Who gets a place, who waits, who has to go.

use futures_util::FutureExt;
use tokio::time::timeout;

use super::*;
use crate::{config::Config, gateway::close::Close};

fn admission(change: impl FnOnce(&mut Limits)) -> Admission {
    let mut limits = Config::from_toml("").unwrap().limits;
    change(&mut limits);
    Admission::new(&limits)
}

/// A seat whose turn has come.
fn begun(admission: &Admission, address: IpAddr) -> Seat {
    let seat = admission.enter(address).unwrap();
    seat.begin();
    seat
}

/// Sockets in all, and those of them without a session.
fn figures(admission: &Admission) -> (usize, usize) {
    let sockets = admission.sockets();
    (sockets.all, sockets.without_session())
}

fn is_displaced(seat: &Seat) -> bool {
    seat.displaced().now_or_never().is_some()
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

#[tokio::test(start_paused = true)]
async fn handshakes_beyond_the_rate_wait() {
    let admission = admission(|limits| limits.handshakes_per_second = 10);
    let start = Instant::now();
    let mut seats = Vec::new();
    for _ in 0..30 {
        let seat = admission.enter(HERE).unwrap();
        admission.turn(&seat, start).await.unwrap();
        seats.push(seat);
    }
    let taken = start.elapsed().as_millis();
    assert!((2000..2100).contains(&taken), "ten at once, then ten a second: {taken} ms");
}

#[test]
fn who_waits_leaves_half_of_the_places_to_the_others() {
    // Connections, handshakes a second, how many may wait.
    for (connections, rate, longest) in [
        (1000, 10, 150),
        (1000, 1000, 500),
        (100_000, 1000, 15_000),
        (3, 1000, 1),
        (1, 1000, 1),
        (1000, 0, 15),
    ] {
        let admission = admission(|limits| {
            limits.connections = connections;
            limits.handshakes_per_second = rate;
        });
        assert_eq!(admission.longest_queue(), longest, "{connections} places, {rate} a second");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_in_nobodys_way_and_not_for_ever() {
    let admission = admission(|limits| {
        limits.handshakes_per_second = 10;
        limits.sessionless_sockets = 20;
        limits.sessionless_sockets_per_address = 1;
    });
    assert_eq!(admission.longest_queue(), 150, "more would wait for longer than their patience");
    let start = Instant::now();
    let oldest = begun(&admission, HERE);
    let waiting: Vec<Seat> = (0..200).map(|_| admission.enter(HERE).unwrap()).collect();
    assert!(!is_displaced(&oldest));
    assert_eq!(admission.sockets(), Sockets { all: 201, silent: 1, opening: 0, waiting: 200 });
    let mut turns = Vec::new();
    for seat in &waiting {
        turns.push(admission.turn(seat, start).await);
    }
    // Ten at once, and ten a second.
    assert_eq!(turns.iter().filter(|turn| turn.is_ok()).count(), 9 + 150);
    assert!(turns.is_sorted_by_key(|turn| turn.is_err()), "those who came last wait in vain");
    assert_eq!(turns.last(), Some(&Err(Refusal::Busy)));
    assert_eq!(start.elapsed(), PATIENCE);
    assert!(is_displaced(&oldest), "the address has newer ones now");
    drop(waiting);
    assert_eq!(admission.0.lock().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_comes_too_often_is_refused_and_takes_nobody_elses_time() {
    let admission = admission(|limits| {
        limits.handshakes_per_second = 20;
        limits.handshakes_per_second_per_address = 10;
    });
    let start = Instant::now();
    let mut admitted = Vec::new();
    for _ in 0..1000 {
        match admission.enter(HERE) {
            Ok(seat) => {
                admission.turn(&seat, start).await.unwrap();
                admitted.push(seat);
            }
            Err(refusal) => assert_eq!(refusal, Refusal::AddressTooFast),
        }
    }
    assert_eq!((admitted.len(), start.elapsed()), (10, Duration::ZERO));
    admission.enter(THERE).unwrap();
    let proxied = admission.enter_through_proxy().unwrap();
    assert_eq!(proxied.settle(HERE), Err(Refusal::AddressTooFast));
    assert_eq!(proxied.settle(THERE), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_is_not_displaced_and_is_waited_for() {
    let admission = admission(|limits| limits.sessionless_sockets = 2);
    let [first, second] = [HERE, THERE].map(|address| begun(&admission, address));
    first.session_opening();
    second.session_opening();
    assert_eq!(figures(&admission), (2, 2));
    let waiting = timeout(Duration::from_secs(60), admission.ready());
    assert!(waiting.await.is_err(), "there is no place, and nobody silent");
    first.session_opened();
    admission.ready().await;
    let silent = begun(&admission, HERE);
    let _next = begun(&admission, HERE);
    assert!(is_displaced(&silent) && !is_displaced(&second));

    // A login that fails makes a silent socket of it.
    second.session_lost();
    let _next = begun(&admission, THERE);
    assert_eq!(admission.0.lock().opening, 0);
}

#[tokio::test(start_paused = true)]
async fn logins_take_turns_and_who_waits_too_long_is_sent_away() {
    let logins = Logins::new(1);
    let order = Mutex::new(Vec::new());
    let login = async |name: &'static str, takes: u64| {
        let turn = logins.turn().await;
        order.lock().unwrap().push((name, turn.is_ok()));
        tokio::time::sleep(Duration::from_secs(takes)).await;
    };
    tokio::join!(login("first", 4), login("second", 6), login("third", 6), login("fourth", 1));
    let expected = [("first", true), ("second", true), ("third", true), ("fourth", false)];
    let mut came = order.lock().unwrap().clone();
    came.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(came, expected, "the fourth would have waited for 16 seconds");

    logins.close();
    assert_eq!(logins.turn().await.unwrap_err(), Close::COME_BACK);
}

#[test]
fn a_full_server_and_a_full_address_refuse_until_a_seat_is_given_back() {
    let admission = admission(|limits| {
        limits.connections = 3;
        limits.sockets_per_address = 2;
    });
    let first = admission.enter(HERE).unwrap();
    let _second = admission.enter(HERE).unwrap();
    assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
    let third = admission.enter(THERE).unwrap();
    assert_eq!(admission.enter(THERE).unwrap_err(), Refusal::Full);
    assert_eq!(figures(&admission), (3, 3));

    drop(first);
    admission.enter(HERE).unwrap();
    drop(third);
    assert_eq!(figures(&admission), (1, 1));
    assert_eq!(admission.0.lock().by_address.len(), 1, "addresses without sockets are forgotten");
}

#[test]
fn a_refused_socket_leaves_no_trace_of_its_address() {
    let admission = admission(|limits| limits.sockets_per_address = 1);
    let first = admission.enter(HERE).unwrap();
    assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
    assert_eq!(figures(&admission), (1, 1));
    drop(first);
    assert!(admission.0.lock().by_address.is_empty());
}

#[test]
fn the_oldest_socket_without_a_session_makes_room() {
    let admission = admission(|limits| limits.sessionless_sockets = 2);
    let opened = begun(&admission, HERE);
    opened.session_opened();
    opened.session_opened();
    let oldest = begun(&admission, HERE);
    let newer = begun(&admission, THERE);
    assert!(!is_displaced(&oldest));

    let newest = begun(&admission, THERE);
    assert!(is_displaced(&oldest));
    assert!(!is_displaced(&opened) && !is_displaced(&newer) && !is_displaced(&newest));
    assert_eq!(figures(&admission), (4, 2), "a displaced socket counts as a socket until it is closed");
    drop(oldest);
    assert_eq!(figures(&admission), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_next_socket_waits_until_the_oldest_has_had_its_time() {
    let admission = admission(|limits| limits.sessionless_sockets = 100);
    let start = Instant::now();
    let first = begun(&admission, HERE);
    admission.ready().await;
    let _others: Vec<Seat> = (1..100).map(|_| begun(&admission, HERE)).collect();
    assert!(admission.ready().now_or_never().is_none());
    first.session_opened();
    admission.ready().await;
    assert_eq!(start.elapsed(), Duration::ZERO, "a session makes room at once");

    let _next = begun(&admission, HERE);
    admission.ready().await;
    assert_eq!(start.elapsed(), Duration::from_millis(200), "a silent socket only after a while");
}

#[test]
fn an_address_displaces_its_own_oldest_only() {
    let admission = admission(|limits| limits.sessionless_sockets_per_address = 1);
    let other = begun(&admission, THERE);
    let oldest = begun(&admission, HERE);
    let newest = begun(&admission, HERE);
    assert!(is_displaced(&oldest));
    assert!(!is_displaced(&other) && !is_displaced(&newest));
}

#[test]
fn a_socket_that_lost_its_session_waits_as_the_newest() {
    let admission = admission(|limits| limits.sessionless_sockets = 2);
    let lost = begun(&admission, HERE);
    lost.session_opened();
    let waiting = begun(&admission, HERE);
    lost.session_lost();
    lost.session_lost();
    assert_eq!(figures(&admission), (2, 2));
    let _newest = begun(&admission, HERE);
    assert!(is_displaced(&waiting) && !is_displaced(&lost));
}

#[test]
fn a_proxied_socket_counts_for_its_address_once_that_is_known() {
    let admission = admission(|limits| limits.sockets_per_address = 1);
    let proxied = admission.enter_through_proxy().unwrap();
    let direct = admission.enter(HERE).unwrap();
    assert_eq!(proxied.settle(HERE), Err(Refusal::AddressFull));
    drop(direct);
    assert_eq!(proxied.settle(HERE), Ok(()));
    assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
}

#[test]
fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
    let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2:ffff::"));
    assert_ne!(address("2001:db8:1:2::"), address("2001:db8:1:3::"));
    assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
}
