//! `kill -9` while members are there: what comes again, and what does not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use grandstand_protocol::Level;
use tokio::time::sleep;

use crate::{guest::Guest, server};

#[tokio::test]
async fn what_was_confirmed_a_while_before_a_crash_does_not_come_twice_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), "");
    let (mut host, host_token) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let (mut guest, token) = Guest::log_in(server.public, "guest").await;
    guest.join(&room).await;

    let mut heard: BTreeMap<String, u32> = BTreeMap::new();
    let hear = |heard: &mut BTreeMap<String, u32>, texts: Vec<String>| {
        texts.into_iter().for_each(|text| *heard.entry(text).or_default() += 1);
    };
    for n in 0..50 {
        host.say(&room, Level::High, &format!("early {n:02}")).await;
    }
    hear(&mut heard, guest.hear_until("early 49").await);
    // Pings and pongs go on until all is confirmed, then the next beat notes it.
    let confirmed = Instant::now() + Duration::from_secs(5);
    while Instant::now() < confirmed {
        guest.count(&room).await;
        sleep(Duration::from_millis(50)).await;
    }
    for n in 0..20 {
        host.say(&room, Level::High, &format!("late {n:02}")).await;
    }
    hear(&mut heard, guest.hear_until("late 09").await);
    server.signal("KILL");
    server.wait();
    drop((host, guest));

    let server = server::start(folder.path(), "");
    let mut guest = Guest::reopen(server.public, "guest", &token).await;
    let mut host = Guest::reopen(server.public, "host", &host_token).await;
    host.say(&room, Level::High, "end").await;
    hear(&mut heard, guest.hear_until("end").await);
    for n in 0..50 {
        assert_eq!(heard[&format!("early {n:02}")], 1, "confirmed long before: {heard:?}");
    }
    for n in 0..20 {
        let times = heard.get(&format!("late {n:02}")).copied().unwrap_or(0);
        assert!((1..=2).contains(&times), "late {n}: {times} times");
    }
}

/// A guest that never confirms gets all since it came, not none.
#[tokio::test]
async fn what_was_never_confirmed_comes_again_after_a_crash_however_old() {
    let folder = tempfile::tempdir().unwrap();
    let server = server::start(folder.path(), "");
    let (mut host, host_token) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let (mut guest, token) = Guest::log_in(server.public, "guest").await;
    guest.confirms = false;
    guest.join(&room).await;
    for n in 0..10 {
        host.say(&room, Level::High, &format!("{n}")).await;
    }
    guest.hear_until("9").await;
    // Beats pass, and note nothing of this guest.
    sleep(Duration::from_secs(3)).await;
    server.signal("KILL");
    server.wait();

    let server = server::start(folder.path(), "");
    let mut guest = Guest::reopen(server.public, "guest", &token).await;
    let mut host = Guest::reopen(server.public, "host", &host_token).await;
    host.say(&room, Level::High, "end").await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).chain(["end".to_owned()]).collect();
    assert_eq!(guest.hear_until("end").await, expected);
}
