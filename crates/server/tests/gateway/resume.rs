//! Coming back: by token, after what time, and with which messages.

use std::net::SocketAddr;

use grandstand::apps::{App, Apps};
use grandstand_protocol::{Code, Command, Downlink, Event, Format, Level, Open, Request};
use grandstand_room::switches::{OwnSessions, Switches};

use crate::{
    guest::{Guest, message},
    raw::{BINARY, PING, PONG, Raw},
    server::{APP, MASTER_KEY, Server},
};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A host in a room with a guest that has a token.
async fn host_and_guest(
    server: &Server,
) -> (Guest, Guest, grandstand_protocol::Token, grandstand_protocol::RoomId) {
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut guest, token) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    (host, guest, token, room)
}

#[tokio::test]
async fn within_30_minutes_a_dropped_client_is_back_and_gets_high_of_the_gap() {
    let table = [
        (SECOND, true),
        (MINUTE, true),
        (29 * MINUTE + 50 * SECOND, true),
        (30 * MINUTE + 10 * SECOND, false),
    ];
    for (away, is_back) in table {
        let server = Server::start("").await;
        let (mut host, guest, token, room) = host_and_guest(&server).await;
        drop(guest);
        server.until_dropped("guest").await;
        host.say(&room, Level::Normal, "normal of the gap").await;
        host.say(&room, Level::High, "first").await;
        host.say(&room, Level::Low, "low of the gap").await;
        host.say(&room, Level::High, "second").await;
        server.clock.jump(away);

        let mut guest = Guest::reopen(server.address, "guest", &token).await;
        assert_eq!(host.count(&room).await, if is_back { 2 } else { 1 }, "after {away} ms");
        if !is_back {
            guest.join(&room).await;
        }
        host.say(&room, Level::Normal, "live").await;
        let heard = guest.hear_until("live").await;
        let expected: &[&str] = if is_back { &["first", "second", "live"] } else { &["live"] };
        assert_eq!(heard, expected, "after {away} ms");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_expires_nothing() {
    let server = Server::start("").await;
    let (mut host, guest, token, room) = host_and_guest(&server).await;
    drop(guest);
    server.until_dropped("guest").await;
    server.clock.jump(-24 * HOUR);
    host.say(&room, Level::High, "meanwhile").await;
    let mut guest = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(guest.hear_until("meanwhile").await, ["meanwhile"]);
}

#[tokio::test]
async fn what_was_not_confirmed_comes_again_and_what_was_does_not() {
    for confirms in [true, false] {
        let server = Server::start("").await;
        let (mut host, mut guest, token, room) = host_and_guest(&server).await;
        guest.confirms = false;
        host.say(&room, Level::High, "one").await;
        assert_eq!(guest.hear_until("one").await, ["one"]);
        let (_, position) = loop {
            let frame = guest.raw.next().await.expect("a ping behind the HIGH message");
            if frame.0 == PING {
                break frame;
            }
        };
        if confirms {
            guest.raw.send(PONG, &position).await;
            // Answered commands are behind the pong, so it has been read.
            guest.count(&room).await;
        }
        drop(guest);
        server.until_dropped("guest").await;
        host.say(&room, Level::High, "two").await;
        let mut guest = Guest::reopen(server.address, "guest", &token).await;
        let expected: &[&str] = if confirms { &["two"] } else { &["one", "two"] };
        assert_eq!(guest.hear_until("two").await, expected, "confirmed: {confirms}");
    }
}

#[tokio::test]
async fn a_message_soon_after_the_last_ping_is_asked_for_too_when_nothing_more_comes() {
    let server = Server::start("").await;
    let (mut host, mut guest, _, room) = host_and_guest(&server).await;
    for text in ["asked for at once", "asked for within a second"] {
        host.say(&room, Level::High, text).await;
        let position = loop {
            let frame = guest.raw.next().await.expect("a ping behind the HIGH message");
            if frame.0 == PING {
                break frame.1;
            }
        };
        guest.raw.send(PONG, &position).await;
        // It has been read; the next message comes when no ping is due.
        guest.count(&room).await;
    }
}

#[tokio::test]
async fn a_resume_while_the_old_socket_looks_alive_takes_over_with_unconfirmed_high() {
    let server = Server::start("").await;
    let (mut host, mut guest, token, room) = host_and_guest(&server).await;
    guest.confirms = false;
    host.say(&room, Level::High, "into a dead socket").await;
    let mut back = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(back.hear_until("into a dead socket").await, ["into a dead socket"]);
    assert_eq!(host.count(&room).await, 2);
    assert_eq!(guest.raw.close_code().await, 1000, "the old socket has nothing left to do");
}

#[tokio::test]
async fn recalled_messages_of_the_gap_are_skipped_and_edited_ones_come_edited() {
    use grandstand_protocol::{Body, Mentions, PatchRequest};
    let server = Server::start("").await;
    let (mut host, guest, token, room) = host_and_guest(&server).await;
    drop(guest);
    server.until_dropped("guest").await;
    for (text, body) in [("recalled", None), ("wrong", Some(Body::Text("right".to_owned())))] {
        let answer = host.ask(Command::Send(Box::new(message(&room, Level::High, text)))).await;
        let Event::Accepted { message, timestamp } = answer else { panic!("accepted, not {answer:?}") };
        let recall = body.is_none();
        let patch = PatchRequest {
            room: room.clone(),
            message,
            timestamp,
            recall,
            body,
            mentions: Mentions::default(),
        };
        let answer = host.ask(Command::Modify { patches: vec![patch] }).await;
        assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    }
    host.say(&room, Level::High, "last").await;
    let mut guest = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(guest.hear_until("last").await, ["right", "last"]);
}

/// Those who return together share what was read; what is changed in between is read again.
#[tokio::test]
async fn what_is_recalled_or_edited_between_two_returns_comes_as_it_is_then() {
    use grandstand_protocol::{Body, Mentions, PatchRequest};
    let server = Server::start("").await;
    let (mut host, first, token, room) = host_and_guest(&server).await;
    let (mut second, second_token) = Guest::log_in(server.address, "second").await;
    second.join(&room).await;
    drop((first, second));
    server.until_dropped("guest").await;
    server.until_dropped("second").await;
    let mut sent = Vec::new();
    for text in ["recalled", "wrong", "last"] {
        let answer = host.ask(Command::Send(Box::new(message(&room, Level::High, text)))).await;
        let Event::Accepted { message, timestamp } = answer else { panic!("accepted, not {answer:?}") };
        sent.push((message, timestamp));
    }
    let mut first = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(first.hear_until("last").await, ["recalled", "wrong", "last"]);

    for (at, body) in [(0, None), (1, Some(Body::Text("right".to_owned())))] {
        let (message, timestamp) = sent[at].clone();
        let (room, recall, mentions) = (room.clone(), body.is_none(), Mentions::default());
        let patch = PatchRequest { room, message, timestamp, recall, body, mentions };
        let answer = host.ask(Command::Modify { patches: vec![patch] }).await;
        assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    }
    host.say(&room, Level::High, "later").await;
    let mut second = Guest::reopen(server.address, "second", &second_token).await;
    assert_eq!(second.hear_until("later").await, ["right", "last", "later"]);
}

#[tokio::test]
async fn the_newest_of_a_long_gap_come() {
    let server = Server::start("[limits]\nreplay = 3\nhigh_backlog = 400").await;
    let (mut host, guest, token, room) = host_and_guest(&server).await;
    drop(guest);
    server.until_dropped("guest").await;
    for n in 0..8 {
        host.say(&room, Level::High, &n.to_string()).await;
    }
    let mut guest = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(guest.hear_until("7").await, ["5", "6", "7"]);
}

#[tokio::test]
async fn a_will_comes_after_the_grace_and_not_after_a_close() {
    for closes in [false, true] {
        let server = Server::start("[limits]\nwill_grace = \"10ms\"").await;
        let (mut host, mut guest, _, room) = host_and_guest(&server).await;
        let mut will = message(&room, Level::High, "farewell");
        will.will = true;
        let held = guest.ask(Command::Send(Box::new(will))).await;
        assert!(matches!(held, Event::Accepted { .. }), "{held:?}");
        if closes {
            guest.ask(Command::Close).await;
        }
        drop(guest);
        server.until_dropped("guest").await;
        if !closes {
            assert_eq!(host.hear_until("farewell").await, ["farewell"]);
            continue;
        }
        // Longer than the grace: what would come has come.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let (mut other, _) = Guest::log_in(server.address, "other").await;
        other.say(&room, Level::Normal, "nothing else").await;
        assert_eq!(host.hear_until("nothing else").await, ["nothing else"]);
    }
}

#[tokio::test]
async fn an_expired_token_counts_for_old_net_only_and_a_forged_one_for_nobody() {
    let server = Server::start("").await;
    let mut net = Guest::connect_json(server.address, "net").await;
    let token = net.open(Open { user_agent: Some("net-unity/1".into()), ..Open::default() }).await;
    let room = net.create().await;
    drop(net);
    server.until_dropped("net").await;
    server.clock.jump(49 * HOUR);
    let stale = Open { reopen: true, token: Some(token.text.clone()), ..Open::default() };
    let forged =
        Open { token: Some(token.text.replace(|digit: char| digit.is_ascii_digit(), "x")), ..stale.clone() };

    let mut net = Guest::connect_json(server.address, "net").await;
    net.open(Open { user_agent: Some("net-unity/1".into()), ..stale.clone() }).await;
    assert_eq!(net.count(&room).await, 0, "49 hours are too long for the room");
    for (mut guest, open) in [
        (Guest::connect(server.address, "net").await, stale),
        (Guest::connect_json(server.address, "net").await, forged),
    ] {
        let answer = guest.ask(Command::Open(Box::new(open))).await;
        let Event::Failed { fault } = answer else { panic!("a refusal, not {answer:?}") };
        assert!(fault.is(Code::SessionTokenExpired), "{fault}");
    }
}

#[tokio::test]
async fn a_member_does_not_get_its_own_messages_when_it_returns() {
    let server = Server::start("").await;
    let (mut host, mut guest, token, room) = host_and_guest(&server).await;
    guest.confirms = false;
    guest.say(&room, Level::High, "mine").await;
    host.say(&room, Level::High, "yours").await;
    drop(guest);
    server.until_dropped("guest").await;
    let mut guest = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(guest.hear_until("yours").await, ["yours"]);
}

#[tokio::test]
async fn what_another_session_sent_comes_when_a_session_returns_unless_the_app_says_otherwise() {
    for own_sessions in [OwnSessions::Deliver, OwnSessions::Exclude] {
        let server = Server::start("").await;
        let switches = Switches { own_sessions, ..Switches::default() };
        server.node.apps.replace(Apps::new(vec![App { switches, ..App::new(APP, "key", MASTER_KEY) }]));
        let (mut host, guest, token, room) = host_and_guest(&server).await;
        drop(guest);
        server.until_dropped("guest").await;
        let mut desktop = Guest::connect(server.address, "guest").await;
        desktop.open(Open { device_id: Some("desktop".into()), ..Open::default() }).await;
        desktop.say(&room, Level::High, "by the desktop").await;
        host.say(&room, Level::High, "by the host").await;

        let mut guest = Guest::reopen(server.address, "guest", &token).await;
        let heard = guest.hear_until("by the host").await;
        let expected: &[&str] = match own_sessions {
            OwnSessions::Deliver => &["by the desktop", "by the host"],
            OwnSessions::Exclude => &["by the host"],
        };
        assert_eq!(heard, expected, "{own_sessions:?}");
    }
}

#[tokio::test]
async fn a_fresh_login_gets_the_room_and_leaves_it_to_the_device_that_returns_by_token() {
    let server = Server::start("").await;
    let (mut host, guest, token, room) = host_and_guest(&server).await;
    drop(guest);
    server.until_dropped("guest").await;
    let mut desktop = Guest::connect(server.address, "guest").await;
    desktop.open(Open { device_id: Some("desktop".into()), ..Open::default() }).await;
    let _back = Guest::reopen(server.address, "guest", &token).await;
    assert_eq!(host.count(&room).await, 2, "one client id with two sessions, and the host");
    host.say(&room, Level::Normal, "to both").await;
    assert_eq!(desktop.hear_until("to both").await, ["to both"]);
}

/// As Java up to 7.0 after a goaway: no app, no serial, and the `login` that names the app comes later.
async fn open_unnamed(address: SocketAddr, token: &str) -> (Raw, Downlink) {
    let open = Open { reopen: true, token: Some(token.to_owned()), ..Open::default() };
    let command = Command::Open(Box::new(open));
    let request = Request { app: None, peer: Some("guest".to_owned()), serial: None, command };
    let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
    raw.send(BINARY, &request.encode(Format::Binary).payload).await;
    let (_, payload) = raw.next().await.unwrap();
    (raw, Downlink::decode(Format::Binary, &payload).unwrap())
}

#[tokio::test]
async fn a_token_names_the_app() {
    let server = Server::start("").await;
    let (mut host, guest, token, room) = host_and_guest(&server).await;
    drop(guest);
    server.until_dropped("guest").await;
    let (_raw, answer) = open_unnamed(server.address, &token.text).await;
    assert!(matches!(answer.event, Event::Opened { .. }), "{answer:?}");
    assert_eq!(host.count(&room).await, 2);
}

#[tokio::test]
async fn a_stale_token_does_not_cost_the_socket() {
    let server = Server::start("").await;
    let (raw, answer) = open_unnamed(server.address, "of another server").await;
    let Event::Failed { fault } = &answer.event else { panic!("a refusal, not {answer:?}") };
    assert!(fault.is(Code::SessionTokenExpired), "{fault}");
    assert_eq!(answer.serial, None);
    Guest::over(raw, "guest", Format::Binary).open(Open::default()).await;
}

#[tokio::test]
async fn a_reloaded_page_does_not_get_the_messages_that_it_sent_before() {
    let server = Server::start("").await;
    let (mut host, mut guest, _, room) = host_and_guest(&server).await;
    guest.say(&room, Level::High, "mine").await;
    drop(guest);
    server.until_dropped("guest").await;
    host.say(&room, Level::High, "yours").await;
    let mut reloaded = Guest::connect(server.address, "guest").await;
    reloaded.open(Open { device_id: Some("another page".into()), ..Open::default() }).await;
    assert_eq!(reloaded.hear_until("yours").await, ["yours"]);
}
