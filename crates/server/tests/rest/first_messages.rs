//! Messages over REST 1.1, as old back ends send, read and change them.

use grandstand_protocol::{Body, Event, Level, MessageId, RoomId};
use serde_json::{Value, json};

use crate::{
    messages::{NOBODY, room_with, text},
    server::{APP, As, Server},
};

const SEND: &str = "/1.1/rtm/messages";
const LOGS: &str = "/1.1/rtm/messages/logs";
const HISTORY: &str = "/1.1/rtm/messages/history";
const PATCH: &str = "/1.1/rtm/patch/message";

async fn send(server: &Server, room: &RoomId, from: &str, text: &str) -> Value {
    let message = json!({ "from_peer": from, "conv_id": room.as_str(), "message": text, "transient": false });
    server.master("POST", SEND, message).await.ok()
}

fn texts(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["data"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_transient_and_high_unless_it_says_otherwise() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let message = json!({ "from_peer": "host", "conv_id": room.as_str(), "message": "now", "no_sync": true });
    let answer = server.master("POST", SEND, message).await.ok();
    let heard = ann.hear().await;
    assert_eq!((text(&heard), heard.transient), ("now", true));
    assert_eq!(answer["msg-id"], heard.message.as_str());

    for (priority, level) in [(None, Level::High), (Some("NORMAL"), Level::Normal), (Some("low"), Level::Low)]
    {
        let message = json!({
            "from_peer": "host", "conv_id": room.as_str(), "message": "kept", "transient": false,
            "priority": priority, "to_peers": [],
        });
        let id = server.master("POST", SEND, message).await.ok()["msg-id"].as_str().unwrap().to_owned();
        let stored = server.node.store.message(&APP.into(), &room, &MessageId::from(id)).await.unwrap();
        assert_eq!(stored.expect("it is in history").level, level, "{priority:?}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let room = room.as_str();
    for body in [
        json!({ "conv_id": room, "message": "x" }),
        json!({ "from_peer": "host", "message": "x" }),
        json!({ "from_peer": "host", "conv_id": room }),
        json!({ "from_peer": "", "conv_id": room, "message": "x" }),
        json!({ "from_peer": "host", "conv_id": room, "message": "x", "priority": "urgent" }),
        json!({ "from_peer": "host", "conv_id": room, "message": "x", "to_peers": ["ann"] }),
    ] {
        server.master("POST", SEND, body).await.refused(400, 400);
    }
    let message = json!({ "from_peer": "host", "conv_id": "nowhere", "message": "x" });
    server.master("POST", SEND, message.clone()).await.refused(404, 4401);
    for who in [As::App, As::Nobody] {
        server.ask(who, "POST", SEND, message.clone()).await.refused(401, 401);
    }
}

#[tokio::test]
async fn history_is_read_by_room_by_sender_and_whole() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let other = server.node.ensure_room(&APP.into(), "another room").await.unwrap();
    let mut sent = Vec::new();
    for (room, from, text) in
        [(&room, "ann", "1"), (&room, "bob", "2"), (&other, "ann", "3"), (&room, "ann", "4")]
    {
        sent.push(send(&server, room, from, text).await);
        server.clock.jump(1000);
    }
    let (at, id) = (&sent[1]["timestamp"], sent[1]["msg-id"].as_str().unwrap());
    for (query, expected) in [
        (format!("convid={room}"), vec!["4", "2", "1"]),
        (format!("convid={room}&reversed=true"), vec!["1", "2", "4"]),
        (format!("convid={room}&limit=1"), vec!["4"]),
        (format!("convid={room}&max_ts={at}&msgid={id}"), vec!["1"]),
        (format!("convid={room}&timestamp={at}"), vec!["1"]),
        (format!("convid={room}&reversed=true&max_ts={at}"), vec!["4"]),
        ("from=ann".to_owned(), vec!["4", "3", "1"]),
        ("from=nobody".to_owned(), vec![]),
        ("convid=&from=".to_owned(), vec!["4", "3", "2", "1"]),
        (String::new(), vec!["4", "3", "2", "1"]),
    ] {
        for path in [HISTORY, LOGS] {
            let items = server.master("GET", &format!("{path}?{query}"), NOBODY).await.ok();
            assert_eq!(texts(&items), expected, "{path}?{query}");
        }
    }
    for path in [HISTORY, LOGS] {
        for query in [format!("convid={room}&from=ann"), "limit=x".to_owned(), "msgid=1".to_owned()] {
            server.master("GET", &format!("{path}?{query}"), NOBODY).await.refused(400, 400);
        }
        server.master("GET", &format!("{path}?convid=nowhere"), NOBODY).await.refused(404, 4303);
        server.ask(As::App, "GET", path, NOBODY).await.refused(401, 401);
        let items = server.master("GET", &format!("{path}?convid={room}&limit=1"), NOBODY).await.ok();
        let (first, last) = (&items[0], &sent[3]);
        assert_eq!((&first["msg-id"], &first["timestamp"]), (&last["msg-id"], &last["timestamp"]));
        assert_eq!((&first["conv-id"], &first["from"]), (&json!(room.as_str()), &json!("ann")));
    }
}

#[tokio::test]
async fn an_item_of_history_can_be_sent_back_changed() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    send(&server, &room, "host", "hullo").await;
    ann.hear().await;
    let path = format!("{LOGS}?convid={room}");
    let item = server.master("GET", &path, NOBODY).await.ok()[0].clone();
    let with = |key: &str, value: Value| {
        let mut changed = item.clone();
        changed[key] = value;
        changed
    };
    assert_eq!(server.master("PUT", LOGS, with("data", json!("hello"))).await.ok(), json!({}));
    let Event::Patched(patch) = ann.read().await.expect("a patch").event else { panic!("a patch") };
    assert_eq!((patch.body, patch.recall), (Body::Text("hello".to_owned()), false));
    assert_eq!(texts(&server.master("GET", &path, NOBODY).await.ok()), ["hello"]);

    for (changed, status, code) in [
        (with("from", json!("somebody")), 403, 4403),
        (with("timestamp", json!(1)), 404, 4404),
        (with("msg-id", json!("unknown")), 404, 4404),
        (with("conv-id", json!("nowhere")), 404, 4404),
        (with("bin", json!(true)), 400, 400),
        (with("timestamp", NOBODY), 400, 400),
        (with("data", NOBODY), 400, 400),
        (json!({}), 400, 400),
    ] {
        server.master("PUT", LOGS, changed).await.refused(status, code);
    }
    server.ask(As::App, "PUT", LOGS, item.clone()).await.refused(401, 401);
    let mut binary = with("bin", json!(true));
    binary["data"] = json!("AJ+S");
    server.master("PUT", LOGS, binary).await.ok();
    let items = server.master("GET", &path, NOBODY).await.ok();
    assert_eq!((&items[0]["data"], &items[0]["bin"]), (&json!("AJ+S"), &json!(true)));
}

#[tokio::test]
async fn a_message_is_deleted_from_history() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let sent = send(&server, &room, "host", "hello").await;
    let (id, at) = (sent["msg-id"].as_str().unwrap(), &sent["timestamp"]);
    for (query, status, code) in [
        (format!("msgid={id}"), 400, 400),
        (format!("convid={room}"), 400, 400),
        (format!("convid={room}&msgid={id}&timestamp=x"), 400, 400),
        (format!("convid={room}&msgid={id}&timestamp=1"), 404, 4404),
        (format!("convid={room}&msgid=unknown"), 404, 4404),
        (format!("convid={room}&msgid={id}&from=somebody"), 403, 4403),
    ] {
        server.master("DELETE", &format!("{LOGS}?{query}"), NOBODY).await.refused(status, code);
    }
    let path = format!("{LOGS}?convid={room}&msgid={id}&timestamp={at}&from=host");
    server.ask(As::App, "DELETE", &path, NOBODY).await.refused(401, 401);
    assert_eq!(server.master("DELETE", &path, NOBODY).await.ok(), json!({}));
    assert_eq!(server.master("GET", &format!("{LOGS}?convid={room}"), NOBODY).await.ok(), json!([]));
}

