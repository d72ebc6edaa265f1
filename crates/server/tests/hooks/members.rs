//! Whom hooks are told by name, and what a reload changes.

use std::sync::Arc;

use grandstand::{apps::Apps, config::Config};
use grandstand_protocol::Level;
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::Guest,
    server::{APP, KEY, MASTER_KEY, Server},
};

#[tokio::test]
async fn members_are_named_while_they_are_few() {
    // Hands back what it got, as functions do that change something else.
    let engine = Engine::start(|call| Reply::Result(json!({ "toPeers": call.body["toPeers"] }))).await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let mut guests = Vec::new();
    for number in 1..100 {
        let (mut guest, _) = Guest::log_in(server.address, &format!("guest {number}")).await;
        guest.join(&room).await;
        guests.push(guest);
    }
    guests[0].say(&room, Level::High, "a hundred").await;
    let told = engine.called("_messageReceived", |call| call.body["content"] == "a hundred").await;
    assert_eq!(told.body["toPeers"].as_array().map(Vec::len), Some(99), "all but the sender");

    let (mut late, _) = Guest::log_in(server.address, "late").await;
    late.join(&room).await;
    late.say(&room, Level::High, "one more").await;
    let told = engine.called("_messageReceived", |call| call.body["content"] == "one more").await;
    assert_eq!(told.body["toPeers"], json!([]));
    assert_eq!(host.hear_until("one more").await, ["a hundred", "one more"], "no names silence nobody");
}

#[tokio::test]
async fn a_reload_turns_to_the_hooks_that_it_brings() {
    let before = Engine::start(|_| Reply::Result(Value::Null)).await;
    let after = Engine::start(|_| Reply::Result(Value::Null)).await;
    let server = Server::start_with(&before.lines(""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    ann.say(&room, Level::High, "before").await;
    before.called("_messageSent", |_| true).await;

    let reload = |lines: &str| {
        let text =
            format!("[[apps]]\nid = \"{APP}\"\nkey = \"{KEY}\"\nmaster_key = \"{MASTER_KEY}\"\n{lines}");
        let config = Arc::new(Config::from_toml(&text).unwrap());
        server.node.apps.replace(Apps::new(config.apps.clone()));
        server.node.follow_reload();
    };
    reload(&after.lines(""));
    after.called("metadatas", |_| true).await;
    ann.say(&room, Level::High, "after").await;
    after.called("_messageReceived", |call| call.body["content"] == "after").await;

    reload("");
    ann.say(&room, Level::High, "alone").await;
    for engine in [&before, &after] {
        assert!(engine.calls("_messageReceived").iter().all(|call| call.body["content"] != "alone"));
    }
    assert_eq!(before.calls("_messageReceived").len(), 1);
}
