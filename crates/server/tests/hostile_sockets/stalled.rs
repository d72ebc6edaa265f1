//! Peers that do not read: the server stops reading from them, and holds a bounded part of what they are owed.

use std::{net::SocketAddr, time::Duration};

use grandstand_protocol::{Command, ConversationQuery, Format, Level, Open, StartConversation};
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use crate::{
    guest::Guest,
    peer::{payload, split},
    raw::{BINARY, CLOSE, PING, Raw, masked},
    siege::Siege,
};

/// Each may hold a quarter of a megabyte of the server.
const PEERS: usize = 10;

/// A write that takes so long waits for a server that does not read.
const STALL: Duration = Duration::from_secs(1);

/// What the kernel holds for both ends, and what the server takes in, is less.
const TOO_MUCH: usize = 1024 * 1024;

/// Sends the same frame until the server reads no more; then reads until each is answered.
async fn stall_and_recover(raw: Raw, frame: &[u8]) {
    let (mut reading, mut writing) = split(raw);
    let block = frame.repeat((16 * 1024 / frame.len()).max(1));
    let mut sent = 0;
    loop {
        let rest = &block[sent % block.len()..];
        match timeout(STALL, writing.write(rest)).await {
            Ok(written) => sent += written.unwrap(),
            Err(_) => break,
        }
        assert!(sent < TOO_MUCH, "the server never stopped reading");
    }
    let begun = sent % frame.len();
    let finish = async {
        if begun > 0 {
            writing.write_all(&frame[begun..]).await.unwrap();
        }
    };
    let read = async {
        for answered in 0..sent.div_ceil(frame.len()) {
            let (first, payload) = reading.next().await.expect("an answer before the end");
            assert_ne!(first, CLOSE, "{payload:?} after {answered} answers");
        }
    };
    tokio::join!(finish, read);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_of_a_peer_that_does_not_read_wait_in_the_kernel() {
    for payload in [&[b'?'; 125][..], b""] {
        Siege::lay("")
            .await
            .withstands(0..PEERS, |address, _| async move {
                let raw = Raw::connect_narrow(address, "lc.protobuf2.3").await;
                stall_and_recover(raw, &masked(PING, payload)).await;
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_a_peer_that_does_not_read_wait_in_the_kernel() {
    // Echoes are always answered, counts with 4116.
    Siege::lay("[client_limits]\nsend = 1000000\nother = 100")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let raw = Raw::connect_narrow(address, "lc.protobuf2.3").await;
            let mut guest = Guest::over(raw, &format!("stalled-{number}"), Format::Binary);
            guest.open(Open::default()).await;
            let query = Command::QueryOnline { clients: vec!["nobody".into()] };
            let command = if number % 2 == 0 { Command::Echo } else { query };
            stall_and_recover(guest.raw, &masked(BINARY, &payload(Format::Binary, 1, command))).await;
        })
        .await;
}

/// One small command, one answer of 300 KB: what came in one read must not all be answered at once.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_made_one_by_one() {
    const QUERIES: usize = 40;
    let siege = Siege::lay("").await;
    fill_with_rooms(siege.address()).await;
    let query = ConversationQuery {
        filter: Some("{\"large\":true}".into()),
        limit: Some(100),
        ..ConversationQuery::default()
    };
    let query = masked(BINARY, &payload(Format::Binary, 1, Command::Query(Box::new(query))));
    siege
        .withstands(0..2, |address, number| {
            let queries = query.repeat(QUERIES);
            async move {
                let raw = Raw::connect_narrow(address, "lc.protobuf2.3").await;
                let mut guest = Guest::over(raw, &format!("greedy-{number}"), Format::Binary);
                guest.open(Open::default()).await;
                guest.raw.send_bytes(&queries).await;
                sleep(STALL).await;
                for _ in 0..QUERIES {
                    let (first, payload) = guest.raw.next().await.expect("results before the end");
                    assert!(first == BINARY && payload.len() > 300_000);
                }
            }
        })
        .await;
}

/// 20 rooms with about as many attributes as a room may have.
async fn fill_with_rooms(address: SocketAddr) {
    let (mut creator, _) = Guest::log_in(address, "creator").await;
    let attributes = format!("{{\"large\":true,\"text\":\"{}\"}}", "x".repeat(15 * 1024));
    for _ in 0..20 {
        let attributes = Some(attributes.clone());
        let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
        creator.ask(Command::Start(Box::new(start))).await;
    }
}

/// What exactly they lose is told by the tests of the gateway. Here: that they can be many, and are sent away.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_never_read_are_sent_away_and_cost_little() {
    const MEMBERS: i32 = 30;
    let siege = Siege::lay("[limits]\nbacklog = \"64KiB\"\nhigh_backlog = \"64KiB\"").await;
    let address = siege.address();
    let attack = async move {
        let (mut host, _) = Guest::log_in(address, "host").await;
        let room = host.create().await;
        let mut stalled = Vec::new();
        for number in 0..MEMBERS {
            let raw = Raw::connect_narrow(address, "lc.protobuf2.3").await;
            let mut member = Guest::over(raw, &format!("stalled-{number}"), Format::Binary);
            member.open(Open::default()).await;
            member.join(&room).await;
            stalled.push(member);
        }
        let text = "x".repeat(4000);
        let levels = [Level::Low, Level::Normal, Level::High].into_iter().cycle();
        for level in levels.take(300) {
            host.say(&room, level, &text).await;
        }
        // They do not even take the close, and hold their sockets.
        while host.count(&room).await > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    siege.withstands_all(attack).await;
}