#[tokio::test]
async fn a_patch_edits_or_recalls() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let sent = send(&server, &room, "host", "hullo").await;
    ann.hear().await;
    let named = json!({
        "conv_id": room.as_str(), "msg_id": sent["msg-id"], "timestamp": sent["timestamp"], "from_peer": "host",
    });
    let with = |key: &str, value: Value| {
        let mut body = named.clone();
        body[key] = value;
        body
    };
    server.master("PUT", PATCH, with("message", json!("hello"))).await.ok();
    server.master("PUT", PATCH, with("recall", json!(true))).await.ok();
    for expected in ["hello", r#"{"_lctype":-127}"#] {
        let Event::Patched(patch) = ann.read().await.expect("a patch").event else { panic!("a patch") };
        assert_eq!(patch.body, Body::Text(expected.to_owned()));
    }
    server.master("PUT", PATCH, named.clone()).await.refused(400, 400);
    let mut both = with("message", json!("x"));
    both["recall"] = json!(true);
    server.master("PUT", PATCH, both).await.refused(400, 400);
    let mut foreign = with("recall", json!(true));
    foreign["from_peer"] = json!("somebody");
    server.master("PUT", PATCH, foreign).await.refused(403, 4403);
    server.ask(As::App, "PUT", PATCH, with("recall", json!(true))).await.refused(401, 401);
}

#[tokio::test]
async fn nothing_is_unread_in_rooms() {
    let server = Server::start().await;
    for path in ["/1.1/rtm/messages/unread/ann", "/1.1/rtm/messages/unread/ann/some-room"] {
        assert_eq!(server.ask(As::App, "GET", path, NOBODY).await.ok(), json!({ "count": 0 }));
        server.ask(As::Nobody, "GET", path, NOBODY).await.refused(401, 401);
    }
}
