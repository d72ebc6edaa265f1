//! What messages were before: shown to the app's back end, to nobody else, and erased when it says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use grandstand_protocol::{
    Body, Bound, Command, Direction, Event, HistoryRequest, Level, Mentions, MessageId, PatchRequest, RoomId,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, room_with},
    raw::PATIENCE,
    server::{As, Server},
};

async fn say(guest: &mut Guest, room: &RoomId, text: &str) -> MessageId {
    match guest.ask(Command::Send(Box::new(message(room, Level::Normal, text)))).await {
        Event::Accepted { message, .. } => message,
        other => panic!("accepted, not {other:?}"),
    }
}

async fn patch(guest: &mut Guest, room: &RoomId, message: &MessageId, new: Option<&str>) {
    let patch = PatchRequest {
        room: room.clone(),
        message: message.clone(),
        timestamp: 0,
        recall: new.is_none(),
        body: new.map(|text| Body::Text(text.to_owned())),
        mentions: Mentions::default(),
    };
    let answer = guest.ask(Command::Modify { patches: vec![patch] }).await;
    assert!(matches!(answer, Event::Modified { .. }), "{answer:?}");
}

fn originals_of(room: &RoomId, message: &MessageId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/messages/{message}/originals")
}

/// Cause and text of each.
async fn originals(server: &Server, room: &RoomId, message: &MessageId) -> Vec<(String, String)> {
    let found = server.master("GET", &originals_of(room, message), NOBODY).await.ok();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    found["results"].as_array().unwrap().iter().map(|row| (text(row, "cause"), text(row, "data"))).collect()
}

fn rows(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(cause, data)| ((*cause).to_owned(), (*data).to_owned())).collect()
}

#[tokio::test]
async fn the_back_end_sees_what_was_filtered_edited_and_recalled() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    server.ask_raw(As::Master, "PUT", "/1.2/rtm/words", "fool\n").await.ok();
    let id = say(&mut ann, &room, "you fool").await;
    patch(&mut ann, &room, &id, Some("kind")).await;
    patch(&mut ann, &room, &id, Some("a fool again")).await;
    patch(&mut ann, &room, &id, None).await;
    let expected = [
        ("filtered", "you fool"),
        ("edited", "you ***"),
        ("edited", "kind"),
        ("filtered", "a fool again"),
        ("recalled", "a *** again"),
    ];
    assert_eq!(originals(&server, &room, &id).await, rows(&expected));
    let path = originals_of(&room, &id);
    let page = server.master("GET", &format!("{path}?limit=2"), NOBODY).await.ok();
    let row = &page["results"][0];
    assert_eq!(
        (&row["from"], &row["from-ip"], &row["bin"]),
        (&json!("ann"), &json!("127.0.0.1"), &json!(false))
    );
    assert!(row["timestamp"].is_i64() && row["at"].is_string(), "{row}");
    let next = page["next"].as_str().unwrap();
    let page = server.master("GET", &format!("{path}?limit=3&next={next}"), NOBODY).await.ok();
    assert_eq!((page["results"].as_array().unwrap().len(), &page["next"]), (3, &Value::Null));
    assert_eq!(page["results"][0]["data"], "kind");

    // Whoever looks is noted, too.
    let audit = server.master("GET", "/1.2/rtm/audit?action=read_originals", NOBODY).await.ok();
    let entries = audit["results"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry["message"] == id.as_str() && entry["room"] == room.as_str()));

    let plain = say(&mut ann, &room, "nothing").await;
    assert_eq!(originals(&server, &room, &plain).await, []);
    server.master("GET", &originals_of(&room, &"none".into()), NOBODY).await.refused(404, 4404);
    server.master("GET", &originals_of(&"none".into(), &id), NOBODY).await.refused(404, 4404);
    server.master("GET", &format!("{path}?next=x"), NOBODY).await.refused(400, 400);
    server.master("GET", &format!("{path}?after=1"), NOBODY).await.refused(400, 400);
    for who in [As::App, As::Nobody] {
        server.ask(who, "GET", &path, NOBODY).await.refused(401, 401);
    }
    server.ask(As::OtherMaster, "GET", &path, NOBODY).await.refused(404, 4404);
}

