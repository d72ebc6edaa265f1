//! Messages over REST 1.2: sent in a client's name, edited, recalled, deleted.

use grandstand_protocol::{Body, Event, Level, Mentions, MessageId, Push, RoomId, Token};
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    server::{APP, As, Server},
};

pub(crate) const NOBODY: Value = Value::Null;

/// A room with a listener in it.
pub(crate) async fn room_with(server: &Server, client: &str) -> (Guest, Token, RoomId) {
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let (mut guest, token) = Guest::log_in(server.address, client).await;
    guest.join(&room).await;
    (guest, token, room)
}

pub(crate) fn text(push: &Push) -> &str {
    match &push.body {
        Body::Text(text) => text,
        Body::Binary(bytes) => panic!("a text, not {bytes:?}"),
    }
}

fn path(room: &RoomId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/messages")
}

/// Sends a text; returns its id and time.
async fn send(server: &Server, room: &RoomId, from: &str, text: &str) -> (String, i64) {
    let sent = server.master("POST", &path(room), json!({ "from_client": from, "message": text })).await.ok();
    (sent["msg-id"].as_str().unwrap().to_owned(), sent["timestamp"].as_i64().unwrap())
}

async fn stored(server: &Server, room: &RoomId, id: &str) -> Option<grandstand::store::StoredMessage> {
    server.node.store.message(&APP.into(), room, &MessageId::from(id)).await.unwrap()
}

#[tokio::test]
async fn a_message_reaches_members_but_no_session_of_the_client_that_it_names() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    host.join(&room).await;
    let message = json!({
        "from_client": "host", "message": "hello", "mention_all": true, "mention_client_ids": ["ann"],
        // What back ends add for other kinds of conversations.
        "no_sync": true, "push_data": "{}",
    });
    let answer = server.master("POST", &path(&room), message).await.ok();
    let heard = ann.hear().await;
    assert_eq!(answer, json!({ "msg-id": heard.message.as_str(), "timestamp": heard.timestamp }));
    assert_eq!((text(&heard), heard.from.as_str(), heard.transient), ("hello", "host", false));
    assert_eq!(heard.mentions, Mentions { all: true, clients: vec!["ann".to_owned()] });
    send(&server, &room, "ann", "from ann").await;
    assert_eq!(text(&host.hear().await), "from ann", "and not its own");

    let stored = stored(&server, &room, heard.message.as_str()).await.expect("it is in history");
    assert_eq!((stored.level, stored.session), (Level::Normal, None));
    assert_eq!(stored.address, Some("127.0.0.1".parse().unwrap()));
}

#[tokio::test]
async fn nobody_has_to_be_online_and_the_sender_may_be_anybody() {
    let server = Server::start_with("send = \"members\"\n", "").await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let (id, _) = send(&server, &room, "never seen", "hello").await;
    assert_eq!(stored(&server, &room, &id).await.unwrap().from, "never seen");
}

#[tokio::test]
async fn a_transient_message_is_not_stored() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let message = json!({ "from_client": "host", "message": "now only", "transient": true });
    let answer = server.master("POST", &path(&room), message).await.ok();
    let heard = ann.hear().await;
    assert!(heard.transient);
    assert_eq!(answer["msg-id"], heard.message.as_str());
    assert_eq!(stored(&server, &room, heard.message.as_str()).await, None);
}

