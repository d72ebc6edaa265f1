//! Signatures over the socket: where an app wants them, and that nothing else counts for one.

use grandstand::apps::{App, Apps, Secret};
use grandstand_protocol::{
    Ask, Code, Command, Event, Moderate, Open, Restriction, RoomId, Signature, StartConversation, Token,
};
use grandstand_room::signature::{LIFE, SignatureSwitches};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    guest::Guest,
    server::{APP, MASTER_KEY, Server},
};

/// What the clock of the server shows.
const NOW: i64 = 1_800_000_000_000;
const OLD_MASTER_KEY: &str = "old-master-key";

fn signed_with(key: &str, text: &str, timestamp: i64, nonce: &str) -> Signature {
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap().chain_update(text).finalize();
    let signature = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Signature { signature, timestamp, nonce: nonce.to_owned() }
}

fn signed(text: &str, timestamp: i64, nonce: &str) -> Signature {
    signed_with(MASTER_KEY, text, timestamp, nonce)
}

fn login(client: &str, timestamp: i64, nonce: &str) -> Signature {
    signed(&format!("{APP}:{client}::{timestamp}:{nonce}"), timestamp, nonce)
}

fn join(client: &str, room: &RoomId, nonce: &str) -> Signature {
    signed(&format!("{APP}:{client}:{room}:{client}:{NOW}:{nonce}:invite"), NOW, nonce)
}

fn everything() -> SignatureSwitches {
    SignatureSwitches {
        login: true,
        rooms: true,
        history: true,
        blocks: true,
        ..SignatureSwitches::default()
    }
}

async fn server_with(switches: SignatureSwitches) -> Server {
    let server = Server::start("").await;
    demand(&server, switches);
    server
}

fn demand(server: &Server, switches: SignatureSwitches) {
    let mut app = App::new(APP, "key", MASTER_KEY);
    app.signatures = switches;
    app.previous_master_key = Some(Secret::new(OLD_MASTER_KEY));
    server.node.apps.replace(Apps::new(vec![app]));
    server.node.follow_reload();
}

async fn open(server: &Server, client: &str, signature: Option<Signature>) -> (Guest, Event) {
    let mut guest = Guest::connect(server.address, client).await;
    let event = guest.ask(Command::Open(Box::new(Open { signature, ..Open::default() }))).await;
    (guest, event)
}

async fn log_in(server: &Server, client: &str, nonce: &str) -> (Guest, Token) {
    match open(server, client, Some(login(client, NOW, nonce))).await {
        (guest, Event::Opened { token }) => (guest, token),
        (_, other) => panic!("opened, not {other:?}"),
    }
}

async fn create(guest: &mut Guest, members: &[&str], signature: Option<Signature>) -> Event {
    let members = members.iter().map(ToString::to_string).collect();
    let start = StartConversation { transient: true, members, signature, ..StartConversation::default() };
    guest.ask(Command::Start(Box::new(start))).await
}

async fn enter(guest: &mut Guest, room: &RoomId, signature: Option<Signature>) -> Event {
    let members = vec![guest.client.clone()];
    guest.ask(Command::Join { room: room.clone(), members, signature }).await
}

#[track_caller]
fn refused(event: &Event, code: Code) {
    assert!(matches!(event, Event::Failed { fault } if fault.is(code)), "{event:?}");
}

#[track_caller]
fn room_of(event: Event) -> RoomId {
    match event {
        Event::Started { room, .. } => room,
        other => panic!("started, not {other:?}"),
    }
}

