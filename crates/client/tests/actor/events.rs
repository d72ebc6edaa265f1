//! Events: order, duplicates, and what happens when nobody takes them.

use grandstand_client::{Client, Event, Events, Lost, Outgoing};
use grandstand_protocol::{Change, Event as Say};
use serde_json::json;

use crate::fake::{Fake, Peer, beside, push, room, seconds, text};

async fn next_text(events: &mut Events) -> String {
    match events.next().await {
        Some(Event::Message(message)) => text(&message.body),
        other => panic!("not a message: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn messages_come_in_order_and_once() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    for id in ["m1", "m2", "m1", "m3"] {
        peer.say(None, push(id)).await;
    }
    for id in ["m1", "m2", "m3"] {
        assert_eq!(next_text(&mut events).await, id);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_after_a_drop_is_told_once() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    peer.say(None, push("m1")).await;
    assert_eq!(next_text(&mut events).await, "m1");
    drop(peer);
    let mut peer = fake.accept().await;
    peer.grant("token-2").await;
    peer.say(None, push("m1")).await;
    peer.say(None, push("m2")).await;
    assert!(matches!(events.next().await, Some(Event::Disconnected(_))));
    assert!(matches!(events.next().await, Some(Event::Connected { .. })));
    assert_eq!(next_text(&mut events).await, "m2");
}

#[tokio::test(start_paused = true)]
async fn a_room_update_is_told_with_its_values() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    let change = Change {
        set: json!({"attr.score": 3}).to_string(),
        resulting: json!({"attr": {"score": 3}}).to_string(),
    };
    let updated_at = "2026-11-23T00:00:00.000Z".to_owned();
    peer.say(None, Say::RoomUpdated { room: room(), by: "bob".to_owned(), updated_at, change }).await;
    let Some(Event::RoomUpdated(update)) = events.next().await else { panic!("no update") };
    assert_eq!((update.room, update.by.as_str()), (room(), "bob"));
    assert_eq!(update.set["attr.score"], 3);
    assert_eq!(update.resulting["attr"]["score"], 3);
}

/// Sends messages until the client's side is full for a second.
async fn fill(peer: &mut Peer) -> usize {
    for number in 0..100_000 {
        let said = tokio::time::timeout(seconds(1), peer.say(None, push(&format!("m{number}")))).await;
        if said.is_err() {
            return number;
        }
    }
    panic!("the client takes everything");
}

#[tokio::test(start_paused = true)]
async fn the_socket_is_not_read_while_events_are_not_taken() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder.event_queue(4)).await;
    let said = fill(&mut peer).await;
    let flow = beside(async move {
        // The one that was interrupted is under way; more follow once there is room.
        for number in said + 1..said + 100 {
            peer.say(None, push(&format!("m{number}"))).await;
        }
        peer
    });
    for number in 0..said {
        assert_eq!(next_text(&mut events).await, format!("m{number}"));
    }
    flow.await.unwrap();
}

/// Nobody listens for an hour: that is no silence of the server.
#[tokio::test(start_paused = true)]
async fn a_slow_application_does_not_lose_its_connection() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder.event_queue(1).heartbeat(seconds(10))).await;
    for number in 0..8 {
        peer.say(None, push(&format!("m{number}"))).await;
    }
    tokio::time::sleep(seconds(3600)).await;
    let _reading = beside(async move { while peer.frame().await.is_some() {} });
    for number in 0..8 {
        assert_eq!(next_text(&mut events).await, format!("m{number}"));
    }
}

/// The answer stands behind more events than the queue holds.
#[tokio::test(start_paused = true)]
async fn an_application_may_send_from_the_loop_that_takes_events() {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, mut peer) = fake.opened(builder.event_queue(8)).await;
    let script = beside(async move {
        for round in 0..5 {
            for number in 0..24 {
                peer.say(None, push(&format!("m{round}-{number}"))).await;
            }
            peer.accept_message().await;
        }
    });
    for round in 0..5 {
        let reply = Outgoing::text("reply");
        answer_after_first(&client, &mut events, reply).await;
        for number in 1..24 {
            assert_eq!(next_text(&mut events).await, format!("m{round}-{number}"));
        }
    }
    script.await.unwrap();
}

async fn answer_after_first(client: &Client, events: &mut Events, reply: Outgoing) {
    next_text(events).await;
    client.send(&room(), reply).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_events_are_discarded_and_requests_go_on() {
    let (mut fake, builder) = Fake::new();
    let (client, events, mut peer) = fake.opened(builder.event_queue(1)).await;
    drop(events);
    let script = beside(async move {
        for number in 0..5000 {
            peer.say(None, push(&format!("m{number}"))).await;
        }
        peer.accept_message().await
    });
    client.send(&room(), Outgoing::text("hi")).await.unwrap();
    assert!(script.await.unwrap().contains("hi"));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_no_command_ends_the_connection() {
    let (mut fake, builder) = Fake::new();
    let (_client, mut events, mut peer) = fake.opened(builder).await;
    // A JSON frame on a binary connection.
    peer.format = grandstand_client::Format::Json;
    peer.say(None, Say::GoAway).await;
    assert!(matches!(events.next().await, Some(Event::Disconnected(Lost::Failed(_)))));
    fake.accept().await.grant("token-2").await;
    assert!(matches!(events.next().await, Some(Event::Connected { .. })));
}
