//! What holds for everybody in a room, switched by the app's back end: mute-all, slow mode, freeze.

use grandstand_protocol::{Body, Command, Event, Fault, Level, MessageId, PatchRequest, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, room_with},
    server::{As, Server},
};

fn path(room: &RoomId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/switches")
}

fn all_off() -> Value {
    json!({ "mute_all": null, "slow_mode": null, "frozen": false })
}

fn with(key: &str, value: Value) -> Value {
    let mut switches = all_off();
    switches[key] = value;
    switches
}

/// What becomes of a message: its id, or the fault.
async fn say(guest: &mut Guest, room: &RoomId) -> Result<MessageId, Fault> {
    match guest.ask(Command::Send(Box::new(message(room, Level::Normal, "text")))).await {
        Event::Accepted { message, .. } => Ok(message),
        Event::Refused { fault } => Err(fault),
        other => panic!("an acknowledgement, not {other:?}"),
    }
}

async fn code(guest: &mut Guest, room: &RoomId) -> Option<i32> {
    say(guest, room).await.err().map(|fault| fault.code)
}

#[tokio::test]
async fn switches_are_set_one_by_one() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let path = path(&room);
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), all_off());
    let moderators = json!(["Owner", "Manager"]);
    let muted = json!({ "client_ids": [], "roles": moderators });
    let put = async |body: Value| server.master("PUT", &path, body).await.ok();
    assert_eq!(put(json!({ "mute_all": {} })).await, with("mute_all", muted.clone()));
    let slow = json!({ "seconds": 30, "roles": ["Owner"] });
    let both = json!({ "mute_all": muted, "slow_mode": slow, "frozen": false });
    assert_eq!(put(json!({ "slow_mode": { "seconds": 30, "roles": ["owner"] } })).await, both);
    assert_eq!(put(json!({ "mute_all": null, "frozen": true })).await["frozen"], true);
    assert_eq!(
        server.master("GET", &path, NOBODY).await.ok(),
        json!({ "mute_all": null, "slow_mode": slow, "frozen": true })
    );
    let named = json!({ "mute_all": { "client_ids": ["zoe", "bob", "zoe"], "roles": [], "ttl": 60 } });
    let shown = put(named).await["mute_all"].clone();
    assert_eq!((&shown["client_ids"], &shown["roles"]), (&json!(["bob", "zoe"]), &json!([])));
    assert!(shown["until"].as_str().is_some_and(|end| end.ends_with('Z')), "{shown}");
    server.clock.jump(60_000);
    assert_eq!(server.master("GET", &path, NOBODY).await.ok()["mute_all"], Value::Null, "it has ended");
    assert_eq!(put(all_off()).await, all_off());
    let other_name = path.replace("chatrooms", "conversations");
    assert_eq!(server.master("PUT", &other_name, json!({ "frozen": true })).await.ok()["frozen"], true);
    assert_eq!(server.master("GET", &other_name, NOBODY).await.ok()["frozen"], true);
}

#[tokio::test]
async fn only_the_back_end_switches_and_mistakes_are_refused() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = path(&room);
    for method in ["GET", "PUT"] {
        server.ask(As::App, method, &path, json!({ "frozen": true })).await.refused(401, 401);
        server.ask(As::OtherMaster, method, &path, json!({ "frozen": true })).await.refused(404, 4303);
    }
    let many: Vec<String> = (0..501).map(|n| format!("c{n}")).collect();
    for wrong in [
        json!({}),
        json!({ "freeze": true }),
        json!({ "frozen": "yes" }),
        json!({ "frozen": true, "mute_all": true }),
        json!({ "mute_all": { "until": "2030-01-01T00:00:00.000Z" } }),
        json!({ "mute_all": { "ttl": 0 } }),
        json!({ "mute_all": { "ttl": i64::MAX } }),
        json!({ "mute_all": { "client_ids": [""] } }),
        json!({ "mute_all": { "client_ids": ["x".repeat(65)] } }),
        json!({ "mute_all": { "client_ids": many } }),
        json!({ "mute_all": { "roles": ["Member"] } }),
        json!({ "slow_mode": 30 }),
        json!({ "slow_mode": {} }),
        json!({ "slow_mode": { "seconds": 0 } }),
        json!({ "slow_mode": { "seconds": 21_601 } }),
        json!({ "slow_mode": { "seconds": -1 } }),
        json!({ "slow_mode": { "seconds": 1.5 } }),
        json!({ "slow_mode": { "seconds": 1, "roles": ["King"] } }),
        json!([]),
    ] {
        server.master("PUT", &path, wrong).await.refused(400, 400);
    }
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), all_off());
    assert_eq!(code(&mut ann, &room).await, None);
}

