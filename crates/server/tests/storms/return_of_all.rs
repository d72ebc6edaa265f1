//! Everybody is cut off at once and comes back at once.

use grandstand_protocol::{Level, RoomId, Token};
use tokio::task::JoinSet;

use crate::{guest::Guest, server};

const CLIENTS: usize = 1500;
const MISSED: usize = 40;

async fn come(address: std::net::SocketAddr, room: RoomId, n: usize) -> (String, Guest, Token) {
    let client = format!("guest-{n}");
    let (mut guest, token) = Guest::log_in(address, &client).await;
    guest.join(&room).await;
    (client, guest, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_share_reads_and_miss_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // So few logins at a time that most have to wait for their turn.
    let server = server::start(folder.path(), "opens_at_once = 16\n");
    let (mut host, _) = Guest::log_in(server.public, "host").await;
    let room = host.create().await;
    let coming: JoinSet<_> = (0..CLIENTS).map(|n| come(server.public, room.clone(), n)).collect();
    let mut members = coming.join_all().await;
    assert_eq!(host.count(&room).await, i32::try_from(CLIENTS).unwrap() + 1);
    let joined = server.counter("grandstand_store_reads_total");

    let tokens: Vec<_> = members
        .drain(..)
        .map(|(client, guest, token)| {
            drop(guest);
            (client, token)
        })
        .collect();
    while host.count(&room).await > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for n in 0..MISSED {
        host.say(&room, Level::High, &format!("gift {n}")).await;
        host.say(&room, Level::Normal, "chatter").await;
    }
    let before =
        ["grandstand_store_reads_total", "grandstand_gap_reads_total"].map(|name| server.counter(name));
    let address = server.public;
    let returning: JoinSet<_> = tokens
        .into_iter()
        .map(|(client, token)| async move {
            let mut guest = Guest::reopen(address, &client, &token).await;
            let heard = guest.hear_until(&format!("gift {}", MISSED - 1)).await;
            (guest, heard)
        })
        .collect();
    let expected: Vec<String> = (0..MISSED).map(|n| format!("gift {n}")).collect();
    let mut back = Vec::new();
    for (guest, heard) in returning.join_all().await {
        assert_eq!(heard, expected, "{}", guest.client);
        back.push(guest);
    }
    assert_eq!(host.count(&room).await, i32::try_from(CLIENTS).unwrap() + 1, "all are back in the room");
    let reads = server.counter("grandstand_store_reads_total") - before[0];
    let gaps = server.counter("grandstand_gap_reads_total") - before[1];
    eprintln!("{CLIENTS} joined with {joined} reads and came back with {reads}, {gaps} of them for gaps");
    assert!(joined <= CLIENTS as u64 + 20, "at most one each: {joined} reads");
    assert!(reads <= CLIENTS as u64, "less than one each: {reads} reads");
    assert!((1..=50).contains(&gaps), "{gaps} reads of the gap");
    for name in ["grandstand_sockets_displaced_total", "grandstand_sockets_refused_total"] {
        assert_eq!(server.counter(name), 0, "{name}");
    }
}