/// Every way in which somebody gets to see a message: none has a word of what it was.
#[tokio::test]
async fn no_original_leaves_by_any_other_way() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    server.ask_raw(As::Master, "PUT", "/1.2/rtm/words", "secret1\nsecret2\n").await.ok();
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    let filtered = say(&mut ann, &room, "secret1").await;
    let edited = say(&mut ann, &room, "secret3").await;
    let recalled = say(&mut ann, &room, "secret4").await;
    // Members saw these two as they were: what they hear from now on is what counts.
    let heard = bob.hear_until("secret4").await;
    assert_eq!(heard, ["***", "secret3", "secret4"]);
    patch(&mut ann, &room, &edited, Some("secret2 edited")).await;
    patch(&mut ann, &room, &recalled, None).await;
    for id in [&edited, &recalled] {
        let told =
            bob.hear_event(|event| matches!(event, Event::Patched(patch) if patch.message == *id)).await;
        assert!(!format!("{told:?}").contains("secret"), "{told:?}");
    }
    let (mut cid, _) = Guest::log_in(server.address, "cid").await;
    cid.join(&room).await;
    let (start, end) = (Bound::default(), Bound::default());
    let (of, direction) = (room.clone(), Direction::Old);
    let request = HistoryRequest { room: of, limit: None, start, end, direction, lctype: None };
    let page = cid.ask(Command::History(Box::new(request))).await;
    let Event::History { items } = &page else { panic!("history, not {page:?}") };
    assert_eq!(items.len(), 3);
    assert!(!format!("{page:?}").contains("secret"), "{page:?}");
    for path in [
        format!("/1.2/rtm/chatrooms/{room}/messages"),
        "/1.2/rtm/messages".to_owned(),
        "/1.2/rtm/clients/ann/messages".to_owned(),
        format!("/1.1/rtm/messages/history?convid={room}"),
        format!("/1.2/rtm/chatrooms/{room}"),
        "/1.2/rtm/audit".to_owned(),
    ] {
        let shown = server.master("GET", &path, NOBODY).await.ok().to_string();
        assert!(!shown.contains("secret"), "{path}: {shown}");
    }
    assert_eq!(originals(&server, &room, &filtered).await, rows(&[("filtered", "secret1")]));
}

#[tokio::test]
async fn nothing_is_kept_where_the_operator_wants_none() {
    let lines = "[retention]\noriginals = \"0s\"\naddresses = \"0s\"";
    let server = Server::start_with("", lines).await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let id = say(&mut ann, &room, "text").await;
    patch(&mut ann, &room, &id, None).await;
    assert_eq!(originals(&server, &room, &id).await, []);
    let page = server.master("GET", &format!("/1.2/rtm/chatrooms/{room}/messages"), NOBODY).await.ok();
    assert!(page[0]["msg-id"] == id.as_str() && page[0]["from-ip"].is_null(), "{page}");
}

