//! Coming back after a drop: pauses, tokens, unanswered requests, and ends that are final.

use std::time::Duration;

use grandstand_client::{
    Body, CloseReason, Code, Event, Fault, Lost, Mentions, OpenError, Outgoing, Patch, RequestError,
};
use grandstand_protocol::{Command, Event as Say};
use serde_json::Map;
use tokio::time::Instant;

use crate::fake::{Fake, SERVER_TIME, beside, opening, room, seconds};

#[tokio::test(start_paused = true)]
async fn the_session_is_resumed_by_its_token() {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, peer) = fake.opened(builder.tag("phone")).await;
    drop(peer);
    assert!(matches!(events.next().await, Some(Event::Disconnected(Lost::Failed(_)))));
    let mut peer = fake.accept().await;
    let open = peer.grant("token-2").await;
    assert_eq!(
        (open.reopen, open.token.as_deref(), open.tag.as_deref()),
        (true, Some("token-1"), Some("phone"))
    );
    assert_eq!(open.last_patch, Some(SERVER_TIME), "the time of the first login, when no patch was seen");
    assert!(matches!(events.next().await, Some(Event::Connected { .. })));
    assert_eq!(client.token(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn the_device_is_the_same_at_each_login() {
    let (mut fake, builder) = Fake::new();
    let opening = opening(builder);
    let mut peer = fake.accept().await;
    let first = peer.grant("token-1").await;
    let _session = opening.await.unwrap().unwrap();
    drop(peer);
    let second = fake.accept().await.grant("token-2").await;
    assert!(first.device_id.is_some());
    assert_eq!(first.device_id, second.device_id);
}

#[tokio::test(start_paused = true)]
async fn patches_later_than_the_last_one_seen_are_asked_for() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    let patch = Patch {
        room: room(),
        message: "m1".into(),
        timestamp: SERVER_TIME,
        from: "bob".to_owned(),
        patched_at: SERVER_TIME + 5,
        recall: false,
        body: Body::Text("new".to_owned()),
        mentions: Mentions::default(),
        code: None,
        reason: None,
    };
    peer.say(None, Say::Patched(Box::new(patch.clone()))).await;
    assert_eq!(events.next().await, Some(Event::Patched(Box::new(patch))));
    drop(peer);
    assert_eq!(fake.accept().await.grant("token-2").await.last_patch, Some(SERVER_TIME + 5));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_with_jitter_up_to_the_ceiling() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, peer) = fake.opened(builder.pauses(seconds(1), seconds(8))).await;
    let mut last = Instant::now();
    drop(peer);
    for (shortest, longest) in
        [(0, 1000), (1000, 2000), (2000, 4000), (4000, 8000), (4000, 8000), (4000, 8000)]
    {
        let dialling = fake.dialled().await;
        let pause = dialling.at - last;
        last = dialling.at;
        dialling.refuse();
        // Timers of the runtime are a millisecond coarse.
        let range = Duration::from_millis(shortest)..=Duration::from_millis(longest + 1);
        assert!(range.contains(&pause), "{pause:?} is not in {range:?}");
    }
    let away_from = last;
    fake.accept().await.grant("token-2").await;
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    let Some(Event::Connected { away }) = events.next().await else { panic!("not connected") };
    assert!(away >= away_from.elapsed());
}

