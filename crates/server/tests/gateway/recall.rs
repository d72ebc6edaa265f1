//! What reaches members in which order: edits and recalls when they are behind, pings, and news that got lost.

use std::time::Duration;

use grandstand::{
    apps::{App, Apps},
    cluster::{Except, News, RoomNews},
    store::NewMessage,
};
use grandstand_protocol::{
    Body, ClientId, Command, Downlink, Event, Format, Level, Mentions, MessageId, Open, Patch, PatchRequest,
    Push, RoomId,
};
use grandstand_room::{
    session::SessionId,
    switches::{OwnSessions, Switches},
};

use crate::{
    guest::{Guest, message},
    raw::{BINARY, PING, Raw},
    server::{APP, MASTER_KEY, Server},
};

/// A member that reads nothing, and enough messages that some wait for it.
async fn behind(server: &Server, host: &mut Guest, room: &RoomId) -> Guest {
    let narrow = Raw::connect_narrow(server.address, "lc.protobuf2.3").await;
    let mut slow = Guest::over(narrow, "slow", Format::Binary);
    slow.open(Open::default()).await;
    slow.join(room).await;
    fill(host, room).await;
    slow
}

async fn fill(host: &mut Guest, room: &RoomId) {
    for _ in 0..300 {
        host.say(room, Level::Normal, &"x".repeat(1000)).await;
    }
}

async fn send(host: &mut Guest, room: &RoomId, level: Level, text: &str) -> PatchRequest {
    let answer = host.ask(Command::Send(Box::new(message(room, level, text)))).await;
    let Event::Accepted { message, timestamp } = answer else { panic!("accepted, not {answer:?}") };
    let (room, mentions) = (room.clone(), Mentions::default());
    PatchRequest { room, message, timestamp, recall: false, body: None, mentions }
}

async fn modify(host: &mut Guest, patch: PatchRequest) {
    let answer = host.ask(Command::Modify { patches: vec![patch] }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
}

fn is(push: &Push, text: &str) -> bool {
    push.body == Body::Text(text.to_owned())
}

/// All that comes before this text.
async fn read_until(guest: &mut Guest, last: &str) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let event = guest.read().await.expect("more").event;
        if matches!(&event, Event::Message(push) if is(push, last)) {
            return seen;
        }
        seen.push(event);
    }
}

#[tokio::test]
async fn a_member_that_is_behind_gets_recalled_and_edited_messages_as_they_are_now() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let mut slow = behind(&server, &mut host, &room).await;
    let (mut prompt, _) = Guest::log_in(server.address, "prompt").await;
    prompt.join(&room).await;

    let secret = send(&mut host, &room, Level::Normal, "secret").await;
    let wrong = send(&mut host, &room, Level::High, "wrong").await;
    read_until(&mut prompt, "wrong").await;
    modify(&mut host, PatchRequest { recall: true, ..secret.clone() }).await;
    modify(&mut host, PatchRequest { body: Some(Body::Text("right".into())), ..wrong.clone() }).await;
    host.say(&room, Level::Normal, "end").await;

    let seen = read_until(&mut slow, "end").await;
    assert!(!seen.iter().any(|event| matches!(event, Event::Patched(_))), "there is nothing to patch");
    let pushes: Vec<&Push> = seen
        .iter()
        .filter_map(|event| if let Event::Message(push) = event { Some(&**push) } else { None })
        .collect();
    let [stub, right] = [&secret.message, &wrong.message]
        .map(|id| *pushes.iter().find(|push| push.message == *id).expect("in its place"));
    assert!(is(stub, r#"{"_lctype":-127}"#), "{stub:?}");
    assert!(is(right, "right"), "{right:?}");
    assert!(stub.patched_at.is_some() && right.patched_at.is_some());
    assert_eq!(stub.timestamp, secret.timestamp);

    // Who has the messages gets the patches.
    let seen = read_until(&mut prompt, "end").await;
    assert_eq!(seen.iter().filter(|event| matches!(event, Event::Patched(_))).count(), 2);
}

#[tokio::test]
async fn a_member_that_is_always_behind_is_asked_for_confirmation() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let mut slow = behind(&server, &mut host, &room).await;
    host.say(&room, Level::High, "high").await;
    fill(&mut host, &room).await;
    host.say(&room, Level::Normal, "end").await;

    let (mut high, mut asked) = (false, false);
    while let Some((first, payload)) = slow.raw.next().await {
        asked |= high && first == PING;
        if first == BINARY
            && let Event::Message(push) = Downlink::decode(Format::Binary, &payload).unwrap().event
        {
            high |= is(&push, "high");
            if is(&push, "end") {
                break;
            }
        }
    }
    assert!(asked, "a ping behind the HIGH message, though more was waiting");
}

#[tokio::test]
async fn what_the_store_cannot_tell_is_waited_for_and_not_passed_over() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    let database = rusqlite::Connection::open(server.data.path().join("grandstand.db")).unwrap();

    // The news of the first message gets lost while the store cannot be read.
    lose(&server, &room, "host").await;
    database.execute_batch("ALTER TABLE messages RENAME TO hidden").unwrap();
    tell_next(&server, &room).await;
    let heard = tokio::time::timeout(Duration::from_millis(300), guest.hear()).await;
    assert!(heard.is_err(), "passed over: {heard:?}");

    database.execute_batch("ALTER TABLE hidden RENAME TO messages").unwrap();
    assert_eq!(guest.hear_until("next").await, ["lost", "next"]);
}

