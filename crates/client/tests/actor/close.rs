//! The two ends of a session: ordered, and by dropping the handles.

use grandstand_client::{CloseReason, Event};
use grandstand_protocol::{Command, Event as Say};

use crate::fake::{Fake, beside, push, seconds};

#[tokio::test(start_paused = true)]
async fn an_ordered_end_is_asked_for_told_and_final() {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, mut peer) = fake.opened(builder).await;
    let closing = beside(client.close());
    let request = peer.request().await;
    assert_eq!(request.command, Command::Close);
    peer.say(request.serial, Say::Closed { fault: None }).await;
    assert!(peer.frame().await.unwrap().is_close());
    closing.await.unwrap().unwrap();
    assert_eq!(events.next().await, Some(Event::Closed(CloseReason::Ordered)));
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_ordered_end_does_not_wait_for_the_application() {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, mut peer) = fake.opened(builder.event_queue(1)).await;
    for number in 0..3 {
        peer.say(None, push(&format!("m{number}"))).await;
    }
    // More than the queue holds: without a request, the client would not read on.
    let other = client.clone();
    let closing = beside(client.close());
    let request = peer.request().await;
    peer.say(request.serial, Say::Closed { fault: None }).await;
    let _reading = beside(async move { while peer.frame().await.is_some() {} });
    tokio::time::timeout(seconds(5), closing).await.unwrap().unwrap().unwrap();
    for _ in 0..3 {
        assert!(matches!(events.next().await, Some(Event::Message(_))));
    }
    assert_eq!(events.next().await, Some(Event::Closed(CloseReason::Ordered)));
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_drops_the_line() {
    let (mut fake, builder) = Fake::new();
    let (client, mut events, mut peer) = fake.opened(builder).await;
    let clone = client.clone();
    drop(client);
    let quiet = tokio::time::timeout(seconds(1), events.next()).await;
    assert!(quiet.is_err(), "one handle is left: {quiet:?}");
    drop(clone);
    assert_eq!(events.next().await, None);
    assert!(!peer.said_goodbye().await, "the server must see a drop");
}