/// A server that accepts and closes at once must not be asked ever faster.
#[tokio::test(start_paused = true)]
async fn short_lived_connections_count_as_failures() {
    let (mut fake, builder) = Fake::new();
    let (_client, _events, peer) = fake.opened(builder.pauses(seconds(1), seconds(64))).await;
    drop(peer);
    for _ in 0..6 {
        drop(fake.accept().await);
    }
    let before = Instant::now();
    fake.accept().await.grant("token").await;
    assert!(before.elapsed() >= seconds(32), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_falls_back_to_a_login_without_it() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, peer) = fake.opened(builder.tag("phone").device_id("d")).await;
    drop(peer);
    let mut peer = fake.accept().await;
    assert_eq!(peer.refuse(Code::SessionTokenExpired).await.token.as_deref(), Some("token-1"));
    let open = peer.grant("token-2").await;
    assert_eq!((open.reopen, open.token), (true, None), "automatic: it pushes nobody out");
    assert_eq!((open.tag.as_deref(), open.device_id.as_deref()), (Some("phone"), Some("d")));
    drop(peer);
    assert_eq!(fake.accept().await.grant("token-3").await.token.as_deref(), Some("token-2"));
    assert!(!client.token().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_of_tokens_is_an_attempt_that_failed() {
    let (mut fake, builder) = Fake::new();
    let opening = opening(builder.resume("old"));
    let mut peer = fake.accept().await;
    peer.refuse(Code::SessionTokenExpired).await;
    peer.refuse(Code::SessionTokenExpired).await;
    let error = opening.await.unwrap().unwrap_err();
    assert!(matches!(&error, OpenError::Refused(fault) if fault.is(Code::SessionTokenExpired)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn unanswered_messages_are_sent_again_in_order_and_the_same() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let (one, two) = (client.clone(), client.clone());
    let first = beside(async move { one.send(&room(), Outgoing::text("first")).await });
    let before: Vec<Command> = vec![peer.request().await.command];
    let second = beside(async move { two.send(&room(), Outgoing::text("second")).await });
    let before = [before, vec![peer.request().await.command]].concat();
    drop(peer);

    let mut peer = fake.accept().await;
    // Asked while there was no connection: behind the others.
    let third = beside(async move { client.count(&room()).await });
    peer.grant("token-2").await;
    let mut after = Vec::new();
    for _ in 0..2 {
        let request = peer.request().await;
        let Command::Send(send) = &request.command else { panic!("{request:?}") };
        let message = send.dedupe.clone().unwrap().into();
        after.push(request.command);
        peer.say(request.serial, Say::Accepted { message, timestamp: SERVER_TIME }).await;
    }
    assert_eq!(after, before, "dedupe tokens included");
    let request = peer.request().await;
    peer.say(request.serial, Say::Count { count: 1 }).await;
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert_eq!(third.await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_done_twice_fails_with_the_connection() {
    let (mut fake, builder) = Fake::new();
    let (client, _events, mut peer) = fake.opened(builder).await;
    let (one, two) = (client.clone(), client.clone());
    let creating = beside(async move { one.create_room("Final", Map::new()).await });
    peer.request().await;
    let shouting = beside(async move { two.send(&room(), Outgoing::text("now").transient()).await });
    peer.request().await;
    drop(peer);
    assert!(matches!(creating.await.unwrap(), Err(RequestError::ConnectionLost)));
    assert!(matches!(shouting.await.unwrap(), Err(RequestError::ConnectionLost)));
    let mut peer = fake.accept().await;
    peer.grant("token-2").await;
    let counting = beside(async move { client.count(&room()).await });
    let request = peer.request().await;
    assert_eq!(request.command, Command::Count { room: room() }, "the first request on the new connection");
    drop(counting);
}

#[tokio::test(start_paused = true)]
async fn go_away_leads_to_another_connection() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    peer.say(None, Say::GoAway).await;
    assert_eq!(events.next().await, Some(Event::Disconnected(Lost::GoAway)));
    assert!(fake.accept().await.grant("token-2").await.reopen);
}

/// Nothing comes back, not even pongs.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_after_two_heartbeats() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, _peer) = fake.opened(builder.heartbeat(seconds(10))).await;
    let before = Instant::now();
    assert_eq!(events.next().await, Some(Event::Disconnected(Lost::Silent)));
    assert_eq!(before.elapsed(), seconds(20));
}

#[tokio::test(start_paused = true)]
async fn pongs_keep_a_quiet_connection() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder.heartbeat(seconds(10))).await;
    let before = Instant::now();
    for _ in 0..6 {
        // Reading a ping answers it.
        assert!(peer.frame().await.unwrap().is_ping());
    }
    assert!(before.elapsed() >= seconds(60));
    peer.close(1013).await;
    let closed = Lost::Closed { code: 1013, reason: "TEST".to_owned() };
    assert_eq!(events.next().await, Some(Event::Disconnected(closed)));
}

#[tokio::test(start_paused = true)]
async fn a_session_ended_by_the_server_does_not_come_back() {
    for code in [Code::SessionConflict, Code::KickedByApp] {
        let (mut fake, builder) = Fake::new();
        let (client, mut events, mut peer) = fake.opened(builder).await;
        let asking = beside({
            let client = client.clone();
            async move { client.count(&room()).await }
        });
        peer.request().await;
        peer.say(None, Say::Closed { fault: Some(Fault::from(code)) }).await;
        assert!(matches!(asking.await.unwrap(), Err(RequestError::Closed)));
        assert_eq!(events.next().await, Some(Event::Closed(CloseReason::Ended(Fault::from(code)))));
        assert_eq!(events.next().await, None);
        assert!(matches!(client.count(&room()).await, Err(RequestError::Closed)));
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_reopen_is_final_for_4111_and_not_for_4113() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, peer) = fake.opened(builder).await;
    drop(peer);
    fake.accept().await.refuse(Code::AppQuotaExceeded).await;
    fake.accept().await.refuse(Code::SessionConflict).await;
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    let ended = CloseReason::Ended(Fault::from(Code::SessionConflict));
    assert_eq!(events.next().await, Some(Event::Closed(ended)));
}

#[tokio::test(start_paused = true)]
async fn close_codes_against_the_app_are_final() {
    for code in [4100, 4103, 4110] {
        let (mut fake, builder) = Fake::new();
        let (_client, mut events, peer) = fake.opened(builder).await;
        peer.close(code).await;
        let refused = CloseReason::Refused { code, reason: "TEST".to_owned() };
        assert_eq!(events.next().await, Some(Event::Closed(refused)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_the_login_is_given_up() {
    let (mut fake, builder) = Fake::new();
    let before = Instant::now();
    let opening = opening(builder.request_timeout(seconds(3)));
    let _peer = fake.accept().await;
    assert!(matches!(opening.await.unwrap(), Err(OpenError::TimedOut)));
    assert_eq!(before.elapsed(), seconds(3));
}
