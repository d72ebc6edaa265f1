//! Each hook is called at its place, with its parameters and headers.

use std::net::{IpAddr, Ipv4Addr};

use grandstand_protocol::{Body, Command, Event, Level, Mentions, Open, PatchRequest};
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::{Guest, message},
    server::{APP, KEY, MASTER_KEY, Server},
};

/// No opinion about anything.
async fn listener() -> (Engine, Server) {
    let engine = Engine::start(|_| Reply::Result(Value::Null)).await;
    let server = Server::start_with(&engine.lines(""), "").await;
    (engine, server)
}

/// The body without what is only known by its kind.
fn without_time(mut body: Value) -> Value {
    let time = body.as_object_mut().unwrap().remove("timestamp");
    assert!(time.is_none_or(|time| time.as_i64() > Some(1_500_000_000_000)));
    body
}

#[tokio::test]
async fn a_call_carries_the_keys_and_the_clients_address() {
    let (engine, server) = listener().await;
    let _guest = Guest::log_in(server.address, "ann").await;
    let call = engine.called("_clientOnline", |_| true).await;
    assert_eq!(call.path, "/1.1/functions/_clientOnline");
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    for line in [
        &format!("x-lc-id: {APP}\r\n"),
        &format!("x-lc-key: {KEY}\r\n"),
        "x-lc-hook-key: the-hook-key\r\n",
        "x-lc-prod: 1\r\n",
        &format!("x-real-ip: {address}\r\n"),
        "content-type: application/json\r\n",
    ] {
        assert!(call.head.contains(line), "{line} in {}", call.head);
    }
    let asked = engine.called("metadatas", |_| true).await;
    assert!(asked.path.starts_with("/1.1/functions/_ops/metadatas"), "{}", asked.path);
    for line in [
        &format!("x-lc-key: {MASTER_KEY},master\r\n"),
        // The C# engine wants it so.
        &format!("x-avoscloud-master-key: {MASTER_KEY}\r\n"),
    ] {
        assert!(asked.head.contains(line), "{line} in {}", asked.head);
    }
}

#[tokio::test]
async fn rooms_and_messages() {
    let (engine, server) = listener().await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;

    let id = room.as_str();
    let started = engine.called("_conversationStart", |_| true).await.body;
    assert_eq!(started, json!({ "initBy": "host", "members": ["host"], "attr": {} }));
    assert_eq!(engine.called("_conversationStarted", |_| true).await.body, json!({ "convId": id }));
    let joins = json!({ "initBy": "ann", "convId": id, "members": ["ann"] });
    assert_eq!(engine.called("_conversationAdd", |_| true).await.body, joins);
    assert_eq!(engine.called("_conversationAdded", |_| true).await.body, joins);

    ann.say(&room, Level::High, "hello").await;
    let heard = host.hear().await;
    let received = engine.called("_messageReceived", |_| true).await.body;
    let expected = json!({
        "fromPeer": "ann", "convId": id, "groupId": null, "toPeers": ["host"], "transient": false, "bin": false,
        "content": "hello", "receipt": false, "system": false, "sourceIP": "127.0.0.1",
    });
    assert_eq!(without_time(received), expected);
    let sent = engine.called("_messageSent", |_| true).await.body;
    assert_eq!(sent["timestamp"], heard.timestamp);
    let expected = json!({
        "fromPeer": "ann", "convId": id, "msgId": heard.message.as_str(), "onlinePeers": ["host"],
        "offlinePeers": [], "transient": false, "system": false, "bin": false, "content": "hello",
        "receipt": false, "sourceIP": "127.0.0.1",
    });
    assert_eq!(without_time(sent), expected);

    for (recall, body, content) in [(false, Some(Body::Text("bye".to_owned())), "bye"), (true, None, "")] {
        let patch = PatchRequest {
            room: room.clone(),
            message: heard.message.clone(),
            timestamp: heard.timestamp,
            recall,
            body,
            mentions: Mentions::default(),
        };
        let answer = ann.ask(Command::Modify { patches: vec![patch] }).await;
        assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
        let updated = engine.called("_messageUpdate", |call| call.body["recall"] == recall).await.body;
        let expected = json!({
            "fromPeer": "ann", "convId": id, "msgId": heard.message.as_str(), "toPeers": ["host"],
            "recall": recall, "bin": false, "content": content, "system": false, "sourceIP": "127.0.0.1",
        });
        assert_eq!(without_time(updated), expected);
    }

    let attributes = json!({ "attr.topic": "news" }).to_string();
    let answer = ann.ask(Command::Update { room: room.clone(), attributes }).await;
    assert!(matches!(answer, Event::Updated { .. }), "{answer:?}");
    let updated = engine.called("_conversationUpdate", |_| true).await.body;
    assert_eq!(updated, json!({ "initBy": "ann", "convId": id, "attr": { "attr.topic": "news" } }));
}

#[tokio::test]
async fn binary_messages_are_base64_and_wills_are_judged_when_they_are_left() {
    let engine = Engine::start(|_| Reply::Result(Value::Null)).await;
    let server = Server::start_with(&engine.lines(""), "[limits]\nwill_grace = \"10ms\"").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let mut send = message(&room, Level::Normal, "");
    send.body = Body::Binary(vec![0, 1, 255].into());
    (send.transient, send.will) = (true, true);
    let answer = ann.ask(Command::Send(Box::new(send))).await;
    assert!(matches!(answer, Event::Accepted { .. }), "{answer:?}");
    let received = engine.called("_messageReceived", |_| true).await.body;
    assert_eq!((&received["bin"], &received["content"]), (&json!(true), &json!("AAH/")));
    assert_eq!(received["transient"], true);
    assert!(engine.calls("_messageSent").is_empty(), "it still waits for the end of its session");
    drop(ann);
    let sent = engine.called("_messageSent", |_| true).await.body;
    assert_eq!(
        (&sent["bin"], &sent["content"], &sent["transient"]),
        (&json!(true), &json!("AAH/"), &json!(true))
    );
    assert_eq!(engine.calls("_messageReceived").len(), 1, "it was judged before");
}

