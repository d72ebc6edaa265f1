//! Kick from a room over REST.

use grandstand_protocol::{Command, Event, Level, Open, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    messages::room_with,
    server::{APP, As, Server},
};

fn path(room: &RoomId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/members")
}

async fn remove(server: &Server, room: &RoomId, body: Value) -> Value {
    server.master("DELETE", &path(room), body).await.ok()
}

async fn hears_that_it_left(guest: &mut Guest, room: &RoomId) {
    let left = guest.hear_event(|event| matches!(event, Event::Left { .. })).await;
    assert_eq!(left, Event::Left { room: room.clone(), by: String::new() });
}

async fn join(guest: &mut Guest, room: &RoomId) -> Result<(), i32> {
    let members = vec![guest.client.clone()];
    match guest.ask(Command::Join { room: room.clone(), members, signature: None }).await {
        Event::Added { .. } => Ok(()),
        Event::Failed { fault } => Err(fault.code),
        other => panic!("an answer to a join, not {other:?}"),
    }
}

fn online(server: &Server, room: &RoomId) -> usize {
    server.node.online_count(&APP.into(), room)
}

#[tokio::test]
async fn who_is_taken_out_of_a_room_hears_so_and_stays_logged_in() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let mut phone = Guest::connect(server.address, "ann").await;
    phone.open(Open { tag: Some("phone".to_owned()), ..Open::default() }).await;
    phone.join(&room).await;
    let (mut bob, _, _) = room_with(&server, "bob").await;
    let removed = remove(&server, &room, json!({ "client_ids": ["ann", "nobody", "ann"] })).await;
    assert_eq!(removed, json!({ "removed": ["ann"] }));
    assert_eq!(online(&server, &room), 1);
    hears_that_it_left(&mut ann, &room).await;
    hears_that_it_left(&mut phone, &room).await;

    bob.say(&room, Level::High, "without her").await;
    ann.join(&room).await;
    bob.say(&room, Level::High, "with her").await;
    assert_eq!(ann.hear_until("with her").await, ["with her"], "it heard nothing meanwhile");
    assert_eq!(online(&server, &room), 2);
    let again = remove(&server, &room, json!({ "client_ids": ["nobody"] })).await;
    assert_eq!(again, json!({ "removed": [] }));
    let acts = server.master("GET", "/1.2/rtm/audit?action=kick_from_room", Value::Null).await.ok();
    let [act] = &acts["results"].as_array().unwrap()[..] else { panic!("one act: {acts}") };
    assert_eq!((&act["clients"], &act["room"]), (&json!(["ann"]), &json!(room.as_str())));
}

#[tokio::test]
async fn who_dropped_does_not_return_to_the_room() {
    let server = Server::start().await;
    let (ann, of_ann, room) = room_with(&server, "ann").await;
    let (bob, of_bob, _) = room_with(&server, "bob").await;
    drop((ann, bob));
    server.until_dropped("ann").await;
    server.until_dropped("bob").await;
    let removed = remove(&server, &room, json!({ "client_ids": ["ann"] })).await;
    assert_eq!(removed, json!({ "removed": ["ann"] }));
    let _ann = Guest::reopen(server.address, "ann", &of_ann).await;
    assert_eq!(online(&server, &room), 0);
    let _bob = Guest::reopen(server.address, "bob", &of_bob).await;
    assert_eq!(online(&server, &room), 1, "others do");
}

#[tokio::test]
async fn a_kick_may_block_for_a_time() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let body = json!({ "client_ids": ["ann", "bob"], "block_seconds": 60 });
    assert_eq!(remove(&server, &room, body).await, json!({ "removed": ["ann"] }));
    hears_that_it_left(&mut ann, &room).await;
    let notice = ann.hear_notice().await;
    assert_eq!((notice.lifted, notice.clients), (false, None), "and that it is blocked");
    assert_eq!(join(&mut ann, &room).await, Err(4548));
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    assert_eq!(join(&mut bob, &room).await, Err(4548), "who was not there is blocked, too");
    server.clock.jump(60_000);
    assert_eq!(join(&mut ann, &room).await, Ok(()));
    for seconds in [0, -1, i64::MAX] {
        let body = json!({ "client_ids": ["ann"], "block_seconds": seconds });
        server.master("DELETE", &path(&room), body).await.refused(400, 400);
    }
    assert_eq!(online(&server, &room), 1);
}

#[tokio::test]
async fn a_kick_is_refused_to_others_and_in_other_forms() {
    let server = Server::start().await;
    let (_ann, _, room) = room_with(&server, "ann").await;
    let body = json!({ "client_ids": ["ann"] });
    server.ask(As::App, "DELETE", &path(&room), body.clone()).await.refused(401, 401);
    server.ask(As::OtherMaster, "DELETE", &path(&room), body.clone()).await.refused(404, 4303);
    server.master("DELETE", &path(&"none".into()), body.clone()).await.refused(404, 4303);
    let many: Vec<String> = (0..501).map(|n| format!("c{n}")).collect();
    for (body, code) in [
        (json!({}), 400),
        (json!({ "client_ids": "ann" }), 400),
        (json!({ "client_ids": ["ann", ""] }), 400),
        (json!({ "client_ids": many }), 4306),
        (json!({ "client_ids": many, "block_seconds": 60 }), 4306),
    ] {
        server.master("DELETE", &path(&room), body).await.refused(400, code);
    }
    assert_eq!(online(&server, &room), 1, "she is still there");
    let other_name = path(&room).replace("chatrooms", "conversations");
    assert_eq!(server.master("DELETE", &other_name, body).await.ok(), json!({ "removed": ["ann"] }));
    assert_eq!(online(&server, &room), 0);
}