/// The app's back end ends the sessions of a client.
async fn kick(server: &Server, client: &str) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /1.2/rtm/clients/{client}/kick HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-LC-Id: {APP}\r\n\
         X-LC-Key: {MASTER_KEY},master\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn each_switch_is_for_itself_and_nothing_is_needed_without() {
    let server = server_with(SignatureSwitches::default()).await;
    let (mut guest, _) = Guest::log_in(server.address, "guest").await;
    let room = guest.create().await;
    guest.join(&room).await;

    demand(&server, SignatureSwitches { login: true, ..SignatureSwitches::default() });
    refused(&open(&server, "other", None).await.1, Code::SignatureFailed);
    guest.join(&room).await;

    demand(&server, SignatureSwitches { rooms: true, ..SignatureSwitches::default() });
    Guest::log_in(server.address, "other").await;
    refused(&enter(&mut guest, &room, None).await, Code::ConversationSignatureFailed);
    refused(&create(&mut guest, &[], None).await, Code::ConversationSignatureFailed);
}

#[tokio::test]
async fn a_login_is_signed_with_either_master_key_for_this_client_and_time() {
    let server = server_with(everything()).await;
    let text = |client: &str| format!("{APP}:{client}::{NOW}:n");
    log_in(&server, "guest", "n").await;
    let old = signed_with(OLD_MASTER_KEY, &text("guest"), NOW, "n");
    let capital = Signature { signature: login("guest", NOW, "n").signature.to_uppercase(), ..old.clone() };
    let seconds = login("guest", NOW / 1000, "n");
    let ahead = login("guest", NOW + 60_000, "n");
    for good in [old, capital, seconds, ahead] {
        let (_, event) = open(&server, "guest", Some(good)).await;
        assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    }
    for bad in [
        login("other", NOW, "n"),
        login("guest", NOW - LIFE - 1000, "n"),
        login("guest", NOW + 10 * 60_000, "n"),
        signed_with("key", &text("guest"), NOW, "n"),
        signed_with("", &text("guest"), NOW, "n"),
        signed(&format!("other-app:guest::{NOW}:n"), NOW, "n"),
        Signature { nonce: "m".to_owned(), ..login("guest", NOW, "n") },
        Signature { timestamp: NOW + 1, ..login("guest", NOW, "n") },
        Signature { signature: "0".repeat(40), ..login("guest", NOW, "n") },
        Signature { signature: "é".repeat(20), ..login("guest", NOW, "n") },
    ] {
        refused(&open(&server, "guest", Some(bad)).await.1, Code::SignatureFailed);
    }
    let (mut guest, event) = open(&server, "gu:est", Some(login("gu:est", NOW, "n"))).await;
    refused(&event, Code::SignatureFailed);
    refused(&guest.ask(Command::Count { room: "room".into() }).await, Code::SessionRequired);
}

#[tokio::test]
async fn every_changed_bit_of_a_signature_is_refused() {
    let server = server_with(everything()).await;
    let good = login("guest", NOW, "n");
    let mut guest = Guest::connect(server.address, "guest").await;
    for at in 0..40 {
        for bit in 0..4 {
            let mut digits: Vec<u32> =
                good.signature.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
            digits[at] ^= 1 << bit;
            let signature = digits.iter().map(|digit| format!("{digit:x}")).collect();
            let signature = Some(Signature { signature, ..good.clone() });
            let event = guest.ask(Command::Open(Box::new(Open { signature, ..Open::default() }))).await;
            refused(&event, Code::SignatureFailed);
        }
    }
    assert!(matches!(open(&server, "guest", Some(good)).await.1, Event::Opened { .. }));
}

#[tokio::test]
async fn refused_signatures_lock_nobody_out() {
    let server = server_with(everything()).await;
    // A signing server whose clock is a day behind, and all of its users behind one address.
    let late = NOW - 24 * 60 * 60 * 1000;
    for number in 0..200 {
        let client = format!("guest-{number}");
        let (_, event) = open(&server, &client, Some(login(&client, late, "n"))).await;
        refused(&event, Code::SignatureFailed);
    }
    log_in(&server, "guest-0", "n").await;
    log_in(&server, "guest-7", "n").await;
}

