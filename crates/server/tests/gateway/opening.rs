//! Opens that meet others: races, conflicts, refusals, and what they leave behind.

use grandstand_protocol::{Code, Command, Downlink, Event, Format, Level, Open, Request, RoomId, Token};

use crate::{
    guest::{Guest, message},
    raw::{BINARY, Raw},
    server::{APP, Server},
};

fn reopen(token: &Token) -> Command {
    Command::Open(Box::new(Open { reopen: true, token: Some(token.text.clone()), ..Open::default() }))
}

async fn until_count(host: &mut Guest, room: &RoomId, wanted: i32) -> bool {
    for _ in 0..1000 {
        if host.count(room).await == wanted {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_reopens_at_once_keep_the_room_now_and_later() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    for n in 0..50 {
        let name = format!("guest{n}");
        let (mut guest, token) = Guest::log_in(server.address, &name).await;
        guest.join(&room).await;
        drop(guest);
        server.until_dropped(&name).await;

        let mut first = Guest::connect(server.address, &name).await;
        let mut second = Guest::connect(server.address, &name).await;
        first.send(reopen(&token)).await;
        second.send(reopen(&token)).await;
        let _ = first.read().await;
        let _ = second.read().await;
        assert!(until_count(&mut host, &room, 2).await, "in round {n}, the room is lost at once");
        drop((first, second));
        assert!(until_count(&mut host, &room, 1).await);
        server.until_dropped(&name).await;
        let _back = Guest::reopen(server.address, &name, &token).await;
        assert!(until_count(&mut host, &room, 2).await, "in round {n}, the room is lost at the next return");
    }
}

#[tokio::test]
async fn a_tagged_login_that_pushes_its_own_old_session_out_gets_a_token_that_counts() {
    let server = Server::start("").await;
    let open = || Open { tag: Some("Mobile".into()), device_id: Some("d1".into()), ..Open::default() };
    let mut old = Guest::connect(server.address, "guest").await;
    old.open(open()).await;
    old.create().await;
    let mut new = Guest::connect(server.address, "guest").await;
    let token = new.open(open()).await;
    drop(new);
    Guest::reopen(server.address, "guest", &token).await;
}

#[tokio::test]
async fn rooms_that_everybody_left_take_no_memory() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let router = server.node.router.app(&APP.into());
    let mut rooms = Vec::new();
    for _ in 0..20 {
        rooms.push(host.create().await);
    }
    let kept = |rooms: &[RoomId]| rooms.iter().filter(|room| router.existing_hub(room).is_some()).count();
    assert_eq!(kept(&rooms), 1, "the one it is in");
    drop(host);
    server.until_dropped("host").await;
    assert_eq!(kept(&rooms), 0);
}

#[tokio::test]
async fn the_will_of_every_session_that_is_taken_over_is_sent() {
    let server = Server::start("[limits]\nwill_grace = \"10ms\"").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let open = |reopen| Open { device_id: Some("a".into()), reopen, ..Open::default() };
    let mut first = Guest::connect(server.address, "guest").await;
    first.open(open(false)).await;
    first.join(&room).await;
    let mut second = Guest::connect(server.address, "guest").await;
    second.open(open(false)).await;
    second.join(&room).await;
    let mut will = message(&room, Level::High, "farewell");
    will.will = true;
    let held = second.ask(Command::Send(Box::new(will))).await;
    assert!(matches!(held, Event::Accepted { .. }), "{held:?}");
    let mut third = Guest::connect(server.address, "guest").await;
    third.open(open(true)).await;
    drop((first, second, third));
    assert_eq!(host.hear_until("farewell").await, ["farewell"]);
}

#[tokio::test]
async fn without_a_serial_only_4112_and_4111_are_answered() {
    let server = Server::start("[client_limits]\nother = 1").await;
    let (_host, token) = Guest::log_in(server.address, "host").await;
    let mut raw = Raw::connect(server.address, "lc.protobuf2.3").await;
    let silent = |serial, command| {
        let (app, peer) = (Some(APP.to_owned()), Some("host".to_owned()));
        Request { app, peer, serial, command }.encode(Format::Binary)
    };
    raw.send(BINARY, &silent(None, reopen(&token)).payload).await;
    raw.send(BINARY, &silent(Some(7), Command::Echo).payload).await;
    let (_, answer) = raw.next().await.unwrap();
    let answer = Downlink::decode(Format::Binary, &answer).unwrap();
    assert_eq!((answer.serial, answer.event), (Some(7), Event::Echo), "4116 would be taken for a kick");
}

#[tokio::test]
async fn a_stranger_can_make_the_server_keep_only_so_much() {
    let server = Server::start("").await;
    let mut guest = Guest::connect(server.address, "guest").await;
    let long = Open { tag: Some("x".repeat(1000)), ..Open::default() };
    let answer = guest.ask(Command::Open(Box::new(long))).await;
    assert!(matches!(&answer, Event::Failed { fault } if fault.is(Code::InvalidLogin)), "{answer:?}");
    for n in 0..64 {
        guest.client = format!("guest{n}");
        guest.open(Open::default()).await;
    }
    guest.client = "one too many".to_owned();
    let answer = guest.ask(Command::Open(Box::default())).await;
    assert!(matches!(&answer, Event::Failed { fault } if fault.is(Code::AppQuotaExceeded)), "{answer:?}");
}
