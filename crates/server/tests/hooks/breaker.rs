//! An engine that keeps failing is left alone for a while, and then tried.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use grandstand_protocol::Level;
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::Guest,
    server::Server,
};

#[tokio::test]
async fn who_keeps_failing_is_left_alone_and_tried_after_a_while() {
    let works = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&works);
    let functions = Some(vec!["_messageReceived"]);
    let engine = Engine::with_functions(functions, move |_| match state.load(Ordering::Relaxed) {
        true => Reply::Result(json!({ "content": "seen" })),
        false => Reply::Whole(500, "", String::new()),
    })
    .await;
    let lines = engine.lines("breaker_failures = 3\nbreaker_pause = \"2s\"\ndiscovery = \"10ms\"");
    let server = Server::start_with(&lines, "").await;
    // Known by the second look: then the message hook alone is called.
    let known = async {
        while engine.calls("metadatas").len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::raw::PATIENCE, known).await.unwrap();
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    for _ in 0..10 {
        ann.say(&room, Level::High, "unseen").await;
    }
    assert_eq!(engine.calls("_messageReceived").len(), 3);

    works.store(true, Ordering::Relaxed);
    let again = async {
        loop {
            ann.say(&room, Level::High, "unseen").await;
            if engine.calls("_messageReceived").len() > 3 {
                break;
            }
        }
    };
    tokio::time::timeout(crate::raw::PATIENCE, again).await.expect("a trial after the pause");
    ann.say(&room, Level::High, "after").await;
    assert_eq!(host.hear_until("seen").await.last().map(String::as_str), Some("seen"));
}

#[tokio::test]
async fn a_function_that_throws_does_not_speak_against_the_engine() {
    for status in [400, 401, 422, 500] {
        let engine = Engine::start(move |call| match call.hook.as_str() {
            "_messageReceived" => {
                Reply::Whole(status, "", json!({ "code": 1, "error": "threw" }).to_string())
            }
            _ => Reply::Result(Value::Null),
        })
        .await;
        let server = Server::start_with(&engine.lines("breaker_failures = 2"), "").await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        let room = ann.create().await;
        for _ in 0..5 {
            ann.say(&room, Level::High, "hello").await;
        }
        assert_eq!(engine.calls("_messageReceived").len(), 5, "{status}");
    }
}
