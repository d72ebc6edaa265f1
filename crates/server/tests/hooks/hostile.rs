//! Engines that are broken, slow or bad: nothing hangs, nothing is followed, little is read.

use std::time::{Duration, Instant};

use grandstand_protocol::{Command, Event, Fault, Level};
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Reply},
    guest::{Guest, message},
    server::Server,
};

/// The time limit of these tests: long enough for a busy machine to answer in.
const LIMIT: Duration = Duration::from_millis(1500);

/// Far above the limit, far below the hang that a test would otherwise be.
const HANG: Duration = Duration::from_secs(10);

/// No breaker, so that each call meets the engine.
fn lines(engine: &Engine, on_failure: &str) -> String {
    let limits = format!("timeout = \"{}ms\"\nbreaker_failures = 1000000", LIMIT.as_millis());
    let policy = format!("[apps.hooks.on_failure]\nmessage_received = \"{on_failure}\"");
    engine.lines(&format!("{limits}\n{policy}"))
}

/// Misbehaves where a message is judged.
async fn engine(reply: Reply) -> Engine {
    Engine::start(move |call| match call.hook.as_str() {
        "_messageReceived" => reply.clone(),
        _ => Reply::Result(Value::Null),
    })
    .await
}

/// Sends a message under both policies: it goes through, and it is refused. Neither takes long.
async fn is_a_failure(what: &str, reply: Reply) -> Engine {
    let engine = engine(reply).await;
    for on_failure in ["allow", "refuse"] {
        let server = Server::start_with(&lines(&engine, on_failure), "").await;
        let (mut ann, _) = Guest::log_in(server.address, "ann").await;
        let room = ann.create().await;
        let begun = Instant::now();
        let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "hello")))).await;
        assert!(begun.elapsed() < HANG, "{what}: {:?}", begun.elapsed());
        match (on_failure, answer) {
            ("allow", Event::Accepted { .. }) => {}
            ("refuse", Event::Refused { fault: Fault { code: 4200, .. } }) => {}
            (policy, other) => panic!("{what} under {policy}: {other:?}"),
        }
    }
    assert_eq!(engine.calls("_messageReceived").len(), 2, "{what}: called once for each");
    engine
}

#[tokio::test]
async fn answers_that_are_none() {
    let html = || Reply::Whole(200, "Content-Type: text/html\r\n", "<html>hello</html>".to_owned());
    let deep = format!("{{\"result\":{}1{}}}", "[".repeat(30_000), "]".repeat(30_000));
    for (what, reply) in [
        ("a page", html()),
        ("half of JSON", Reply::Whole(200, "", "{\"result\":{\"drop\":".to_owned())),
        ("nothing", Reply::Whole(200, "", String::new())),
        ("a list", Reply::Whole(200, "", "[]".to_owned())),
        ("a text as the result", Reply::Result(json!("no"))),
        ("a number as the content", Reply::Result(json!({ "content": 1 }))),
        ("names that are none", Reply::Result(json!({ "toPeers": [{}] }))),
        ("an abyss of brackets", Reply::Whole(200, "", deep)),
        (
            "bytes that are no text",
            Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe".into()),
        ),
        ("no HTTP", Reply::Bytes(b"hello\r\n\r\n".to_vec())),
        ("less than announced", Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}".into())),
        ("a hang-up", Reply::HangUp),
        ("400", Reply::Whole(400, "", json!({ "code": 1, "error": "threw" }).to_string())),
        ("401", Reply::Whole(401, "", json!({ "code": 401, "error": "Unauthorized." }).to_string())),
        ("500", Reply::Whole(500, "", "oops".to_owned())),
    ] {
        is_a_failure(what, reply).await;
    }
}

#[tokio::test]
async fn a_wrong_content_type_does_no_harm() {
    let result = json!({ "result": { "drop": true } }).to_string();
    let engine = engine(Reply::Whole(200, "Content-Type: image/png\r\n", result)).await;
    let server = Server::start_with(&lines(&engine, "allow"), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "hello")))).await;
    assert!(matches!(&answer, Event::Refused { fault } if fault.code == 4402), "{answer:?}");
}

