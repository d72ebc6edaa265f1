//! A room's life: every method of the client once, in each format.

use grandstand_client::{
    Body, Client, CloseReason, Code, Event, Events, Format, HistoryItem, HistoryQuery, Level, MessageRef,
    Outgoing, Push, RoomId, RoomQuery, text_of,
};
use serde_json::{Map, Value, json};

use crate::server::Server;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn next_message(events: &mut Events) -> Push {
    match events.next().await {
        Some(Event::Message(message)) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

fn texts(items: &[HistoryItem]) -> Vec<String> {
    items.iter().map(|item| text_of(&item.body).unwrap()).collect()
}

/// Ann in her new room, and Bob who found it.
async fn two_in_a_room(server: &Server, format: Format) -> ((Client, Events), (Client, Events), RoomId) {
    let (ann, to_ann) = server.client("ann").format(format).open().await.unwrap();
    let (bob, to_bob) = server.client("bob").format(format).open().await.unwrap();
    let name = format!("Final {format:?}");
    let room = ann.create_room(&name, object(json!({"topic": "football"}))).await.unwrap();
    let found = bob.query(RoomQuery::new().name(&name).filter("attr.topic", "football")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, found[0].creator.as_deref()), (&room, Some("ann")));
    assert_eq!(Value::Object(found[0].attributes.clone()), json!({"topic": "football"}));
    bob.join(&room).await.unwrap();
    ((ann, to_ann), (bob, to_bob), room)
}

async fn check_flow(server: &Server, format: Format) {
    let ((ann, mut to_ann), (bob, mut to_bob), room) = two_in_a_room(server, format).await;
    assert_eq!(ann.count(&room).await.unwrap(), 2);
    let mut members = ann.members(&room, 10).await.unwrap();
    members.sort();
    assert_eq!(members, ["ann", "bob"]);
    assert_eq!(bob.joined(&[room.clone(), "nowhere".into()]).await.unwrap(), std::slice::from_ref(&room));
    assert_eq!(bob.online(&["ann", "eve"]).await.unwrap(), ["ann"]);

    // Messages of every level and kind.
    let first = bob.send(&room, Outgoing::text("first").level(Level::High).mention("ann")).await.unwrap();
    let message = next_message(&mut to_ann).await;
    assert_eq!(MessageRef::from(&message), first);
    assert_eq!(
        (message.from.as_str(), message.mentions.clients.as_slice()),
        ("bob", &["ann".to_owned()][..])
    );
    ann.send(&room, Outgoing::binary(&b"\x00\xff"[..]).level(Level::Low)).await.unwrap();
    assert_eq!(next_message(&mut to_bob).await.body, Body::Binary((&b"\x00\xff"[..]).into()));
    bob.send(&room, Outgoing::text("passing").transient()).await.unwrap();
    assert!(next_message(&mut to_ann).await.transient);

    // Edit, recall, and what history shows of it.
    let second = bob.send(&room, Outgoing::text("secnod")).await.unwrap();
    next_message(&mut to_ann).await;
    let edited = bob.update_message(&second, Outgoing::text("second").into_body()).await.unwrap();
    let Some(Event::Patched(patch)) = to_ann.next().await else { panic!("no edit") };
    assert_eq!((&patch.message, patch.patched_at, patch.recall), (&second.message, edited, false));
    let error = ann.update_message(&second, Body::Text("mine".to_owned())).await.unwrap_err();
    assert!(error.is(Code::MessageOwnershipRequired), "{error}");
    bob.recall(&first).await.unwrap();
    let Some(Event::Patched(patch)) = to_ann.next().await else { panic!("no recall") };
    assert!(patch.recall);
    let history = bob.history(&room, HistoryQuery::oldest().of_type(-1)).await.unwrap();
    assert_eq!(texts(&history), ["second"]);
    assert_eq!(bob.history(&room, HistoryQuery::newest()).await.unwrap().len(), 3);

    // The room itself.
    let change = object(json!({"attr.score": 1}));
    let resulting = ann.update_room(&room, change.clone()).await.unwrap();
    assert_eq!(resulting["attr"]["score"], 1);
    let Some(Event::RoomUpdated(update)) = to_bob.next().await else { panic!("no update") };
    assert_eq!((update.by.as_str(), update.set), ("ann", change));

    // The two ways out.
    bob.quit(&room).await.unwrap();
    assert_eq!(ann.count(&room).await.unwrap(), 1);
    bob.close().await.unwrap();
    assert_eq!(to_bob.next().await, Some(Event::Closed(CloseReason::Ordered)));
    ann.close().await.unwrap();
}

#[tokio::test]
async fn a_room_lives_in_every_format() {
    let server = Server::start();
    for format in [Format::Binary, Format::Base64, Format::Json] {
        check_flow(&server, format).await;
    }
}

#[tokio::test]
async fn the_formats_understand_each_other() {
    let server = Server::start();
    let ((ann, mut to_ann), _bob, room) = two_in_a_room(&server, Format::Binary).await;
    for format in [Format::Base64, Format::Json] {
        let (eve, mut to_eve) = server.client("eve").format(format).open().await.unwrap();
        eve.join(&room).await.unwrap();
        eve.send(&room, Outgoing::text("你好 🎉")).await.unwrap();
        assert_eq!(text_of(&next_message(&mut to_ann).await.body).as_deref(), Some("你好 🎉"));
        ann.send(&room, Outgoing::text("hi")).await.unwrap();
        assert_eq!(text_of(&next_message(&mut to_eve).await.body).as_deref(), Some("hi"));
        eve.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_router_of_the_http_url_leads_to_the_server() {
    let server = Server::start();
    let (client, _events) = Client::builder(&server.url, crate::server::APP, "ann").open().await.unwrap();
    client.create_room("Routed", Map::new()).await.unwrap();
    client.close().await.unwrap();
}

#[tokio::test]
async fn history_is_paged_both_ways() {
    let server = Server::start();
    let (client, _events) = server.client("ann").open().await.unwrap();
    let room = client.create_room("Pages", Map::new()).await.unwrap();
    let expected: Vec<String> = (0..25).map(|number| format!("m{number}")).collect();
    for text in &expected {
        client.send(&room, Outgoing::text(text)).await.unwrap();
    }
    let mut forwards = Vec::new();
    let mut query = HistoryQuery::oldest().limit(10);
    loop {
        let page = client.history(&room, query).await.unwrap();
        let Some(last) = page.last() else { break };
        query = HistoryQuery::oldest().limit(10).from(&MessageRef::of(&room, last));
        forwards.extend(texts(&page));
    }
    assert_eq!(forwards, expected);
    let newest = client.history(&room, HistoryQuery::newest().limit(10)).await.unwrap();
    let before = HistoryQuery::newest().limit(10).from(&MessageRef::of(&room, &newest[0]));
    let before = client.history(&room, before).await.unwrap();
    assert_eq!([texts(&before), texts(&newest)].concat(), expected[5..]);
}

#[tokio::test]
async fn a_message_sent_twice_is_one() {
    let server = Server::start();
    let (client, _events) = server.client("ann").open().await.unwrap();
    let room = client.create_room("Once", Map::new()).await.unwrap();
    let message = Outgoing::text("once");
    let first = client.send(&room, message.clone()).await.unwrap();
    assert_eq!(client.send(&room, message).await.unwrap(), first);
    assert_eq!(client.history(&room, HistoryQuery::newest()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_login_of_the_same_tag_ends_the_older_one() {
    let server = Server::start();
    let (_old, mut events) = server.client("ann").tag("phone").open().await.unwrap();
    let _new = server.client("ann").tag("phone").open().await.unwrap();
    let Some(Event::Closed(CloseReason::Ended(fault))) = events.next().await else { panic!("not ended") };
    assert!(fault.is(Code::SessionConflict), "{fault}");
}