#[tokio::test]
async fn who_is_in_stays_in_and_comes_back_by_token() {
    let server = server_with(everything()).await;
    let (mut guest, token) = log_in(&server, "guest", "n").await;
    let room = room_of(create(&mut guest, &[], Some(login("guest", NOW, "c"))).await);
    server.clock.jump(LIFE + 1);
    assert_eq!(guest.count(&room).await, 1, "an expired signature disturbs nobody who is in");
    let refreshed = guest.ask(Command::Refresh { token: None }).await;
    assert!(matches!(refreshed, Event::Refreshed { .. }), "{refreshed:?}");
    let mut back = Guest::reopen(server.address, "guest", &token).await;
    back.quit(&room).await;
    refused(&open(&server, "guest", Some(login("guest", NOW, "n"))).await.1, Code::SignatureFailed);
}

#[tokio::test]
async fn a_room_is_made_with_any_of_the_lists_that_sdks_sign() {
    let server = server_with(everything()).await;
    let (mut guest, _) = log_in(&server, "guest", "n").await;
    for (members, list) in
        [(&[][..], ""), (&["guest"][..], "guest"), (&["guest"][..], ""), (&["zoe", "ann"][..], "ann:zoe")]
    {
        let signature = signed(&format!("{APP}:guest:{list}:{NOW}:c"), NOW, "c");
        room_of(create(&mut guest, members, Some(signature)).await);
    }
    for text in [
        format!("{APP}:guest:zoe:{NOW}:c"),
        format!("{APP}:zoe::{NOW}:c"),
        format!("{APP}:guest:room:guest:{NOW}:c:invite"),
    ] {
        let event = create(&mut guest, &["guest"], Some(signed(&text, NOW, "c"))).await;
        refused(&event, Code::ConversationSignatureFailed);
    }
    demand(&server, SignatureSwitches { empty_members: false, ..everything() });
    let event = create(&mut guest, &["guest"], Some(login("guest", NOW, "n"))).await;
    refused(&event, Code::ConversationSignatureFailed);
    let signature = signed(&format!("{APP}:guest:guest:{NOW}:c"), NOW, "c");
    room_of(create(&mut guest, &["guest"], Some(signature)).await);
}

#[tokio::test]
async fn a_join_is_signed_for_this_room_and_quitting_needs_nothing() {
    let server = server_with(everything()).await;
    let (mut owner, _) = log_in(&server, "owner", "n").await;
    let room = room_of(create(&mut owner, &[], Some(login("owner", NOW, "c"))).await);
    let other = room_of(create(&mut owner, &[], Some(login("owner", NOW, "c"))).await);
    let (mut guest, _) = log_in(&server, "guest", "n").await;
    for bad in [
        join("guest", &other, "j"),
        join("owner", &room, "j"),
        login("guest", NOW, "n"),
        signed(&format!("{APP}:guest:{room}:guest:{NOW}:j:kick"), NOW, "j"),
        signed(&format!("{APP}:guest:{room}:guest:{NOW}:j"), NOW, "j"),
        signed(&format!("{APP}:guest:{room}:owner:{NOW}:j:invite"), NOW, "j"),
    ] {
        refused(&enter(&mut guest, &room, Some(bad)).await, Code::ConversationSignatureFailed);
    }
    let event = enter(&mut guest, &room, Some(join("guest", &room, "j"))).await;
    assert!(matches!(event, Event::Added { .. }), "{event:?}");
    guest.quit(&room).await;
}

