//! The other form: signed events to one address.

use grandstand_protocol::{Command, Event, Level};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    engine::{Call, Engine, Reply},
    guest::{Guest, message},
    server::{APP, START, Server},
};

const SECRET: &str = "the secret";

fn lines(receiver: &Engine, more: &str) -> String {
    format!("[apps.webhook]\nurl = \"http://{}/events\"\nsecret = \"{SECRET}\"\n{more}\n", receiver.address)
}

fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    let line = call.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {}", call.head))
}

#[tokio::test]
async fn events_are_signed_and_answers_honoured() {
    let receiver = Engine::start(|call| match call.body["content"].as_str() {
        Some("bad") => Reply::Whole(200, "", json!({ "drop": true, "code": 7 }).to_string()),
        Some("empty") => Reply::Whole(204, "", String::new()),
        _ => Reply::Whole(202, "", "{}".to_owned()),
    })
    .await;
    let server = Server::start_with(&lines(&receiver, ""), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "bad")))).await;
    match answer {
        Event::Refused { fault } => assert_eq!((fault.code, fault.app_code), (4402, Some(7))),
        other => panic!("refused, not {other:?}"),
    }
    for text in ["empty", "good"] {
        ann.say(&room, Level::High, text).await;
    }
    let call = receiver.called("events", |call| call.body["event"] == "messageReceived").await;
    assert_eq!((call.path.as_str(), &call.body["app"]), ("/events", &json!(APP)));
    assert_eq!((&call.body["fromPeer"], &call.body["content"]), (&json!("ann"), &json!("bad")));
    let timestamp = header(&call, "x-grandstand-timestamp");
    let since_start = timestamp.parse::<i64>().unwrap() - START / 1000;
    assert!((0..3600).contains(&since_start), "{timestamp}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{timestamp}.{}", call.text).as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header(&call, "x-grandstand-signature"), format!("sha256={hex}"));
    for secret in ["x-lc-key", "x-lc-hook-key", SECRET] {
        assert!(!call.head.contains(secret), "{}", call.head);
    }
}

#[tokio::test]
async fn only_events_that_it_wants_are_sent() {
    let receiver = Engine::start(|_| Reply::Whole(200, "", Value::Null.to_string())).await;
    let server = Server::start_with(&lines(&receiver, "events = [\"messageSent\"]"), "").await;
    let (mut ann, _) = Guest::log_in(server.address, "ann").await;
    let room = ann.create().await;
    ann.say(&room, Level::High, "hello").await;
    receiver.called("events", |call| call.body["event"] == "messageSent").await;
    let others: Vec<_> =
        receiver.calls("events").into_iter().filter(|call| call.body["event"] != "messageSent").collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Neither the event nor its signature goes where an answer points to.
#[tokio::test]
async fn a_redirect_of_a_webhook_is_a_failure() {
    let elsewhere = Engine::start(|_| Reply::Whole(200, "", json!({ "drop": true }).to_string())).await;
    for status in [301, 302, 303, 307, 308] {
        let location: &str = format!("Location: http://{}/events\r\n", elsewhere.address).leak();
        let receiver = Engine::start(move |_| Reply::Whole(status, location, String::new())).await;
        for (on_failure, accepted) in [("allow", true), ("refuse", false)] {
            let policy = format!("[apps.hooks.on_failure]\nmessage_received = \"{on_failure}\"");
            let server = Server::start_with(&lines(&receiver, &policy), "").await;
            let (mut ann, _) = Guest::log_in(server.address, "ann").await;
            let room = ann.create().await;
            let answer = ann.ask(Command::Send(Box::new(message(&room, Level::High, "hello")))).await;
            assert_eq!(
                matches!(answer, Event::Accepted { .. }),
                accepted,
                "{status} {on_failure}: {answer:?}"
            );
        }
    }
    assert!(elsewhere.calls("events").is_empty());
}