#[tokio::test]
async fn leaving_is_told_once_for_each_way_to_leave() {
    let (engine, server) = listener().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let (first, second) = (ann.create().await, ann.create().await);
    // The creator of the second was taken out of the first.
    let left = |client: &'static str, room: &str| {
        let expected = json!({ "initBy": client, "convId": room, "members": [client] });
        move |call: &crate::engine::Call| call.body == expected
    };
    engine.called("_conversationRemoved", left("ann", first.as_str())).await;
    let members = vec!["ann".to_owned()];
    let quit = Command::Quit { room: second.clone(), members, signature: None };
    for _ in 0..2 {
        let answer = ann.ask(quit.clone()).await;
        assert!(matches!(answer, Event::Removed { .. }), "{answer:?}");
    }
    engine.called("_conversationRemoved", left("ann", second.as_str())).await;

    ann.join(&first).await;
    assert!(matches!(ann.ask(Command::Close).await, Event::Closed { .. }));
    let offline = engine.called("_clientOffline", |_| true).await.body;
    let expected = json!({
        "peerId": "ann", "closeCode": 1, "closeMsg": "logged out", "tag": null, "sourceIP": "127.0.0.1",
    });
    assert_eq!(offline, expected);
    // Told in the order of the queue by several workers: the last of them, a login, comes when all are on their way.
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    engine.called("_clientOnline", |call| call.body["peerId"] == "bob").await;
    let told = engine.calls("_conversationRemoved");
    assert_eq!(told.len(), 3, "quitting twice is leaving once; a logout leaves, too: {told:?}");
    assert!(engine.calls("_conversationRemove").is_empty(), "nobody was taken out");
}

#[tokio::test]
async fn connections_that_are_lost_and_taken_over() {
    let (engine, server) = listener().await;
    let mut ann = Guest::connect(server.address, "ann").await;
    let device =
        |id: &str| Open { tag: Some("mobile".to_owned()), device_id: Some(id.to_owned()), ..Open::default() };
    ann.open(device("one")).await;
    let online = engine.called("_clientOnline", |_| true).await.body;
    let expected = json!({ "peerId": "ann", "sourceIP": "127.0.0.1", "tag": "mobile", "reconnect": 0 });
    assert_eq!(online, expected);

    let mut other = Guest::connect(server.address, "ann").await;
    other.open(device("two")).await;
    let conflict = engine.called("_clientOffline", |call| call.body["closeCode"] == 3).await.body;
    assert_eq!((&conflict["peerId"], &conflict["tag"]), (&json!("ann"), &json!("mobile")));
    assert_eq!(conflict["sourceIP"], "127.0.0.1");

    drop(other);
    let lost = engine.called("_clientOffline", |call| call.body["closeCode"] == 2).await.body;
    let expected = json!({ "peerId": "ann", "closeCode": 2, "closeMsg": "connection lost", "tag": "mobile" });
    assert_eq!(lost, expected);

    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.raw.send(crate::raw::BINARY, b"\xff\xff no command").await;
    let closed = engine.called("_clientOffline", |call| call.body["peerId"] == "bob").await.body;
    assert_eq!((&closed["closeCode"], &closed["errorCode"]), (&json!(2), &json!(4114)));
    assert_eq!(closed["errorMsg"], "UNPARSEABLE_RAW_MESSAGE");
}

#[tokio::test]
async fn only_functions_that_the_engine_has_are_called() {
    let functions = Some(vec!["_messageSent", "hello"]);
    let engine = Engine::with_functions(functions, |_| Reply::Result(json!({ "drop": true }))).await;
    let server = Server::start_with(&engine.lines("discovery = \"10ms\""), "").await;
    engine.called("metadatas", |_| true).await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    // The second look comes when the first is taken in.
    let looks = engine.calls("metadatas").len();
    let more = async {
        while engine.calls("metadatas").len() < looks + 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::raw::PATIENCE, more).await.unwrap();
    ann.say(&room, Level::Normal, "hello").await;
    engine.called("_messageSent", |_| true).await;
    assert!(engine.calls("_messageReceived").is_empty());
}

#[tokio::test]
async fn who_does_not_return_has_left_when_the_time_is_over() {
    let (engine, server) = listener().await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    for name in ["ann", "bob"] {
        let (mut guest, _) = Guest::log_in(server.address, name).await;
        guest.join(&room).await;
        drop(guest);
        server.until_dropped(name).await;
    }
    engine.called("_clientOffline", |call| call.body["peerId"] == "bob").await;
    assert!(engine.calls("_conversationRemoved").is_empty(), "they may return");
    // Bob does, in time.
    server.clock.jump(20 * 60_000);
    let (_bob, _) = Guest::log_in(server.address, "bob").await;
    server.clock.jump(11 * 60_000);
    // The next round of cleaning.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    tokio::time::resume();
    let left = engine.called("_conversationRemoved", |_| true).await.body;
    assert_eq!(left, json!({ "initBy": "ann", "convId": room.as_str(), "members": ["ann"] }));
    assert_eq!(engine.calls("_conversationRemoved").len(), 1);
}