#[tokio::test]
async fn blocks_are_signed_and_silence_is_not() {
    let server = server_with(everything()).await;
    let (mut owner, _) = log_in(&server, "owner", "n").await;
    let room = room_of(create(&mut owner, &[], Some(login("owner", NOW, "c"))).await);
    let sign = |action: &str| {
        Some(signed(&format!("{APP}:owner:{room}:ann:zoe:{NOW}:b:conversation-{action}-clients"), NOW, "b"))
    };
    let clients = vec!["zoe".to_owned(), "ann".to_owned()];
    let ask =
        |restriction, ask| Command::Moderate(Box::new(Moderate { room: room.clone(), restriction, ask }));
    let impose = |signature| Ask::Impose { clients: clients.clone(), signature };
    let lift = |signature| Ask::Lift { clients: clients.clone(), signature };
    for (bad, how) in [
        (impose(None), "unsigned"),
        (impose(sign("unblock")), "for the contrary"),
        (lift(sign("block")), "for the contrary"),
        (Ask::Impose { clients: vec!["ann:zoe".to_owned()], signature: sign("block") }, "spliced"),
        (Ask::Impose { clients: vec!["zoe".to_owned()], signature: sign("block") }, "for more"),
    ] {
        let event = owner.ask(ask(Restriction::Block, bad)).await;
        assert!(
            matches!(&event, Event::Failed { fault } if fault.is(Code::BlacklistSignatureFailed)),
            "{how}: {event:?}"
        );
    }
    for (restriction, good) in [
        (Restriction::Block, impose(sign("block"))),
        (Restriction::Block, Ask::List { limit: None, next: None }),
        (Restriction::Block, lift(sign("unblock"))),
        (Restriction::Silence, impose(None)),
        (Restriction::Silence, lift(None)),
    ] {
        let event = owner.ask(ask(restriction, good)).await;
        assert!(matches!(event, Event::Moderated(_)), "{event:?}");
    }
}

#[tokio::test]
async fn a_kick_takes_back_all_signatures_before_it_also_after_a_restart() {
    let server = server_with(everything()).await;
    let (mut owner, _) = log_in(&server, "owner", "n").await;
    let room = room_of(create(&mut owner, &[], Some(login("owner", NOW, "c"))).await);
    log_in(&server, "guest", "n").await;
    kick(&server, "guest").await;
    refused(&open(&server, "guest", Some(login("guest", NOW, "n"))).await.1, Code::SignatureFailed);
    refused(
        &open(&server, "guest", Some(login("guest", NOW - 5, "never used"))).await.1,
        Code::SignatureFailed,
    );
    let now = server.clock.wall().0;
    let (mut guest, event) = open(&server, "guest", Some(login("guest", now + 1, "n"))).await;
    assert!(matches!(event, Event::Opened { .. }), "signed after the kick: {event:?}");
    let event = enter(&mut guest, &room, Some(join("guest", &room, "j"))).await;
    refused(&event, Code::ConversationSignatureFailed);
    log_in(&server, "another", "n").await;
    server.stop().await;

    let server = Server::start_on(server.data, "").await;
    demand(&server, everything());
    refused(&open(&server, "guest", Some(login("guest", NOW, "n"))).await.1, Code::SignatureFailed);
    log_in(&server, "another", "n").await;
}

#[tokio::test]
async fn ten_thousand_replays_where_each_counts_once() {
    let once = SignatureSwitches { once: true, ..everything() };
    let server = server_with(once).await;
    server.clock.jump(10_000);
    let used = [login("guest", NOW + 9000, "n"), login("guest", NOW / 1000 + 10, "n")];
    for signature in &used {
        let (_, event) = open(&server, "guest", Some(signature.clone())).await;
        assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    }
    let mut thief = Guest::connect(server.address, "guest").await;
    for round in 0..10_000 {
        let mut signature = used[round % 2].clone();
        if round % 3 == 0 {
            signature.signature.make_ascii_uppercase();
        }
        let open = Open { signature: Some(signature), reopen: round % 5 == 0, ..Open::default() };
        refused(&thief.ask(Command::Open(Box::new(open))).await, Code::SignatureFailed);
    }
    let stopped_at = server.clock.wall();
    server.stop().await;

    let server = Server::start_at(stopped_at, server.data, "").await;
    demand(&server, once);
    for signature in used {
        refused(&open(&server, "guest", Some(signature)).await.1, Code::SignatureFailed);
    }
    let now = server.clock.wall().0 + 1000;
    let (_, event) = open(&server, "guest", Some(login("guest", now, "new"))).await;
    assert!(matches!(event, Event::Opened { .. }), "{event:?}");
}
