//! A member that does not read: what it loses, what it never loses, and that nobody else notices.

use std::sync::Arc;

use bytes::Bytes;
use grandstand::{
    cluster::{Except, News, RoomNews},
    router::Session,
};
use grandstand_protocol::{Body, Command, Event, Format, Level, Mentions, Open, Push, RoomId};
use grandstand_room::account::Outcomes;
use serde_json::json;

use crate::{
    guest::{Guest, message},
    raw::{PONG, Raw},
    server::{APP, MASTER_KEY, Server},
};

/// A text of about this many bytes that begins with its number.
fn text(number: usize, bytes: usize) -> String {
    format!("{number} {}", "x".repeat(bytes))
}

fn number(text: &str) -> usize {
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_slow_member_loses_low_first_and_gets_every_high() {
    let server = Server::start("[limits]\nbacklog = \"64KiB\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    slow.open(Open::default()).await;
    slow.join(&room).await;

    let levels = [Level::Low, Level::Low, Level::Normal, Level::High];
    let total = 1200;
    for n in 0..total {
        host.say(&room, levels[n % 4], &text(n, 1000)).await;
    }
    host.say(&room, Level::High, "0 last").await;
    let mut heard = slow.hear_until("0 last").await;
    // What waited behind the last HIGH message still comes.
    host.say(&room, Level::Normal, "0 end").await;
    heard.extend(slow.hear_until("0 end").await);
    heard.retain(|text| !["0 last", "0 end"].contains(&text.as_str()));
    let heard: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    let count = |heard: &[usize], level: Level| heard.iter().filter(|n| levels[**n % 4] == level).count();
    assert_eq!(count(&heard, Level::High), total / 4, "every HIGH message");
    assert!(count(&heard, Level::Low) < total / 2, "the fault happened: LOW was left out");
    let (low, normal) = (count(&heard, Level::Low) * 2, count(&heard, Level::Normal) * 4);
    assert!(low < normal, "LOW goes first: of {total} would have come {low} LOW, {normal} NORMAL");
    let high: Vec<usize> = heard.into_iter().filter(|n| levels[n % 4] == Level::High).collect();
    assert!(high.is_sorted(), "HIGH in order");
}

#[tokio::test]
async fn a_member_with_a_full_high_lane_is_sent_away_and_misses_nothing_when_it_returns() {
    let server = Server::start("[limits]\nhigh_backlog = \"64KiB\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    let token = slow.open(Open::default()).await;
    slow.join(&room).await;

    let mut total = 0;
    while host.count(&room).await == 2 {
        host.say(&room, Level::High, &text(total, 1000)).await;
        total += 1;
    }
    // It reads on at once: the server waits only so long for its last words to be heard.
    assert_eq!(slow.raw.close_code().await, 1001, "come back");
    let mut back = Guest::reopen(server.address, "slow", &token).await;
    host.say(&room, Level::High, "0 last").await;
    let heard = back.hear_until("0 last").await;
    let mut numbers: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    numbers.pop();
    // It confirmed nothing, so everything comes again, in order.
    assert_eq!(numbers, (0..total).collect::<Vec<_>>());
}

#[tokio::test]
async fn with_defaults_who_is_sent_away_gets_all_that_waited_however_small() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut asleep = Guest::over(narrow, "asleep", Format::Binary);
    let token = asleep.open(Open::default()).await;
    asleep.join(&room).await;

    let mut total = 0;
    while host.count(&room).await == 2 {
        for _ in 0..100 {
            let message = message(&room, Level::High, &text(total, 200));
            host.send(Command::Send(Box::new(message))).await;
            total += 1;
        }
    }
    assert!(total > 3000, "1 MiB of small messages, not {total}");
    assert_eq!(asleep.raw.close_code().await, 1001, "come back");
    let mut back = Guest::reopen(server.address, "asleep", &token).await;
    host.say(&room, Level::High, "0 last").await;
    let mut heard = back.hear_until("0 last").await;
    heard.pop();
    let numbers: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    assert_eq!(numbers, (0..total).collect::<Vec<_>>(), "each once, in order");
}

/// A message enters its room at once: nothing else runs on the test's thread meanwhile.
async fn enter(server: &Server, room: &RoomId, level: Level, text: String, except: Except) {
    let push = Push {
        room: room.clone(),
        message: text.split(' ').next().unwrap().into(),
        timestamp: 1,
        from: "gateway".to_owned(),
        body: Body::Text(text),
        transient: true,
        mentions: Mentions::default(),
        patched_at: None,
    };
    let (app, event) = (APP.into(), Event::Message(Box::new(push)));
    let news = RoomNews { app, room: room.clone(), event, level, number: None, except };
    server.node.bus.publish(News::Room(news)).await;
}

fn session_of(server: &Server, room: &RoomId, client: &str) -> Arc<Session> {
    let members = server.node.router.app(&APP.into()).existing_hub(room).unwrap().members();
    members.into_iter().find(|member| member.identity.client.as_str() == client).unwrap()
}

#[tokio::test]
async fn more_high_in_one_go_than_may_wait_closes_nobody_whose_socket_takes_it() {
    // One write takes 15 of the messages; the other 9 are more than may wait, 8 are not.
    const MANY: usize = 24;
    let server = Server::start("[limits]\nhigh_backlog = \"35KiB\"").await;
    let (mut quiet, _) = Guest::log_in(server.address, "quiet").await;
    let room = quiet.create().await;
    let (mut sender, _) = Guest::log_in(server.address, "sender").await;
    for member in [&mut quiet, &mut sender] {
        member.join(&room).await;
    }
    let sending = session_of(&server, &room, "sender");

    for n in 0..MANY {
        let is_own = n == 0;
        let except = if is_own { Except::Session(sending.identity.session) } else { Except::Nobody };
        enter(&server, &room, Level::High, text(n, 4000), except).await;
        if is_own {
            // As its acknowledgement would: the flusher, which comes first, finds that something waits.
            sending.outbox.push_control(Bytes::from_static(&[PONG, 0]));
        }
    }
    enter(&server, &room, Level::High, "end".to_owned(), Except::Nobody).await;
    for (member, first) in [(&mut quiet, 0), (&mut sender, 1)] {
        let mut heard = member.hear_until("end").await;
        heard.pop();
        let heard: Vec<usize> = heard.iter().map(|text| number(text)).collect();
        assert_eq!(heard, (first..MANY).collect::<Vec<_>>(), "{}", member.client);
    }
}

#[tokio::test]
async fn what_the_node_itself_is_too_late_for_is_not_put_down_to_its_members() {
    const MANY: usize = 24;
    let server = Server::start("[limits]\nbacklog = \"8KiB\"").await;
    let (mut member, _) = Guest::log_in(server.address, "member").await;
    let room = member.create().await;
    member.join(&room).await;

    // Three times what the ring keeps, before a flusher comes round.
    for n in 0..MANY {
        enter(&server, &room, Level::Normal, text(n, 4000), Except::Nobody).await;
    }
    enter(&server, &room, Level::High, "end".to_owned(), Except::Nobody).await;
    let mut heard = member.hear_until("end").await;
    heard.pop();
    let heard: Vec<usize> = heard.iter().map(|text| number(text)).collect();
    let lost = MANY - heard.len();
    assert!(lost > 0, "the fault happened");
    assert_eq!(heard, (lost..MANY).collect::<Vec<_>>(), "the newest come");

    let hub = server.node.router.app(&APP.into()).existing_hub(&room).unwrap();
    for n in 0..MANY {
        let outcomes = hub.message_account(&n.to_string().as_str().into()).unwrap().fate.outcomes;
        let expected = if n < lost {
            Outcomes { overrun: 1, ..Outcomes::default() }
        } else {
            Outcomes { written: 1, ..Outcomes::default() }
        };
        assert_eq!(outcomes, expected, "message {n}");
    }
    let path = format!("/1.2/rtm/chatrooms/{room}/account");
    let (_, told) = server.get(&path, &format!("{MASTER_KEY},master")).await;
    assert_eq!(told["normal"]["dropped"], json!({ "behind": 0, "late": 0, "overrun": lost }));
}