#[tokio::test]
async fn priority_is_read_in_any_case_and_rules_come_before_it() {
    let rules = "[[apps.levels]]\nvia = \"rest\"\nlctype = 7\nlevel = \"low\"\noverride = true\n\
        [[apps.levels]]\nvia = \"rest\"\nsender = \"robot-*\"\nlevel = \"high\"\n\
        [[apps.levels]]\nvia = \"client\"\nlevel = \"low\"\noverride = true\n";
    let server = Server::start_with(rules, "").await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    for (from, text, priority, expected) in [
        ("host", "x", None, Level::Normal),
        ("host", "x", Some("high"), Level::High),
        ("host", "x", Some("HIGH"), Level::High),
        ("host", "x", Some("Normal"), Level::Normal),
        ("host", "x", Some("low"), Level::Low),
        ("host", "x", Some(""), Level::Normal),
        ("host", r#"{"_lctype":7}"#, Some("high"), Level::Low),
        ("robot-1", "x", None, Level::High),
        ("robot-1", "x", Some("low"), Level::Low),
    ] {
        let message = json!({ "from_client": from, "message": text, "priority": priority });
        let sent = server.master("POST", &path(&room), message).await.ok();
        let stored = stored(&server, &room, sent["msg-id"].as_str().unwrap()).await.unwrap();
        assert_eq!(stored.level, expected, "{from} {text} {priority:?}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = path(&room);
    let many: Vec<String> = (0..21).map(|n| format!("client-{n}")).collect();
    for (body, words) in [
        (json!({}), "from_client"),
        (json!({ "from_client": "host" }), "message"),
        (json!({ "message": "x" }), "from_client"),
        (json!({ "from_client": "", "message": "x" }), "from_client"),
        (json!({ "from_client": "x".repeat(65), "message": "x" }), "from_client"),
        (json!({ "from_client": 7, "message": "x" }), "string"),
        (json!({ "from_client": "host", "message": { "_lctype": -1 } }), "string"),
        (json!({ "from_client": "host", "message": "x", "priority": "urgent" }), "priority"),
        (json!({ "from_client": "host", "message": "x", "transient": "yes" }), "boolean"),
        (json!({ "from_client": "host", "message": "x", "mention_client_ids": many }), "20"),
        (json!({ "from_client": "host", "message": "x", "mention_client_ids": [""] }), "mentioned"),
        (json!(["host", "x"]), "JSON"),
    ] {
        let answer = server.master("POST", &path, body.clone()).await;
        let said = answer.refused(400, 400);
        assert!(said.contains(words) || words == "JSON", "{body}: {said}");
    }
    let long = json!({ "from_client": "host", "message": "x".repeat(5121) });
    let said = server.master("POST", &path, long).await.refused(400, 4109);
    assert!(said.contains("5121"), "{said}");
    server.ask_raw(As::Master, "POST", &path, "{").await.refused(400, 400);
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), json!([]), "nothing was stored");
    // And nobody heard of any.
    send(&server, &room, "host", "the first").await;
    assert_eq!(text(&ann.hear().await), "the first");
}

#[tokio::test]
async fn each_row_asks_for_the_master_key_and_for_a_room_of_the_app() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let (id, timestamp) = send(&server, &room, "host", "hello").await;
    let of = |room: &str| {
        let path = format!("/1.2/rtm/chatrooms/{room}/messages");
        let message = json!({ "from_client": "host", "message": "x" });
        let recalled = json!({ "from_client": "host", "timestamp": timestamp });
        [
            ("POST", path.clone(), message.clone(), 4401),
            ("GET", path.clone(), NOBODY, 4303),
            ("PUT", format!("{path}/{id}"), message, 4404),
            ("PUT", format!("{path}/{id}/recall"), recalled, 4404),
            ("DELETE", format!("{path}/{id}?from_client=host&timestamp={timestamp}"), NOBODY, 4404),
        ]
    };
    for (method, path, body, code) in of(room.as_str()) {
        for who in [As::App, As::Nobody, As::Headers("X-LC-Id: test-app\r\nX-LC-Key: wrong,master\r\n")] {
            let words = server.ask(who, method, &path, body.clone()).await.refused(401, 401);
            assert_eq!(words, "Unauthorized.");
        }
        // Another app's back end sees no room there.
        server.ask(As::OtherMaster, method, &path, body).await.refused(404, code);
    }
    for (method, path, body, code) in of("nowhere") {
        server.master(method, &path, body).await.refused(404, code);
    }
    assert!(stored(&server, &room, &id).await.is_some_and(|message| message.patched_at.is_none()));
    // The same rows under the name of other conversations.
    let mirror = format!("/1.2/rtm/conversations/{room}/messages");
    let items = server.master("GET", &mirror, NOBODY).await.ok();
    assert_eq!(items[0]["msg-id"], id);
    let message = json!({ "from_client": "host", "message": "by the other name" });
    server.master("POST", &mirror, message).await.ok();
    let recalled = json!({ "from_client": "host", "timestamp": timestamp });
    server.master("PUT", &format!("{mirror}/{id}/recall"), recalled).await.ok();
    assert!(stored(&server, &room, &id).await.unwrap().recalled);
}

