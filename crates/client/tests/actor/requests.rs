//! Requests: what goes out, how answers find their callers, what bounds them.

use std::time::Duration;

use grandstand_client::{
    Body, Code, Fault, Format, HistoryQuery, Level, MessageRef, Outgoing, RequestError, RoomQuery,
};
use grandstand_protocol::{Change, Command, Event as Say, Request};
use serde_json::{Map, json};
use tokio::time::Instant;

use crate::fake::{Fake, Peer, SERVER_TIME, beside, opening, room, seconds, text};

#[tokio::test(start_paused = true)]
async fn the_first_login_names_app_client_tag_device_and_capabilities() {
    let (mut fake, builder) = Fake::new();
    let opening = opening(builder.tag("phone").device_id("device-1"));
    let mut peer = fake.accept().await;
    let request = peer.request().await;
    assert_eq!((request.app.as_deref(), request.peer.as_deref()), (Some("app-id"), Some("ann")));
    let Command::Open(open) = request.command else { panic!("{request:?}") };
    assert_eq!((open.tag.as_deref(), open.device_id.as_deref()), (Some("phone"), Some("device-1")));
    assert_eq!((open.reopen, &open.token, open.last_patch), (false, &None, None));
    assert!(open.may_omit_peer());
    peer.say(request.serial, Say::Failed { fault: Fault::from(Code::InvalidLogin) }).await;
    let error = opening.await.unwrap().unwrap_err();
    assert!(error.final_reason().is_some(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_resumed_login_shows_its_token() {
    let (mut fake, builder) = Fake::new();
    let opening = opening(builder.resume("token-of-yesterday"));
    let mut peer = fake.accept().await;
    let open = peer.grant("token-2").await;
    assert_eq!((open.reopen, open.token.as_deref()), (true, Some("token-of-yesterday")));
    let (client, _events) = opening.await.unwrap().unwrap();
    assert_eq!(client.token(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_callers_in_any_order() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let (first, second) = (client.clone(), client);
    let one = beside(async move { first.count(&"one".into()).await });
    let asked_one = peer.request().await;
    let two = beside(async move { second.count(&"two".into()).await });
    let asked_two = peer.request().await;
    assert_eq!(asked_two.command, Command::Count { room: "two".into() });
    peer.say(asked_two.serial, Say::Count { count: 2 }).await;
    peer.say(asked_one.serial, Say::Count { count: 1 }).await;
    assert_eq!((one.await.unwrap().unwrap(), two.await.unwrap().unwrap()), (1, 2));
}

/// Each method: what it asks, and what it makes of the answer.
#[tokio::test(start_paused = true)]
async fn every_method_asks_and_reads_its_answer() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let script = beside(async move {
        for _ in 0..13 {
            let request = peer.request().await;
            assert_eq!((&request.app, &request.peer), (&None, &None), "said once, at the login");
            let answer = answer(&request);
            peer.say(request.serial, answer).await;
        }
    });
    let topic = Map::from_iter([("topic".to_owned(), json!("football"))]);
    assert_eq!(client.create_room("Final", topic.clone()).await.unwrap(), room());
    assert_eq!(client.query(RoomQuery::new().name("Final")).await.unwrap()[0].id, room());
    client.join(&room()).await.unwrap();
    let sent = client.send(&room(), Outgoing::text("hi").level(Level::High).mention("bob")).await.unwrap();
    assert_eq!(sent, MessageRef { room: room(), message: "m1".into(), timestamp: SERVER_TIME });
    assert_eq!(client.history(&room(), HistoryQuery::newest().from(&sent).limit(5)).await.unwrap(), []);
    assert_eq!(client.update_message(&sent, Body::Text("ho".to_owned())).await.unwrap(), 7);
    assert_eq!(client.recall(&sent).await.unwrap(), 8);
    assert_eq!(client.update_room(&room(), topic.clone()).await.unwrap(), topic);
    assert_eq!(client.count(&room()).await.unwrap(), 3);
    assert_eq!(client.members(&room(), 9).await.unwrap(), ["ann"]);
    assert_eq!(client.joined(&[room(), "other".into()]).await.unwrap(), [room()]);
    assert_eq!(client.online(&["bob", "eve"]).await.unwrap(), ["bob"]);
    client.quit(&room()).await.unwrap();
    script.await.unwrap();
}

/// A strict server: checks what it is asked.
fn answer(request: &Request) -> Say {
    let (allowed, updated_at) = (vec!["ann".to_owned()], "2026-11-23T00:00:00.000Z".to_owned());
    match &request.command {
        Command::Start(start) => {
            assert!(start.transient);
            assert_eq!(start.attributes.as_deref(), Some(r#"{"name":"Final","attr":{"topic":"football"}}"#));
            Say::Started { room: room(), created_at: updated_at }
        }
        Command::Query(query) => {
            assert_eq!(query.filter.as_deref(), Some(r#"{"tr":true,"name":"Final"}"#));
            Say::Results { rows: json!([{"objectId": room().as_str()}]).to_string(), count: None }
        }
        Command::Join { members, .. } if *members == allowed => {
            Say::Added { room: room(), allowed, updated_at }
        }
        Command::Quit { members, .. } if *members == allowed => {
            Say::Removed { room: room(), allowed, updated_at }
        }
        Command::Send(send) => {
            assert_eq!(text(&send.body), r#"{"_lctype":-1,"_lctext":"hi"}"#);
            assert_eq!(
                (send.level, send.mentions.clients.as_slice()),
                (Some(Level::High), &["bob".to_owned()][..])
            );
            assert!(send.dedupe.as_ref().is_some_and(|token| token.len() == 32), "always a dedupe token");
            Say::Accepted { message: "m1".into(), timestamp: SERVER_TIME }
        }
        Command::History(history) => {
            assert_eq!(history.start.message, Some("m1".into()));
            assert_eq!(history.limit, Some(5));
            Say::History { items: Vec::new() }
        }
        Command::Modify { patches } if patches[0].recall => Say::Modified { time: 8 },
        Command::Modify { patches } => {
            assert_eq!(patches[0].body, Some(Body::Text("ho".to_owned())));
            Say::Modified { time: 7 }
        }
        Command::Update { attributes, .. } => {
            let change = Change { set: attributes.clone(), resulting: attributes.clone() };
            Say::Updated { room: room(), updated_at, change: Some(change) }
        }
        Command::Count { .. } => Say::Count { count: 3 },
        Command::Members { limit: Some(9), .. } => Say::Members { clients: allowed },
        Command::IsMember { rooms } if rooms.len() == 2 => {
            Say::Membership { results: json!({room().as_str(): true, "other": false}).to_string() }
        }
        Command::QueryOnline { clients } if clients.len() == 2 => {
            Say::Online { clients: vec!["bob".to_owned()] }
        }
        other => panic!("unexpected: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_carries_its_code() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let sending = beside(async move { client.send(&room(), Outgoing::text("hi")).await });
    let request = peer.request().await;
    peer.say(request.serial, Say::Refused { fault: Fault::from(Code::MessageSentQuotaExceeded) }).await;
    let error = sending.await.unwrap().unwrap_err();
    assert!(error.is(Code::MessageSentQuotaExceeded), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_times_out_and_its_late_answer_disturbs_nobody() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder.request_timeout(seconds(5))).await;
    let asked = Instant::now();
    let error = client.count(&room()).await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut), "{error}");
    assert_eq!(asked.elapsed(), seconds(5));

    let late = peer.request().await;
    peer.say(late.serial, Say::Count { count: 1 }).await;
    let again = beside(async move { client.count(&room()).await });
    let request = peer.request().await;
    assert_ne!(request.serial, late.serial);
    peer.say(request.serial, Say::Count { count: 2 }).await;
    assert_eq!(again.await.unwrap().unwrap(), 2);
}

/// Neither an overflow of the clock nor a loop without rest.
#[tokio::test(start_paused = true)]
async fn extreme_times_are_survived() {
    for extreme in [Duration::ZERO, Duration::MAX] {
        let (mut fake, builder) = Fake::new();
        let (client, _events, mut peer) =
            fake.opened(builder.heartbeat(extreme).pauses(extreme, extreme)).await;
        let counting = beside(async move { client.count(&room()).await });
        let request = peer.request().await;
        peer.say(request.serial, Say::Count { count: 1 }).await;
        assert_eq!(counting.await.unwrap().unwrap(), 1);
    }
}

/// The 65th waits until the first is answered.
#[tokio::test(start_paused = true)]
async fn at_most_64_requests_wait_for_the_server() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let callers: Vec<_> = (0..65)
        .map(|_| {
            let client = client.clone();
            beside(async move { client.count(&room()).await })
        })
        .collect();
    let first = peer.request().await;
    for _ in 1..64 {
        peer.request().await;
    }
    let blocked = tokio::time::timeout(Duration::from_secs(1), peer.request()).await;
    assert!(blocked.is_err(), "{blocked:?}");
    peer.say(first.serial, Say::Count { count: 1 }).await;
    peer.request().await;
    drop(callers);
}

async fn check_format(format: Format) {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, mut peer) = fake.opened(builder.format(format)).await;
    assert_eq!(peer.format, format);
    let script = beside(async move {
        peer.accept_message().await;
        peer.say(None, crate::fake::push("m2")).await;
        peer
    });
    client.send(&room(), Outgoing::text("hi")).await.unwrap();
    let event = events.next().await.unwrap();
    assert!(matches!(&event, grandstand_client::Event::Message(m) if m.message == "m2".into()), "{event:?}");
    let _peer: Peer = script.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_three_formats_are_spoken() {
    for format in [Format::Binary, Format::Base64, Format::Json] {
        check_format(format).await;
    }
}
