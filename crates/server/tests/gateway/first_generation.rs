//! Clients of `lc.protobuf.N`: they misread commands that came after them, so they are told none.

use grandstand_protocol::{Body, Command, Event, Format, Level, Mentions, Open, PatchRequest, RoomId};

use crate::{
    guest::{Guest, message},
    raw::Raw,
    server::Server,
};

/// Everything that is told until a message has come and a question put now is answered.
async fn told(guest: &mut Guest, room: &RoomId) -> Vec<Event> {
    let serial = guest.send(Command::Count { room: room.clone() }).await;
    let mut events = Vec::new();
    let mut answered = false;
    while !answered || !events.iter().any(|event| matches!(event, Event::Message(_))) {
        let told = guest.read().await.expect("an answer before the end");
        if told.serial == Some(serial) {
            answered = true;
        } else {
            events.push(told.event);
        }
    }
    events
}

#[tokio::test]
async fn they_get_messages_but_no_patch_and_no_goaway() {
    let server = Server::start("").await;
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    let room = host.create().await;
    let mut members = Vec::new();
    for (client, subprotocol) in [("old", "lc.protobuf.3"), ("new", "lc.protobuf2.3")] {
        let raw = Raw::connect(server.address, subprotocol).await;
        let mut member = Guest::over(raw, client, Format::Binary);
        member.open(Open::default()).await;
        member.join(&room).await;
        members.push(member);
    }
    let sent = host.ask(Command::Send(Box::new(message(&room, Level::Normal, "wrong")))).await;
    let Event::Accepted { message, timestamp } = sent else { panic!("accepted, not {sent:?}") };
    for member in &mut members {
        assert!(matches!(member.hear().await.body, Body::Text(text) if text == "wrong"));
    }
    let body = Some(Body::Text("right".to_owned()));
    let (recall, mentions) = (false, Mentions::default());
    let patch = PatchRequest { room: room.clone(), message, timestamp, recall, body, mentions };
    let answer = host.ask(Command::Modify { patches: vec![patch] }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
    // Both have been told what they are told once a later message has come.
    host.say(&room, Level::Normal, "later").await;
    server.node.begin_drain();
    server.node.drain();
    for (member, expected) in members.iter_mut().zip([false, true]) {
        let events = told(member, &room).await;
        let is_told = |kind: fn(&Event) -> bool| events.iter().any(kind);
        assert!(is_told(|event| matches!(event, Event::Message(_))), "{events:?}");
        assert_eq!(
            is_told(|event| matches!(event, Event::Patched(_))),
            expected,
            "{}: {events:?}",
            member.client
        );
        assert_eq!(
            is_told(|event| matches!(event, Event::GoAway)),
            expected,
            "{}: {events:?}",
            member.client
        );
    }
}