#[tokio::test]
async fn the_audit_log_has_what_was_switched() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let put = async |body: Value| server.master("PUT", &path(&room), body).await.ok();
    put(json!({ "mute_all": { "client_ids": ["zoe", "bob"] }, "slow_mode": { "seconds": 30 } })).await;
    put(json!({ "mute_all": null, "slow_mode": null })).await;
    put(json!({ "frozen": true })).await;
    server.master("PUT", &path(&room), json!({ "frozen": 1 })).await.refused(400, 400);
    let log = server.master("GET", "/1.2/rtm/audit?action=set_switches", NOBODY).await.ok();
    let acts: Vec<Value> =
        log["results"].as_array().unwrap().iter().map(|act| act["details"].clone()).collect();
    let first = json!({ "mute_all": true, "allowed": ["bob", "zoe"], "slow_mode": 30 });
    let second = json!({ "mute_all": false, "slow_mode": 0 });
    assert_eq!(acts, [json!({ "frozen": true }), second, first], "the newest first");
    assert_eq!(log["results"][0]["room"], room.as_str());
}

#[tokio::test]
async fn a_mute_of_all_lets_the_named_speak_and_ends() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    let mute = json!({ "mute_all": { "client_ids": ["bob"], "ttl": 3600 } });
    server.master("PUT", &path(&room), mute).await.ok();
    assert_eq!([code(&mut ann, &room).await, code(&mut bob, &room).await], [Some(4308), None]);
    let infos = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    server.master("POST", &infos, json!({ "clientId": "ann", "role": "Manager" })).await.ok();
    assert_eq!(code(&mut ann, &room).await, None, "a manager");
    server.master("PUT", &path(&room), json!({ "mute_all": { "roles": ["Owner"] } })).await.ok();
    assert_eq!([code(&mut ann, &room).await, code(&mut bob, &room).await], [Some(4308); 2]);
    let by_rest = json!({ "from_client": "ann", "message": "the back end may" });
    server.master("POST", &format!("/1.2/rtm/chatrooms/{room}/messages"), by_rest).await.ok();

    server.master("PUT", &path(&room), json!({ "mute_all": { "ttl": 3600, "roles": [] } })).await.ok();
    server.clock.jump(3_599_000);
    assert_eq!(code(&mut ann, &room).await, Some(4308));
    server.clock.jump(1000);
    assert_eq!(code(&mut ann, &room).await, None, "by itself");
}

