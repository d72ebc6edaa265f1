//! What the app's back end does over REST goes through its own hooks, too.

use grandstand_protocol::{Event, Level};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    engine::{Engine, Reply},
    guest::Guest,
    server::{APP, As, MASTER_KEY, Server},
};

#[tokio::test]
async fn messages_and_edits_are_asked_about() {
    let engine = Engine::start(|call| match call.body["content"].as_str() {
        Some("bad") => Reply::Result(json!({ "drop": true, "code": 7, "detail": "not here" })),
        Some("rough") => Reply::Result(json!({ "content": "smooth" })),
        _ => Reply::Result(Value::Null),
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let message = |text: &str| json!({ "from_client": "host", "message": text });

    let refused = server.master("POST", &path, message("bad")).await;
    assert_eq!((&refused.body["appCode"], &refused.body["appMsg"]), (&json!(7), &json!("not here")));
    refused.refused(400, 4402);
    let sent = server.master("POST", &path, message("rough")).await.ok();
    let heard = ann.hear().await;
    assert_eq!(heard.body, grandstand_protocol::Body::Text("smooth".to_owned()), "the first that it hears");
    let told = engine.called("_messageSent", |_| true).await.body;
    assert_eq!((&told["fromPeer"], &told["msgId"]), (&json!("host"), &sent["msg-id"]));
    assert_eq!((&told["content"], &told["sourceIP"]), (&json!("smooth"), &json!("127.0.0.1")));

    // Of what cannot be sent it does not hear.
    let nowhere = "/1.2/rtm/chatrooms/nowhere/messages";
    server.master("POST", nowhere, message("nowhere")).await.refused(404, 4401);
    assert!(engine.calls("_messageReceived").iter().all(|call| call.body["content"] != "nowhere"));

    let path = format!("{path}/{}", sent["msg-id"].as_str().unwrap());
    server.master("PUT", &path, message("bad")).await.refused(400, 4405);
    server.master("PUT", &path, message("rough")).await.ok();
    let Event::Patched(patch) = ann.read().await.expect("a patch").event else { panic!("a patch") };
    assert_eq!(patch.body, grandstand_protocol::Body::Text("smooth".to_owned()));
    server.master("PUT", &format!("{path}/recall"), json!({ "from_client": "host" })).await.ok();
    let asked = engine.called("_messageUpdate", |call| call.body["recall"] == true).await.body;
    assert_eq!((&asked["fromPeer"], &asked["msgId"]), (&json!("host"), &sent["msg-id"]));
}

#[tokio::test]
async fn a_kick_says_that_its_client_is_offline_and_out_of_its_room() {
    let engine = Engine::start(|_| Reply::Result(Value::Null)).await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    drop(bob);
    engine.called("_clientOffline", |call| call.body["peerId"] == "bob").await;

    server.master("POST", "/1.2/rtm/clients/ann/kick", json!({ "reason": "spam" })).await.ok();
    let offline = engine.called("_clientOffline", |call| call.body["peerId"] == "ann").await.body;
    assert_eq!((&offline["closeCode"], &offline["sourceIP"]), (&json!(4), &json!("127.0.0.1")));
    let left = |client: &str| json!({ "initBy": client, "convId": room.as_str(), "members": [client] });
    let removed = engine.called("_conversationRemoved", |_| true).await.body;
    assert_eq!(removed, left("ann"));

    // One that dropped could have returned until now.
    server.master("POST", "/1.2/rtm/clients/bob/kick", Value::Null).await.ok();
    engine.called("_conversationRemoved", |call| call.body == left("bob")).await;
    let offline = engine.calls("_clientOffline");
    assert_eq!(offline.iter().filter(|call| call.body["peerId"] == "bob").count(), 1, "it was so before");
}

#[tokio::test]
async fn a_message_goes_out_although_its_caller_has_gone() {
    let engine = Engine::start(|call| match call.hook.as_str() {
        "_messageReceived" => Reply::Held,
        _ => Reply::Result(Value::Null),
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let body = json!({ "from_client": "host", "message": "hello" }).to_string();
    let request = format!(
        "POST /1.2/rtm/chatrooms/{room}/messages HTTP/1.1\r\nHost: here\r\nX-LC-Id: {APP}\r\n\
         X-LC-Key: {MASTER_KEY},master\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut caller = TcpStream::connect(server.address).await.unwrap();
    caller.write_all(request.as_bytes()).await.unwrap();
    engine.called("_messageReceived", |_| true).await;
    drop(caller);
    // The server has seen the end of that connection by now: it has answered another one since.
    for _ in 0..10 {
        server.master("GET", "/1.2/rtm/stats", Value::Null).await.ok();
    }
    engine.release();
    let heard = ann.hear().await;
    assert_eq!(heard.from, "host");
    ann.say(&room, Level::Normal, "and the room goes on").await;
}

#[tokio::test]
async fn a_hook_that_does_not_answer_is_503() {
    let engine = Engine::start(|call| match call.hook.as_str() {
        "_messageReceived" => Reply::HangUp,
        _ => Reply::Result(Value::Null),
    })
    .await;
    let lines = engine.lines("[apps.hooks.on_failure]\nmessage_received = \"refuse\"");
    let server = Server::start_with(&lines, "").await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let message = json!({ "from_client": "host", "message": "hello" });
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let words = server.master("POST", &path, message).await.refused(503, 4200);
    assert!(words.contains("try again"), "{words}");
}

/// The app's key is in every client: rooms that are made and changed with it are asked about as those of clients.
#[tokio::test]
async fn rooms_are_asked_about_when_the_apps_key_makes_and_changes_them() {
    let engine = Engine::start(|call| match call.body["attr"]["name"].as_str() {
        Some("bad") => Reply::Result(json!({ "reject": true, "code": 7, "detail": "not here" })),
        Some("rough") => Reply::Result(json!({ "attr": { "name": "smooth" } })),
        _ => Reply::Result(Value::Null),
    })
    .await;
    let lines = format!("rooms_by_key = \"change\"\n{}", engine.lines(""));
    let server = Server::start_with(&lines, "").await;
    let class = "/1.1/classes/_Conversation";
    let room = |name: &str| json!({ "name": name, "tr": true });

    let refused = server.ask(As::App, "POST", class, room("bad")).await;
    assert_eq!((&refused.body["appCode"], &refused.body["appMsg"]), (&json!(7), &json!("not here")));
    refused.refused(400, 4305);
    let batch = json!({ "requests": [{ "method": "POST", "path": class, "body": room("bad") }] });
    let answers = server.ask(As::App, "POST", "/1.1/batch", batch).await.ok();
    assert_eq!(answers[0]["error"]["code"], 4305, "{answers}");
    let none = server.ask(As::App, "GET", class, Value::Null).await.ok();
    assert_eq!(none["results"], json!([]));

    let made = server.ask(As::App, "POST", class, room("good")).await.ok();
    let asked = engine.called("_conversationStart", |call| call.body["attr"]["name"] == "good").await.body;
    assert_eq!((&asked["initBy"], &asked["members"]), (&json!(""), &json!([])));
    let id = &made["objectId"];
    engine.called("_conversationStarted", |call| call.body["convId"] == *id).await;

    let path = format!("{class}/{}", id.as_str().unwrap());
    server.ask(As::App, "PUT", &path, json!({ "name": "bad" })).await.refused(400, 4305);
    server.ask(As::App, "PUT", &path, json!({ "name": "rough" })).await.ok();
    let asked = engine.called("_conversationUpdate", |call| call.body["attr"]["name"] == "rough").await.body;
    assert_eq!((&asked["initBy"], &asked["convId"]), (&json!(""), id));
    assert_eq!(server.master("GET", &path, Value::Null).await.ok()["name"], "smooth");

    // The back end itself needs nobody's consent.
    server.master("POST", class, room("bad")).await.ok();
    server.master("PUT", &path, json!({ "name": "bad" })).await.ok();
}

/// What was allowed before the hook was asked is asked again.
#[tokio::test]
async fn a_room_that_is_frozen_meanwhile_is_not_changed() {
    let engine = Engine::start(|call| match call.hook.as_str() {
        "_conversationUpdate" => Reply::Held,
        _ => Reply::Result(Value::Null),
    })
    .await;
    let lines = format!("rooms_by_key = \"change\"\n{}", engine.lines(""));
    let server = Server::start_with(&lines, "").await;
    let made = server.master("POST", "/1.2/rtm/chatrooms", json!({ "name": "room" })).await.ok();
    let id = made["objectId"].as_str().unwrap();
    let path = format!("/1.1/classes/_Conversation/{id}");
    let change = server.ask(As::App, "PUT", &path, json!({ "name": "new" }));
    let freeze = async {
        engine.called("_conversationUpdate", |_| true).await;
        let switches = format!("/1.2/rtm/chatrooms/{id}/switches");
        server.master("PUT", &switches, json!({ "frozen": true })).await.ok();
        engine.release();
    };
    let (changed, ()) = tokio::join!(change, freeze);
    changed.refused(403, 4307);
    assert_eq!(server.master("GET", &path, Value::Null).await.ok()["name"], "room");
}

/// As long as its hooks may take, a call waits, also where any other request would have been too slow.
#[tokio::test]
async fn a_call_waits_for_its_hooks() {
    let engine = Engine::start(|_| Reply::Silence).await;
    let lines = engine.lines("timeout = \"900ms\"\nbreaker_failures = 1000");
    let lines = format!("rooms_by_key = \"change\"\n{lines}");
    let server = Server::start_with(&lines, "[limits]\nupgrade_timeout = \"500ms\"").await;
    let made = server.master("POST", "/1.2/rtm/chatrooms", json!({ "name": "room" })).await.ok();
    let id = made["objectId"].as_str().unwrap();
    let messages = format!("/1.2/rtm/chatrooms/{id}/messages");
    let message = json!({ "from_client": "host", "message": "hello" });
    let sent = server.master("POST", &messages, message.clone()).await.ok();
    let of_message = format!("{messages}/{}", sent["msg-id"].as_str().unwrap());
    server.master("PUT", &of_message, message).await.ok();
    let (class, room) = ("/1.1/classes/_Conversation", json!({ "name": "new", "tr": true }));
    server.ask(As::App, "POST", class, room.clone()).await.ok();
    server.ask(As::App, "PUT", &format!("{class}/{id}"), json!({ "name": "newer" })).await.ok();
    let part = json!({ "method": "POST", "path": class, "body": room });
    let batch = json!({ "requests": [part, part] });
    let answers = server.ask(As::App, "POST", "/1.1/batch", batch).await.ok();
    assert!(answers[1]["success"]["objectId"].is_string(), "{answers}");
}

/// Who is not there cannot be taken out.
#[tokio::test]
async fn of_a_kick_from_a_room_it_is_asked_about_those_who_are_there() {
    let engine = Engine::start(|call| match call.hook.as_str() {
        "_conversationRemove" => Reply::Result(json!({ "reject": true, "code": 7, "detail": "not here" })),
        _ => Reply::Result(Value::Null),
    })
    .await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    let path = format!("/1.2/rtm/chatrooms/{room}/members");
    let nobody = json!({ "client_ids": ["bob", "nobody"] });
    assert_eq!(server.master("DELETE", &path, nobody).await.ok(), json!({ "removed": [] }));
    assert!(engine.calls("_conversationRemove").is_empty());
    let some = json!({ "client_ids": ["bob", "ann"] });
    server.master("DELETE", &path, some).await.refused(400, 4305);
    assert_eq!(engine.calls("_conversationRemove")[0].body["members"], json!(["ann"]));
}
