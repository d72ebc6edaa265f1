//! Drops and crashes: the room comes back, and nothing that was acknowledged is missing.

use grandstand_client::{Client, Event, Events, HistoryQuery, Level, Outgoing, RoomId, text_of};
use serde_json::Map;

use crate::server::Server;

async fn host(server: &Server) -> (Client, Events, RoomId) {
    let (host, events) = server.client("host").open().await.unwrap();
    let room = host.create_room("Restart", Map::new()).await.unwrap();
    (host, events, room)
}

/// Events up to the first text that the test waits for; the texts on the way.
async fn texts_until(events: &mut Events, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.last().is_none_or(|text| text != last) {
        match events.next().await.expect("the session goes on") {
            Event::Message(message) => texts.push(text_of(&message.body).unwrap()),
            Event::Disconnected(_) | Event::Connected { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    texts
}

#[tokio::test]
async fn a_dropped_session_comes_back_into_its_room_with_what_was_high() {
    let server = Server::start();
    let (host, _events, room) = host(&server).await;
    let (phone, events) = server.client("phone").open().await.unwrap();
    phone.join(&room).await.unwrap();
    let token = phone.token();
    drop((phone, events));
    while host.count(&room).await.unwrap() > 1 {
        tokio::task::yield_now().await;
    }
    host.send(&room, Outgoing::text("low").level(Level::Low)).await.unwrap();
    host.send(&room, Outgoing::text("high").level(Level::High)).await.unwrap();

    let (phone, mut events) = server.client("phone").resume(&token).open().await.unwrap();
    assert_eq!(phone.joined(std::slice::from_ref(&room)).await.unwrap(), std::slice::from_ref(&room));
    assert_eq!(texts_until(&mut events, "high").await, ["high"]);
    host.send(&room, Outgoing::text("live")).await.unwrap();
    assert_eq!(texts_until(&mut events, "live").await, ["live"]);
}

#[tokio::test]
async fn a_will_is_delivered_after_a_drop_and_not_after_an_ordered_end() {
    let server = Server::start();
    let (_host, mut events, room) = host(&server).await;
    for (id, ordered) in [("polite", true), ("lost", false)] {
        let (client, _) = server.client(id).open().await.unwrap();
        client.send(&room, Outgoing::text(id).will()).await.unwrap();
        if ordered {
            client.close().await.unwrap();
        }
    }
    assert_eq!(texts_until(&mut events, "lost").await, ["lost"]);
}

#[tokio::test]
async fn a_crashed_server_finds_its_clients_and_their_messages_again() {
    let server = Server::start();
    let (host, mut to_host, room) = host(&server).await;
    let (fan, mut to_fan) = server.client("fan").open().await.unwrap();
    fan.join(&room).await.unwrap();
    host.send(&room, Outgoing::text("before").level(Level::High)).await.unwrap();
    assert_eq!(texts_until(&mut to_fan, "before").await, ["before"]);

    let _server = server.crash_and_restart();
    // Asked while nobody may be there yet; answered when somebody is.
    host.send(&room, Outgoing::text("after").level(Level::High)).await.unwrap();
    assert_eq!(texts_until(&mut to_fan, "after").await, ["after"], "nothing twice, nothing missing");
    fan.send(&room, Outgoing::text("hello again")).await.unwrap();
    assert_eq!(texts_until(&mut to_host, "hello again").await, ["hello again"]);
    let history = host.history(&room, HistoryQuery::oldest()).await.unwrap();
    let texts: Vec<String> = history.iter().map(|item| text_of(&item.body).unwrap()).collect();
    assert_eq!(texts, ["before", "after", "hello again"]);
}