#[tokio::test]
async fn in_a_frozen_room_only_the_back_end_changes_anything() {
    let server = Server::start_with("rooms_by_key = \"change\"", "").await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let sent = say(&mut ann, &room).await.unwrap();
    server.master("PUT", &path(&room), json!({ "frozen": true })).await.ok();
    let infos = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    server.master("POST", &infos, json!({ "clientId": "ann", "role": "Owner" })).await.ok();
    let patch = |recall| PatchRequest {
        room: room.clone(),
        message: sent.clone(),
        timestamp: server.clock.wall().0,
        recall,
        body: (!recall).then(|| Body::Text("changed".to_owned())),
        mentions: Default::default(),
    };
    let attributes = json!({ "attr.topic": "changed" }).to_string();
    for command in [
        Command::Send(Box::new(message(&room, Level::High, "no"))),
        Command::Send(Box::new(grandstand_protocol::Send {
            transient: true,
            ..message(&room, Level::High, "no")
        })),
        Command::Send(Box::new(grandstand_protocol::Send {
            will: true,
            ..message(&room, Level::High, "no")
        })),
        Command::Modify { patches: vec![patch(false)] },
        Command::Modify { patches: vec![patch(true)] },
        Command::Update { room: room.clone(), attributes },
    ] {
        let answer = ann.ask(command.clone()).await;
        let (Event::Refused { fault } | Event::Failed { fault }) = answer else { panic!("{command:?}") };
        assert_eq!(fault.code, 4307, "{command:?}");
    }
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;

    let object = format!("/1.1/classes/_Conversation/{room}");
    let topic = json!({ "topic": "changed" });
    let words = server.ask(As::App, "PUT", &object, topic.clone()).await.refused(403, 4307);
    assert!(words.contains("frozen"), "{words}");
    server.ask(As::App, "DELETE", &object, NOBODY).await.refused(403, 4307);
    server.master("PUT", &object, topic.clone()).await.ok();
    let by_rest = json!({ "from_client": "host", "message": "the back end may" });
    let messages = format!("/1.2/rtm/chatrooms/{room}/messages");
    server.master("POST", &messages, by_rest).await.ok();
    assert_eq!(bob.hear_until("the back end may").await, ["the back end may"]);
    let history = server.master("GET", &messages, NOBODY).await.ok();
    assert_eq!(history[1]["data"], "text", "as it was sent: {history}");

    server.master("PUT", &path(&room), json!({ "frozen": false, "mute_all": {} })).await.ok();
    server.ask(As::App, "PUT", &object, topic.clone()).await.refused(403, 4308);
    server.master("PUT", &path(&room), json!({ "mute_all": null })).await.ok();
    server.ask(As::App, "PUT", &object, topic).await.ok();
    ann.join(&room).await;
    assert!(matches!(ann.ask(Command::Modify { patches: vec![patch(true)] }).await, Event::Modified { .. }));
}

#[tokio::test]
async fn slow_mode_says_how_long_to_wait() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    assert_eq!(code(&mut ann, &room).await, None);
    server.master("PUT", &path(&room), json!({ "slow_mode": { "seconds": 3600 } })).await.ok();
    assert_eq!(code(&mut ann, &room).await, None, "what was before does not count");
    let before = server.clock.wall();
    let fault = say(&mut ann, &room).await.unwrap_err();
    assert_eq!((fault.code, fault.app_code), (4116, Some(3600)));
    let allowed = fault.app_message.unwrap();
    let bounds = [before.plus(3_590_000), before.plus(3_600_100)].map(|time| time.to_iso());
    assert!(bounds[0] < allowed && allowed <= bounds[1], "{allowed} in {bounds:?}");
    let by_rest = json!({ "from_client": "ann", "message": "the back end may" });
    for _ in 0..2 {
        server.master("POST", &format!("/1.2/rtm/chatrooms/{room}/messages"), by_rest.clone()).await.ok();
    }
    let infos = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    server.master("POST", &infos, json!({ "clientId": "ann", "role": "Manager" })).await.ok();
    for _ in 0..2 {
        assert_eq!(code(&mut ann, &room).await, None, "managers may");
    }
    server.master("PUT", &path(&room), json!({ "slow_mode": { "seconds": 3600, "roles": [] } })).await.ok();
    assert_eq!(code(&mut ann, &room).await, Some(4116));
    server.master("PUT", &path(&room), json!({ "slow_mode": null })).await.ok();
    assert_eq!(code(&mut ann, &room).await, None);
}