#[tokio::test]
async fn a_client_is_erased() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (mut bob, _) = Guest::log_in(server.address, "bob").await;
    bob.join(&room).await;
    let kept = say(&mut ann, &room, "kept").await;
    let recalled = say(&mut ann, &room, "recalled").await;
    patch(&mut ann, &room, &recalled, None).await;
    say(&mut bob, &room, "from bob").await;
    // What was kept within this millisecond would be of now, and not of before.
    server.clock.jump(10);
    let data = "/1.2/rtm/clients/ann/data";
    let stats = async || {
        server.master("GET", "/1.2/rtm/stats", NOBODY).await.ok()["result"]["user_count_today"].clone()
    };
    assert_eq!(stats().await, 2);
    let erased = server.master("DELETE", data, NOBODY).await.ok();
    assert_eq!(erased, json!({ "originals": 1, "addresses": 2, "messages": 0, "visitors": 1 }));
    assert_eq!(stats().await, 1);
    assert_eq!(originals(&server, &room, &recalled).await, []);
    let path = format!("/1.2/rtm/chatrooms/{room}/messages?reversed=true");
    let page = server.master("GET", &path, NOBODY).await.ok();
    assert_eq!(page[0]["msg-id"], kept.as_str());
    let addresses: Vec<_> = page.as_array().unwrap().iter().map(|item| item["from-ip"].is_string()).collect();
    assert_eq!(addresses, [false, false, true], "bob's is there");

    let erased = server.master("DELETE", &format!("{data}?messages=true"), NOBODY).await.ok();
    assert_eq!(erased, json!({ "originals": 0, "addresses": 0, "messages": 2, "visitors": 0 }));
    let page = server.master("GET", &path, NOBODY).await.ok();
    assert_eq!((page.as_array().unwrap().len(), &page[0]["from"]), (1, &json!("bob")));
    let audit = server.master("GET", "/1.2/rtm/audit?action=erase_client", NOBODY).await.ok();
    assert_eq!(audit["results"][0]["clients"], json!(["ann"]));
    let details = json!({ "originals": 0, "addresses": 0, "messages": 2, "complete": true });
    assert_eq!(audit["results"][0]["details"], details);

    for query in ["message=true", "messages=maybe", "next=1", "next=1:2:3", "next=a:b:c:d"] {
        server.master("DELETE", &format!("{data}?{query}"), NOBODY).await.refused(400, 400);
    }
    let long = format!("/1.2/rtm/clients/{}/data", "x".repeat(65));
    server.master("DELETE", &long, NOBODY).await.refused(400, 400);
    for who in [As::App, As::Nobody] {
        server.ask(who, "DELETE", data, NOBODY).await.refused(401, 401);
    }
    let nobody = server.ask(As::OtherMaster, "DELETE", data, NOBODY).await.ok();
    assert_eq!(nobody, json!({ "originals": 0, "addresses": 0, "messages": 0, "visitors": 0 }));
}

/// The call ends though new messages come all the time; what came before it is gone, and what came after is there.
#[tokio::test]
async fn a_client_that_keeps_sending_is_erased_up_to_the_call() {
    let server = Arc::new(Server::start().await);
    let (mut ann, _, room) = room_with(&server, "ann").await;
    for number in 0..600 {
        say(&mut ann, &room, &format!("before {number}")).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (address, talking, place) = (server.address, Arc::clone(&stop), room.clone());
    let mut talker = JoinSet::new();
    talker.spawn(async move {
        let (mut ann, _) = Guest::log_in(address, "ann").await;
        ann.join(&place).await;
        let mut said = 0;
        while !talking.load(Ordering::Relaxed) {
            say(&mut ann, &place, &format!("during {said}")).await;
            said += 1;
        }
        said
    });
    let patience = Instant::now() + PATIENCE;
    let newest = async || {
        let path = format!("/1.2/rtm/chatrooms/{room}/messages?limit=1");
        server.master("GET", &path, NOBODY).await.ok()[0]["data"].as_str().unwrap().to_owned()
    };
    while !newest().await.starts_with("during") {
        assert!(Instant::now() < patience, "the talker never began");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let erased = server.master("DELETE", "/1.2/rtm/clients/ann/data?messages=true", NOBODY).await.ok();
    let last_before = newest().await;
    stop.store(true, Ordering::Relaxed);
    let said: u64 = talker.join_next().await.unwrap().unwrap();
    assert_eq!(erased["next"], Value::Null);
    let gone = erased["messages"].as_u64().unwrap();
    assert!(gone > 600, "also of what it said meanwhile: {erased}");
    let path = format!("/1.2/rtm/chatrooms/{room}/messages?limit=1000");
    let left = server.master("GET", &path, NOBODY).await.ok();
    let left = left.as_array().unwrap();
    assert_eq!(left.len() as u64 + gone, 600 + said, "{last_before}");
    assert!(left.iter().all(|item| item["data"].as_str().unwrap().starts_with("during")));
}
