//! What nobody waits for: bounded in number, and in time when the server stops.

use std::time::Duration;

use grandstand_protocol::Level;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    engine::{Engine, Reply},
    guest::Guest,
    raw::PATIENCE,
    server::Server,
};

/// Answers what it is told of messages only when it is let.
async fn busy() -> Engine {
    Engine::start(|call| match call.hook.as_str() {
        "_messageSent" => Reply::Held,
        _ => Reply::Result(Value::Null),
    })
    .await
}

/// One test, because both halves count the same.
#[tokio::test]
async fn what_is_dropped_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    let dropped = || {
        let name = "grandstand_hook_dropped_total{app=\"test-app\",hook=\"messageSent\"} ";
        let text = figures.render();
        text.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse::<u32>().unwrap())
    };
    what_waits_is_bounded_and_senders_do_not_notice().await;
    assert_eq!(dropped(), 7);
    a_stop_does_not_wait_for_who_does_not_answer().await;
    assert_eq!(dropped(), 7 + 100);
}

async fn what_waits_is_bounded_and_senders_do_not_notice() {
    let engine = busy().await;
    let server = Server::start_with(&engine.lines("timeout = \"60s\"\nqueue = 3\nworkers = 1"), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    // What the login and the room had to tell is out of the way.
    engine.called("_conversationStarted", |_| true).await;
    engine.called("_clientOnline", |_| true).await;
    ann.say(&room, Level::High, "first").await;
    engine.called("_messageSent", |_| true).await;
    for number in 0..10 {
        ann.say(&room, Level::High, &number.to_string()).await;
    }
    engine.release();
    engine.called("_messageSent", |call| call.body["content"] == "2").await;
    ann.say(&room, Level::High, "last").await;
    engine.called("_messageSent", |call| call.body["content"] == "last").await;
    let told: Vec<_> =
        engine.calls("_messageSent").into_iter().map(|call| call.body["content"].clone()).collect();
    assert_eq!(told, ["first", "0", "1", "2", "last"], "three found a place, the others none");
}

#[tokio::test]
async fn a_stop_tells_what_it_can() {
    let engine = Engine::start(|_| Reply::Result(Value::Null)).await;
    let server = Server::start_with(&engine.lines(""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    for number in 0..100 {
        ann.say(&room, Level::High, &number.to_string()).await;
    }
    server.node.end_tasks(Instant::now() + PATIENCE).await;
    assert_eq!(engine.calls("_messageSent").len(), 100, "all are told before it ends");
}

async fn a_stop_does_not_wait_for_who_does_not_answer() {
    let engine = busy().await;
    let server = Server::start_with(&engine.lines("timeout = \"60s\""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    for number in 0..100 {
        ann.say(&room, Level::High, &number.to_string()).await;
    }
    let begun = Instant::now();
    server.node.end_tasks(Instant::now() + PATIENCE).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
