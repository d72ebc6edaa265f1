//! Why a viewer did not get a message.

use grandstand_protocol::{Level, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    messages::{NOBODY, room_with},
    server::{APP, As, Server},
};

async fn trace(server: &Server, room: &RoomId, message: &str, client: &str) -> Value {
    let query = if client.is_empty() { String::new() } else { format!("?client_id={client}") };
    let path = format!("/1.2/rtm/chatrooms/{room}/messages/{message}/trace{query}");
    server.master("GET", &path, NOBODY).await.ok()
}

/// How the only session of a client stands to a message.
async fn standing(server: &Server, room: &RoomId, message: &str, client: &str) -> String {
    let found = trace(server, room, message, client).await;
    let sessions = found["client"]["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{found}");
    sessions[0]["standing"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, room: &RoomId, fields: Value) -> String {
    let mut body = json!({ "from_client": "host", "message": "text" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let sent = server.master("POST", &format!("/1.2/rtm/chatrooms/{room}/messages"), body).await.ok();
    sent["msg-id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_followed_to_a_client() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let sent = send(&server, &room, json!({ "priority": "high" })).await;
    assert_eq!(ann.hear().await.message.as_str(), sent);
    let found = trace(&server, &room, &sent, "").await;
    assert_eq!((&found["message"]["from"], &found["message"]["level"]), (&json!("host"), &json!("high")));
    assert_eq!((&found["message"]["by_client"], &found["message"]["data"]), (&json!(false), &json!("text")));
    assert_eq!((&found["account"]["eligible"], &found["level_own"]), (&json!(1), &json!(true)));
    assert!(found.get("client").is_none(), "{found}");
    // The ping behind it is answered by whoever goes on reading.
    ann.count(&room).await;
    while standing(&server, &room, &sent, "ann").await != "confirmed" {
        ann.count(&room).await;
    }

    let sent = send(&server, &room, json!({ "priority": "low" })).await;
    ann.hear().await;
    assert_eq!(standing(&server, &room, &sent, "ann").await, "passed");
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    assert_eq!(standing(&server, &room, &sent, "bob").await, "elsewhere");
    bob.join(&room).await;
    assert_eq!(standing(&server, &room, &sent, "bob").await, "before");
    bob.say(&room, Level::Normal, "mine").await;
    let own = ann.hear().await.message;
    assert_eq!(standing(&server, &room, own.as_str(), "bob").await, "own");
    assert_eq!(standing(&server, &room, own.as_str(), "ann").await, "passed");
    let found = trace(&server, &room, own.as_str(), "bob").await;
    let session = &found["client"]["sessions"][0];
    assert_eq!((&session["room"], &session["address"]), (&json!(room.as_str()), &json!("127.0.0.1")));
    assert!(session["since"].as_str().unwrap().starts_with("2027-01-15T0"), "{session}");
    assert_eq!(found["message"]["by_client"], true);

    server
        .master("POST", &format!("/1.2/rtm/chatrooms/{room}/blacklists"), json!({ "client_ids": ["bob"] }))
        .await
        .ok();
    assert_eq!(trace(&server, &room, own.as_str(), "bob").await["client"]["blocked"], true);
    let nobody = trace(&server, &room, own.as_str(), "nobody").await;
    assert_eq!(
        nobody["client"],
        json!({ "client_id": "nobody", "blocked": false, "sessions": [], "dropped": [] })
    );
}

#[tokio::test]
async fn who_returns_was_due_what_came_meanwhile() {
    let server = Server::start().await;
    let (ann, token, room) = room_with(&server, "ann").await;
    drop(ann);
    server.until_dropped("ann").await;
    let high = send(&server, &room, json!({ "priority": "high" })).await;
    let low = send(&server, &room, json!({ "priority": "low" })).await;
    let found = trace(&server, &room, &high, "ann").await;
    assert_eq!(
        (&found["account"], &found["client"]["sessions"]),
        (&Value::Null, &json!([])),
        "nobody was there"
    );
    let dropped = &found["client"]["dropped"];
    assert_eq!((dropped[0]["room"].as_str(), dropped.as_array().unwrap().len()), (Some(room.as_str()), 1));
    assert!(dropped[0]["dropped_at"].is_string(), "{dropped}");

    let mut ann = Guest::reopen(server.address, "ann", &token).await;
    ann.confirms = false;
    assert_eq!(ann.hear().await.message.as_str(), high);
    assert_eq!(standing(&server, &room, &high, "ann").await, "returned");
    assert_eq!(standing(&server, &room, &low, "ann").await, "before");
}

#[tokio::test]
async fn what_is_not_stored_is_known_for_a_while() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let sent = send(&server, &room, json!({ "transient": true })).await;
    ann.hear().await;
    let found = trace(&server, &room, &sent, "ann").await;
    assert_eq!((&found["message"], found.get("level_rules")), (&Value::Null, None));
    assert_eq!(
        (&found["account"]["written"], &found["client"]["sessions"][0]["standing"]),
        (&json!(1), &json!("passed"))
    );
}

#[tokio::test]
async fn what_is_unknown_is_said() {
    let server = Server::start().await;
    let (_, _, room) = room_with(&server, "ann").await;
    let path = format!("/1.2/rtm/chatrooms/{room}/messages/none/trace");
    server.master("GET", &path, NOBODY).await.refused(404, 404);
    server.master("GET", &path.replace(room.as_str(), "nowhere"), NOBODY).await.refused(404, 4303);
    server.ask(As::OtherMaster, "GET", &path, NOBODY).await.refused(404, 4303);
    server.ask(As::App, "GET", &path, NOBODY).await.refused(401, 401);
    let long = format!("{path}?client_id={}", "x".repeat(65));
    server.master("GET", &long, NOBODY).await.refused(400, 400);
    assert!(server.node.router.app(&APP.into()).existing_hub(&"nowhere".into()).is_none());
}