#[tokio::test]
async fn an_edit_and_a_recall_reach_members_and_the_author() {
    // What clients may not do, the back end may.
    let server = Server::start_with("edit = false\nrecall = false\n", "").await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    host.join(&room).await;
    let (id, timestamp) = send(&server, &room, "host", "hullo").await;
    ann.hear().await;
    let path = format!("{}/{id}", path(&room));
    let edited = json!({ "from_client": "host", "message": "hello", "timestamp": timestamp });
    assert_eq!(server.master("PUT", &path, edited).await.ok(), json!({}));
    let recalled = json!({ "from_client": "host", "timestamp": timestamp });
    assert_eq!(server.master("PUT", &format!("{path}/recall"), recalled.clone()).await.ok(), json!({}));
    for guest in [&mut ann, &mut host] {
        let mut patches = Vec::new();
        while patches.len() < 2 {
            let told = guest.read().await.expect("a patch");
            if let Event::Patched(patch) = told.event {
                patches.push(patch);
            }
        }
        let [edit, recall] = &patches[..] else { unreachable!() };
        assert_eq!((&edit.body, edit.recall), (&Body::Text("hello".to_owned()), false));
        assert_eq!((edit.message.as_str(), edit.timestamp, edit.from.as_str()), (&*id, timestamp, "host"));
        assert_eq!((&recall.body, recall.recall), (&Body::Text(r#"{"_lctype":-127}"#.to_owned()), true));
        assert!(recall.patched_at > edit.patched_at);
    }
    // A retry succeeds; a recalled message cannot be edited.
    server.master("PUT", &format!("{path}/recall"), recalled).await.ok();
    let again = json!({ "from_client": "host", "message": "back", "timestamp": timestamp });
    server.master("PUT", &path, again).await.refused(404, 4404);
}

#[tokio::test]
async fn only_what_is_named_rightly_is_changed() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let (id, timestamp) = send(&server, &room, "host", "hello").await;
    let base = path(&room);
    let recalled = |from: &str, time: i64| json!({ "from_client": from, "timestamp": time });
    let edited = |from: &str, time: i64| json!({ "from_client": from, "message": "x", "timestamp": time });
    for (message, from, time, status, code) in [
        (id.as_str(), "somebody", timestamp, 403, 4403),
        ("unknown", "host", timestamp, 404, 4404),
        (id.as_str(), "host", timestamp + 1, 404, 4404),
    ] {
        let path = format!("{base}/{message}");
        server.master("PUT", &path, edited(from, time)).await.refused(status, code);
        server.master("PUT", &format!("{path}/recall"), recalled(from, time)).await.refused(status, code);
        let path = format!("{path}?from_client={from}&timestamp={time}");
        server.master("DELETE", &path, NOBODY).await.refused(status, code);
    }
    let path = format!("{base}/{id}");
    for (method, path, body) in [
        ("PUT", path.clone(), json!({ "message": "x", "timestamp": timestamp })),
        ("PUT", path.clone(), json!({ "from_client": "host", "timestamp": timestamp })),
        ("PUT", path.clone(), json!({ "from_client": "host", "message": "x", "timestamp": "now" })),
        ("PUT", format!("{path}/recall"), json!({ "from_client": "x".repeat(65) })),
        ("DELETE", path.clone(), NOBODY),
        ("DELETE", format!("{path}?from_client=host&timestamp=now"), NOBODY),
    ] {
        server.master(method, &path, body).await.refused(400, 400);
    }
    let long = json!({ "from_client": "host", "message": "x".repeat(5121) });
    server.master("PUT", &path, long).await.refused(400, 4109);
    let message = stored(&server, &room, &id).await.unwrap();
    assert_eq!((message.body, message.patched_at), (Body::Text("hello".to_owned()), None));
    // The time may be left out.
    let edited = json!({ "from_client": "host", "message": "new" });
    server.master("PUT", &path, edited).await.ok();
    assert_eq!(stored(&server, &room, &id).await.unwrap().body, Body::Text("new".to_owned()));
    // Of a recall also the author.
    server
        .master("PUT", &format!("{path}/recall"), json!({ "timestamp": timestamp + 1 }))
        .await
        .refused(404, 4404);
    server.master("PUT", &format!("{path}/recall"), json!({})).await.ok();
    assert!(stored(&server, &room, &id).await.unwrap().recalled);
}

#[tokio::test]
async fn a_deleted_message_is_gone_from_history_and_nobody_is_told() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (id, timestamp) = send(&server, &room, "host", "hello").await;
    ann.hear().await;
    let path = format!("{}/{id}?from_client=host&timestamp={timestamp}", path(&room));
    assert_eq!(server.master("DELETE", &path, NOBODY).await.ok(), json!({}));
    server.master("DELETE", &path, NOBODY).await.refused(404, 4404);
    assert_eq!(stored(&server, &room, &id).await, None);
    send(&server, &room, "host", "next").await;
    let next = ann.read().await.expect("the next message").event;
    assert!(matches!(&next, Event::Message(push) if text(push) == "next"), "{next:?}");
}

#[tokio::test]
async fn what_was_sent_in_its_name_is_not_for_a_client_that_returns() {
    let server = Server::start().await;
    let (ann, ann_token, room) = room_with(&server, "ann").await;
    let (mut host, host_token) = Guest::log_in(server.address, "host").await;
    host.join(&room).await;
    drop((ann, host));
    server.until_dropped("ann").await;
    server.until_dropped("host").await;
    for (from, text) in [("host", "in its name"), ("another", "for all")] {
        let message = json!({ "from_client": from, "message": text, "priority": "high" });
        server.master("POST", &path(&room), message).await.ok();
    }
    let mut ann = Guest::reopen(server.address, "ann", &ann_token).await;
    assert_eq!(ann.hear_until("for all").await, ["in its name", "for all"]);
    let mut host = Guest::reopen(server.address, "host", &host_token).await;
    assert_eq!(host.hear_until("for all").await, ["for all"]);
}
