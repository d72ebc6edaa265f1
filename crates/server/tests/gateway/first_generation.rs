//! Clients of `lc.protobuf.N`: they misread commands that came after them, so they are told none.

use grandstand_protocol::{Body, Command, Event, Format, Level, Mentions, Open, PatchRequest};

use crate::{
    guest::{Guest, message},
    raw::Raw,
    server::Server,
};

/// Everything that is told until the server closes.
async fn told(mut guest: Guest) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(told) = guest.read().await {
        events.push(told.event);
    }
    events
}

#[tokio::test]
async fn they_get_messages_but_no_patch_and_no_goaway() {
    let server = Server::start("[limits]\ndrain = \"500ms\"").await;
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
    drop(host);
    let heard = async {
        for (member, expected) in members.into_iter().zip([false, true]) {
            let client = member.client.clone();
            let events = told(member).await;
            let is_told = |kind: fn(&Event) -> bool| events.iter().any(kind);
            assert_eq!(is_told(|event| matches!(event, Event::Patched(_))), expected, "{client}: {events:?}");
            assert_eq!(is_told(|event| matches!(event, Event::GoAway)), expected, "{client}: {events:?}");
        }
    };
    tokio::join!(server.stop(), heard);
}