/// What is not asked for is not unpacked either, so there is nothing in it to burst.
#[tokio::test]
async fn compressed_answers_stay_packed() {
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x4a\x2d\x2e\xcd\x29\x51\xb2\xaa\x56\x4a\x29\xca\x2f\x50\xb2\x2a\x29\x2a\x4d\xad\xad\x05\x00\xd6\xa0\x33\x92\x18\x00\x00\x00";
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let engine = is_a_failure("packed", Reply::Bytes([head.as_bytes(), packed].concat())).await;
    assert!(engine.calls("_messageReceived").iter().all(|call| !call.head.contains("accept-encoding")));
}

#[tokio::test]
async fn engines_that_let_wait() {
    is_a_failure("silence", Reply::Silence).await;
    is_a_failure("a byte now and then", Reply::Drip).await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = engine(Reply::Result(json!({ "drop": true }))).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: http://{}/1.1/functions/_messageReceived\r\n", elsewhere.address);
        is_a_failure("a redirect", Reply::Whole(status, location.leak(), String::new())).await;
    }
    assert!(elsewhere.calls("_messageReceived").is_empty());
}

#[tokio::test]
async fn huge_answers_are_cut_off() {
    let big = json!({ "result": { "content": "x".repeat(64 * 1024) } }).to_string();
    is_a_failure("a little too much", Reply::Whole(200, "", big)).await;
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
    is_a_failure("an announcement of too much", Reply::Bytes(announced.to_vec())).await;
    is_a_failure("a head without end", Reply::Bytes(b"HTTP/1.1 200 OK\r\nX: y".repeat(200_000))).await;
    let engine = is_a_failure("a body without end", Reply::Endless(16 * 1024)).await;
    engine.cut_off(2).await;
    // What the server reads, and what the kernels of both ends hold on the way.
    assert!(engine.poured() < 2 * (64 * 1024 + 8 * 1024 * 1024), "{} bytes", engine.poured());
}

#[tokio::test]
async fn a_missing_function_is_a_failure_only_for_who_counts_on_it() {
    is_a_failure("404", Reply::Whole(404, "", json!({ "code": 1, "error": "not found" }).to_string())).await;
}

#[tokio::test]
async fn a_function_that_is_on_no_list_is_missed_by_nobody() {
    let functions = Some(vec!["_messageSent"]);
    let engine = Engine::with_functions(functions, |_| Reply::Whole(404, "", String::new())).await;
    // The first message is judged before the first look is taken in, or after: it is the same.
    let server = Server::start_with(&lines(&engine, "refuse"), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    ann.say(&room, Level::High, "hello").await;
}

#[tokio::test]
async fn nobody_listens() {
    let engine = engine(Reply::HangUp).await;
    let lines = lines(&engine, "refuse");
    drop(engine);
    let server = Server::start_with(&lines, "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "hello")))).await;
    assert!(matches!(&answer, Event::Refused { fault } if fault.code == 4200), "{answer:?}");
}

#[tokio::test]
async fn a_hook_holds_up_only_who_waits_for_it() {
    let engine = Engine::start(|call| match call.body["content"].as_str() {
        Some("slow") => Reply::Silence,
        _ => Reply::Result(Value::Null),
    })
    .await;
    let server = Server::start_with(&engine.lines("timeout = \"30s\""), "").await;
    let (mut slow, _) = Guest::log_in(server.address, "slow").await;
    let room = slow.create().await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    ann.join(&room).await;
    slow.send(Command::Send(Box::new(message(&room, Level::High, "slow")))).await;
    engine.called("_messageReceived", |call| call.body["content"] == "slow").await;
    let begun = Instant::now();
    ann.say(&room, Level::High, "quick").await;
    assert_eq!(slow.hear().await.from, "ann", "it also hears while it waits");
    assert!(begun.elapsed() < HANG, "{:?}", begun.elapsed());
}
