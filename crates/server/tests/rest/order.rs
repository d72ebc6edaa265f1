//! Changes at the same time: members hear last of what came last.

use grandstand_protocol::{Body, Event, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    messages::{NOBODY, room_with},
    server::Server,
};

const ROUNDS: usize = 100;

/// As many events of a kind as were announced.
async fn heard<T>(guest: &mut Guest, count: usize, of: impl Fn(Event) -> Option<T>) -> Vec<T> {
    let mut heard = Vec::new();
    while heard.len() < count {
        heard.extend(of(guest.read().await.expect("more").event));
    }
    heard
}

async fn ann_and_her_room(server: &Server) -> (Guest, RoomId) {
    let (ann, _, room) = room_with(server, "ann").await;
    (ann, room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_recalled_message_does_not_come_back() {
    let server = Server::start().await;
    let (mut ann, room) = ann_and_her_room(&server).await;
    let messages = format!("/1.2/rtm/chatrooms/{room}/messages");
    for round in 0..ROUNDS {
        let message = json!({ "from_client": "host", "message": "as sent" });
        let sent = server.master("POST", &messages, message).await.ok();
        let path = format!("{messages}/{}", sent["msg-id"].as_str().unwrap());
        let recall = format!("{path}/recall");
        let edits = ["one", "two"].map(|text| json!({ "from_client": "host", "message": text }));
        let [first, second] = edits;
        tokio::join!(
            server.master("PUT", &path, first),
            server.master("PUT", &recall, json!({ "from_client": "host" })),
            server.master("PUT", &path, second),
        );
        server.master("POST", &messages, json!({ "from_client": "host", "message": "end" })).await.ok();
        let mut states = Vec::new();
        loop {
            match ann.read().await.expect("more").event {
                Event::Patched(patch) => states.push((Some(patch.patched_at), patch.body)),
                Event::Message(push) if push.body == Body::Text("end".to_owned()) => break,
                // What was not written yet when it changed comes as it is by then.
                Event::Message(push) => states.push((push.patched_at, push.body)),
                _ => {}
            }
        }
        assert!(states.is_sorted_by_key(|(time, _)| *time), "round {round}: {states:?}");
        let stub = Body::Text(r#"{"_lctype":-127}"#.to_owned());
        assert!(states.last().is_some_and(|(_, body)| *body == stub), "round {round}: {states:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_attributes_are_told_last() {
    let server = Server::start().await;
    let (mut ann, room) = ann_and_her_room(&server).await;
    let path = format!("/1.2/rtm/chatrooms/{room}");
    for round in 0..ROUNDS {
        let change = |number: usize| server.master("PUT", &path, json!({ "number": round * 10 + number }));
        tokio::join!(change(1), change(2), change(3), change(4));
        let told = heard(&mut ann, 4, |event| match event {
            Event::RoomUpdated { change, .. } => serde_json::from_str::<Value>(&change.set).ok(),
            _ => None,
        });
        let last = told.await.pop().unwrap();
        let shown = server.master("GET", &path, NOBODY).await.ok();
        assert_eq!(last["number"], shown["number"], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_role_is_told_last() {
    let server = Server::start().await;
    let (mut ann, room) = ann_and_her_room(&server).await;
    let path = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    for round in 0..ROUNDS {
        let give =
            |role: &'static str| server.master("POST", &path, json!({ "clientId": "bob", "role": role }));
        tokio::join!(give("Manager"), give("Member"), give("Manager"), give("Member"));
        let told = heard(&mut ann, 4, |event| match event {
            Event::RoleChanged { info, .. } => Some(info.role),
            _ => None,
        });
        let last = told.await.pop().unwrap();
        let shown = server.master("GET", &path, NOBODY).await.ok();
        assert_eq!(shown["results"][0]["role"], json!(last), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_word_on_a_silence_is_told_last() {
    let server = Server::start().await;
    let (mut ann, room) = ann_and_her_room(&server).await;
    let path = format!("/1.2/rtm/chatrooms/{room}/permanent-silenceds");
    for round in 0..ROUNDS {
        let change = |method: &'static str| server.master(method, &path, json!({ "client_ids": ["bob"] }));
        tokio::join!(change("POST"), change("DELETE"), change("POST"), change("DELETE"));
        let told = heard(&mut ann, 4, |event| match event {
            Event::Notice(notice) => Some(notice.lifted),
            _ => None,
        });
        let lifted = told.await.pop().unwrap();
        let shown = server.master("GET", &path, NOBODY).await.ok();
        assert_eq!(shown["client_ids"] == json!([]), lifted, "round {round}: {shown}");
    }
}