#[tokio::test]
async fn whether_a_late_message_reaches_the_senders_other_sessions_is_the_apps_to_say() {
    for own_sessions in [OwnSessions::Deliver, OwnSessions::Exclude] {
        let server = Server::start("").await;
        let switches = Switches { own_sessions, ..Switches::default() };
        server.node.apps.replace(Apps::new(vec![App { switches, ..App::new(APP, "key", MASTER_KEY) }]));
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut guest, _) = Guest::log_in(server.address, "guest").await;
        guest.join(&room).await;
        lose(&server, &room, "guest").await;
        tell_next(&server, &room).await;
        let expected: &[&str] = match own_sessions {
            OwnSessions::Deliver => &["lost", "next"],
            OwnSessions::Exclude => &["next"],
        };
        assert_eq!(guest.hear_until("next").await, expected, "{own_sessions:?}");
    }
}

/// News of an edit or a recall, as it may come over a bus that keeps no order.
async fn tell_patch(
    server: &Server,
    room: &RoomId,
    message: &str,
    (patched_at, recall): (i64, bool),
    told: fn(RoomNews) -> News,
) {
    let body = if recall { r#"{"_lctype":-127}"#.to_owned() } else { format!("as of {patched_at}") };
    let event = Event::Patched(Box::new(Patch {
        room: room.clone(),
        message: MessageId::from(message),
        timestamp: 7,
        from: "host".to_owned(),
        patched_at,
        recall,
        body: Body::Text(body),
        mentions: Mentions::default(),
        code: None,
        reason: None,
    }));
    let (app, room, number, except) = (APP.into(), room.clone(), None, Except::Nobody);
    let news = RoomNews { app, room, event, level: Level::High, number, except };
    server.node.bus.publish(told(news)).await;
}

#[tokio::test]
async fn an_edit_that_was_overtaken_is_not_shown() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    for (message, patch) in [
        ("one", (11, true)),
        ("one", (10, false)),
        ("two", (13, false)),
        ("two", (12, false)),
        ("two", (14, false)),
    ] {
        tell_patch(&server, &room, message, patch, News::Room).await;
    }
    host.say(&room, Level::Normal, "end").await;
    let seen = read_until(&mut guest, "end").await;
    let patches: Vec<_> = seen
        .iter()
        .filter_map(|event| if let Event::Patched(patch) = event { Some(patch.patched_at) } else { None })
        .collect();
    assert_eq!(patches, [11, 13, 14]);
}

#[tokio::test]
async fn a_message_that_waits_for_an_earlier_one_comes_as_it_is_by_then() {
    let stub = r#"{"_lctype":-127}"#;
    // Of what a purge recalls in the past, nobody is told.
    let told: [fn(RoomNews) -> News; 3] = [News::Room, News::Room, News::Amended];
    for (told, (recall, expected)) in told.into_iter().zip([(false, "as of 10"), (true, stub), (true, stub)])
    {
        let server = Server::start("").await;
        let (mut host, _) = Guest::log_in(server.address, "host").await;
        let room = host.create().await;
        let (mut guest, _) = Guest::log_in(server.address, "guest").await;
        guest.join(&room).await;
        // The second message waits for the first, of which no news comes, and which cannot be read.
        lose(&server, &room, "host").await;
        let database = rusqlite::Connection::open(server.data.path().join("grandstand.db")).unwrap();
        database.execute_batch("ALTER TABLE messages RENAME TO hidden").unwrap();
        tell_next(&server, &room).await;
        tell_patch(&server, &room, "next", (10, recall), told).await;
        database.execute_batch("ALTER TABLE hidden RENAME TO messages").unwrap();
        assert_eq!(guest.hear_until("lost").await, ["lost"]);
        let next = guest.hear().await;
        assert!(is(&next, expected), "{next:?}");
        assert_eq!(next.patched_at, Some(10));
    }
}

/// The first message of a room, by a session that is not here: it is stored, and no news of it comes.
async fn lose(server: &Server, room: &RoomId, from: &str) {
    let lost = NewMessage {
        app: APP.into(),
        room: room.clone(),
        id: MessageId::from("lost"),
        from: ClientId::new(from).unwrap(),
        session: Some(SessionId(7)),
        level: Level::High,
        body: Body::Text("lost".to_owned()),
        mentions: Mentions::default(),
        lctype: None,
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    };
    server.node.store.append(lost, server.clock.wall()).await.unwrap();
}

/// The news of the second.
async fn tell_next(server: &Server, room: &RoomId) {
    let event = Event::Message(Box::new(Push {
        room: room.clone(),
        message: MessageId::from("next"),
        timestamp: server.clock.wall().0,
        from: "host".to_owned(),
        body: Body::Text("next".to_owned()),
        transient: false,
        mentions: Mentions::default(),
        patched_at: None,
    }));
    let (app, room, number, except) = (APP.into(), room.clone(), Some(2), Except::Nobody);
    let news = RoomNews { app, room, event, level: Level::High, number, except };
    server.node.bus.publish(News::Room(news)).await;
}
