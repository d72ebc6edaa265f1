//! Messages that wait for their sender's end: when they go out, once, and to whom.

use std::time::Duration;

use grandstand::{
    apps::{App, Apps},
    store::{Claim, Held, NewMessage, NodeId, Will},
};
use grandstand_protocol::{AppId, Body, ClientId, Command, Event, Level, Mentions, MessageId, RoomId};
use grandstand_room::{
    session::{Device, Identity, SessionId},
    switches::{OneRoomPer, OwnSessions},
};

use crate::{
    guest::{Guest, message},
    server::{APP, Server},
};

const SHORT_GRACE: &str = "[limits]\nwill_grace = \"10ms\"";

/// A host in a room.
async fn host(server: &Server) -> (Guest, RoomId) {
    let mut host = Guest::log_in(server.address, "host").await.0;
    let room = host.create().await;
    host.join(&room).await;
    (host, room)
}

/// Leaves a will with the server; returns its id.
async fn hold(guest: &mut Guest, room: &RoomId, text: &str, mark: Option<&str>) -> MessageId {
    let mut will = message(room, Level::High, text);
    will.will = true;
    will.dedupe = mark.map(str::to_owned);
    match guest.ask(Command::Send(Box::new(will))).await {
        Event::Accepted { message, .. } => message,
        other => panic!("accepted, not {other:?}"),
    }
}

#[tokio::test]
async fn the_grace_begins_anew_with_each_drop() {
    const GRACE: i64 = 1000;
    let server = Server::start(&format!("[limits]\nwill_grace = \"{GRACE}ms\"")).await;
    let (mut host, room) = host(&server).await;
    let (mut guest, token) = Guest::log_in(server.address, "guest").await;
    guest.join(&room).await;
    hold(&mut guest, &room, "farewell", None).await;
    drop(guest);
    server.until_dropped("guest").await;
    let guest = Guest::reopen(server.address, "guest", &token).await;
    // So that the first drop's grace ends in the midst of the second's.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let dropped_after = server.clock.wall();
    drop(guest);
    let told = host.hear().await;
    assert_eq!(told.body, Body::Text("farewell".to_owned()));
    assert!(told.timestamp >= dropped_after.plus(GRACE).0, "{} after {dropped_after:?}", told.timestamp);
}

#[tokio::test]
async fn a_retried_will_is_the_same_will() {
    let server = Server::start(SHORT_GRACE).await;
    let (mut host, room) = host(&server).await;
    let mut guest = Guest::log_in(server.address, "guest").await.0;
    let first = hold(&mut guest, &room, "farewell", Some("mark")).await;
    assert_eq!(hold(&mut guest, &room, "farewell", Some("mark")).await, first);
    drop(guest);
    assert_eq!(host.hear().await.message, first);

    let mut again = Guest::log_in(server.address, "guest").await.0;
    assert_eq!(hold(&mut again, &room, "farewell", Some("mark")).await, first, "it was sent");
    hold(&mut again, &room, "end", None).await;
    drop(again);
    assert_eq!(host.hear_until("end").await, ["end"]);
}

#[tokio::test]
async fn whether_the_senders_other_sessions_hear_of_it_is_the_apps_to_say() {
    for (own_sessions, expected) in
        [(OwnSessions::Deliver, &["farewell", "end"][..]), (OwnSessions::Exclude, &["end"])]
    {
        let server = Server::start(SHORT_GRACE).await;
        let mut app = App::new(APP, "key", "master-key");
        app.switches.own_sessions = own_sessions;
        server.node.apps.replace(Apps::new(vec![app]));
        let (mut host, room) = host(&server).await;
        let mut guest = Guest::log_in(server.address, "guest").await.0;
        guest.join(&room).await;
        let mut other = Guest::log_in(server.address, "guest").await.0;
        other.join(&room).await;
        hold(&mut guest, &room, "farewell", None).await;
        drop(guest);
        assert_eq!(host.hear_until("farewell").await, ["farewell"]);
        host.say(&room, Level::High, "end").await;
        assert_eq!(other.hear_until("end").await, expected, "{own_sessions:?}");
    }
}

/// What a drop leaves behind that could not be written: a record of a live session that nobody holds.
async fn lose(server: &Server, room: &RoomId) -> Identity {
    let (app, node, device) = (AppId::from(APP), NodeId("node-1".to_owned()), Device::default());
    let client = ClientId::new("lost").unwrap();
    let identity = Identity { session: SessionId(7), client: client.clone(), tag: None, device };
    let claim =
        Claim { app: app.clone(), identity: identity.clone(), room: room.clone(), node: node.clone() };
    let (store, now) = (&server.node.store, server.clock.wall());
    store.claim(claim, OneRoomPer::Client, now).await.unwrap();
    let message = NewMessage {
        app,
        room: room.clone(),
        id: MessageId::from("will"),
        from: client,
        session: Some(identity.session),
        level: Level::High,
        body: Body::Text("farewell".to_owned()),
        mentions: Mentions::default(),
        lctype: None,
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    };
    let will = Will { identity: identity.clone(), node, message, transient: false };
    assert_eq!(store.hold_will(will, 8, now).await.unwrap(), Held::Waiting);
    identity
}

#[tokio::test]
async fn a_session_whose_drop_was_lost_is_found_and_others_are_left_alone() {
    let server = Server::start("[limits]\nread_timeout = \"1000d\"").await;
    let (_host, room) = host(&server).await;
    let lost = lose(&server, &room).await;
    let (store, app) = (&server.node.store, AppId::from(APP));
    tokio::time::pause();
    // While this runs, time passes only as the test says, and not whenever the store is at work.
    let (_until_the_end, end) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || end.recv());
    let farewell = MessageId::from("will");
    let mut rounds = 0;
    while store.message(&app, &room, &farewell).await.unwrap().is_none() {
        rounds += 1;
        assert!(rounds < 1000, "its will was never sent");
        // Behind what the node has the store write, so that time does not run away from it: half an hour after its drop
        // a session is forgotten, and its will with it.
        store.beat(&NodeId("the test".to_owned()), server.clock.wall()).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let known = store.sessions(&app, &lost.client).await.unwrap();
    assert!(known.iter().all(|record| record.dropped_at.is_some()), "{known:?}");
    let known = store.sessions(&app, &ClientId::new("host").unwrap()).await.unwrap();
    assert_eq!(known.iter().map(|record| record.dropped_at).collect::<Vec<_>>(), [None]);
}
