//! Broadcast over REST: one message to many rooms.

use grandstand_protocol::{Command, Level, RoomId};
use grandstand_room::room::Room;
use serde_json::{Map, Value, json};

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, text},
    server::{APP, As, OTHER_APP, START, Server},
};

const PATH: &str = "/1.2/rtm/chatrooms/broadcast";

fn news(text: &str) -> Value {
    json!({ "from_client": "host", "message": text })
}

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// The texts of a room's history.
async fn texts(server: &Server, who: As<'_>, room: &RoomId) -> Vec<String> {
    let path = format!("/1.2/rtm/chatrooms/{room}/messages?reversed=true");
    let found = server.ask(who, "GET", &path, NOBODY).await.ok();
    found.as_array().unwrap().iter().map(|item| item["data"].as_str().unwrap().to_owned()).collect()
}

async fn make(server: &Server, app: &str, name: &str) -> RoomId {
    server.node.ensure_room(&app.into(), name).await.unwrap()
}

async fn member(server: &Server, client: &str, room: &RoomId) -> Guest {
    let (mut guest, _) = Guest::log_in(server.address, client).await;
    guest.join(room).await;
    guest
}

#[tokio::test]
async fn every_room_of_the_app_gets_it_and_no_other() {
    let server = Server::start().await;
    let rooms = [make(&server, APP, "a").await, make(&server, APP, "b").await, make(&server, APP, "c").await];
    let theirs = make(&server, OTHER_APP, "a").await;
    let mut ann = member(&server, "ann", &rooms[0]).await;
    let mut bob = member(&server, "bob", &rooms[1]).await;
    let mut host = member(&server, "host", &rooms[1]).await;
    let body = with(news("hello"), json!({ "mention_all": true }));
    let answer = server.master("POST", PATH, body).await.ok();
    assert!(answer["id"].is_string());
    assert_eq!((&answer["rooms"], &answer["failed"], &answer["more"]), (&json!(3), &json!(0), &json!(false)));
    for guest in [&mut ann, &mut bob] {
        let heard = guest.hear().await;
        assert_eq!((text(&heard), heard.from.as_str(), heard.mentions.all), ("hello", "host", true));
    }
    for room in &rooms {
        assert_eq!(texts(&server, As::Master, room).await, ["hello"]);
        let path = format!("/1.2/rtm/chatrooms/{room}/messages");
        let items = server.master("GET", &path, NOBODY).await.ok();
        let id = items[0]["msg-id"].as_str().unwrap().into();
        let stored = server.node.store.message(&APP.into(), room, &id).await.unwrap().unwrap();
        assert_eq!((stored.level, stored.session), (Level::High, None), "HIGH unless it says otherwise");
    }
    assert!(texts(&server, As::OtherMaster, &theirs).await.is_empty());
    bob.say(&rooms[1], Level::High, "after").await;
    assert_eq!(host.hear_until("after").await, ["after"], "not the client that it names");

    server.ask(As::App, "POST", PATH, news("x")).await.refused(401, 401);
    for body in [
        json!({}),
        json!({ "from_client": "host" }),
        json!({ "from_client": "", "message": "x" }),
        with(news("x"), json!({ "priority": "urgent" })),
        with(news("x"), json!({ "id": "" })),
        with(news("x"), json!({ "id": "x".repeat(65) })),
        with(news("x"), json!({ "where": [] })),
        with(news("x"), json!({ "rooms": [] })),
    ] {
        server.master("POST", PATH, body).await.refused(400, 400);
    }
    server.master("POST", PATH, with(news("x"), json!({ "where": { "$x": 1 } }))).await.refused(400, 4310);
    server.master("POST", PATH, news(&"x".repeat(6000))).await.refused(400, 4109);
    assert_eq!(texts(&server, As::Master, &rooms[2]).await, ["hello"], "none of these went anywhere");
}

#[tokio::test]
async fn a_condition_chooses_the_rooms() {
    let server = Server::start().await;
    let (news_room, sports) = (make(&server, APP, "news").await, make(&server, APP, "sports").await);
    let mut ann = member(&server, "ann", &news_room).await;
    let mut bob = member(&server, "bob", &sports).await;
    for (filter, rooms) in [
        (json!({ "name": "news" }), 1),
        (json!("{\"name\":\"news\"}"), 1),
        (json!({ "objectId": { "$in": [news_room.as_str(), "none"] } }), 1),
        (json!({ "name": { "$regex": "^n" } }), 1),
        (json!({ "name": "nobody's" }), 0),
        (json!({}), 2),
        (Value::Null, 2),
    ] {
        let body = with(news("hello"), json!({ "where": filter, "priority": "low" }));
        let answer = server.master("POST", PATH, body).await.ok();
        assert_eq!((&answer["rooms"], &answer["more"]), (&json!(rooms), &json!(false)), "{filter}");
    }
    assert_eq!(texts(&server, As::Master, &news_room).await.len(), 6);
    assert_eq!(texts(&server, As::Master, &sports).await.len(), 2);
    for (guest, count) in [(&mut ann, 6), (&mut bob, 2)] {
        for _ in 0..count {
            assert_eq!(text(&guest.hear().await), "hello");
        }
    }
}

#[tokio::test]
async fn a_transient_one_is_for_those_who_are_there() {
    let server = Server::start().await;
    let (room, empty) = (make(&server, APP, "a").await, make(&server, APP, "empty").await);
    let mut ann = member(&server, "ann", &room).await;
    let answer = server.master("POST", PATH, with(news("now"), json!({ "transient": true }))).await.ok();
    assert_eq!(answer["rooms"], 1);
    let heard = ann.hear().await;
    assert_eq!((text(&heard), heard.transient), ("now", true));
    for room in [&room, &empty] {
        assert!(texts(&server, As::Master, room).await.is_empty());
    }
}

#[tokio::test]
async fn a_retry_by_its_id_sends_nothing_twice() {
    let server = Server::start_with("[apps.quotas]\nbroadcasts_per_minute = 2", "").await;
    let room = make(&server, APP, "a").await;
    let body = with(news("once"), json!({ "id": "monday" }));
    let first = server.master("POST", PATH, body.clone()).await.ok();
    assert_eq!(first, json!({ "id": "monday", "rooms": 1, "failed": 0, "more": false }));
    let later = make(&server, APP, "made later").await;
    for _ in 0..5 {
        assert_eq!(
            server.master("POST", PATH, body.clone()).await.ok(),
            first,
            "and takes nothing of the quota"
        );
    }
    let other = with(news("another"), json!({ "id": "monday" }));
    server.master("POST", PATH, other).await.refused(400, 4306);
    assert_eq!(texts(&server, As::Master, &room).await, ["once"]);
    assert!(texts(&server, As::Master, &later).await.is_empty());
    // The ids of others are theirs.
    let theirs = make(&server, OTHER_APP, "a").await;
    let other = with(news("theirs"), json!({ "id": "monday" }));
    server.ask(As::OtherMaster, "POST", PATH, other).await.ok();
    assert_eq!(texts(&server, As::OtherMaster, &theirs).await, ["theirs"]);

    // After a restart nothing is known of it here; the store knows which rooms have it.
    let marked = grandstand_protocol::Send {
        dedupe: Some(format!("broadcast:tuesday:{room}")),
        ..message(&room, Level::High, "twice")
    };
    let (mut host, _) = Guest::log_in(server.address, "host").await;
    host.ask(Command::Send(Box::new(marked))).await;
    let body = with(news("twice"), json!({ "id": "tuesday" }));
    assert_eq!(server.master("POST", PATH, body).await.ok()["rooms"], 2);
    assert_eq!(texts(&server, As::Master, &room).await, ["once", "twice"]);
    assert_eq!(texts(&server, As::Master, &later).await, ["twice"]);
}

#[tokio::test]
async fn broadcasts_have_a_quota_of_their_own() {
    let server =
        Server::start_with("[apps.quotas]\nbroadcasts_per_minute = 2\nmessages_per_minute = 1", "").await;
    let room = make(&server, APP, "a").await;
    for text in ["one", "two"] {
        server.master("POST", PATH, news(text)).await.ok();
    }
    let refused = server.master("POST", PATH, news("three")).await;
    assert!(refused.head.contains("retry-after"), "{}", refused.head);
    refused.refused(429, 429);
    server.master("POST", &format!("/1.2/rtm/chatrooms/{room}/messages"), news("a message")).await.ok();
    assert_eq!(texts(&server, As::Master, &room).await, ["one", "two", "a message"]);
    server.ask(As::OtherMaster, "POST", PATH, news("theirs")).await.ok();
}

/// Rooms where somebody is come first, and one broadcast at a time is under way.
#[tokio::test]
async fn many_rooms_are_walked_with_the_live_ones_first() {
    let server = Server::start().await;
    for number in 0..1500 {
        let time = grandstand_room::clock::Millis(START);
        let room = Room {
            id: format!("{number:024}").into(),
            creator: String::new(),
            data: Map::new(),
            created_at: time,
            updated_at: time,
            last_message_at: None,
        };
        server.node.store.create_room(&APP.into(), room).await.unwrap();
    }
    // The last one of the walk.
    let room = RoomId::from("f".repeat(24).as_str());
    let time = grandstand_room::clock::Millis(START);
    let last = Room {
        id: room.clone(),
        creator: String::new(),
        data: Map::new(),
        created_at: time,
        updated_at: time,
        last_message_at: None,
    };
    server.node.store.create_room(&APP.into(), last).await.unwrap();
    let mut ann = member(&server, "ann", &room).await;
    let body = with(news("hello"), json!({ "id": "long" }));
    let sent = async {
        loop {
            let answer = server.master("POST", PATH, body.clone()).await.ok();
            if answer["more"] == false {
                return answer;
            }
        }
    };
    let busy = async {
        assert_eq!(text(&ann.hear().await), "hello");
        let walked = texts(&server, As::Master, &RoomId::from(format!("{:024}", 1499).as_str())).await;
        assert!(walked.is_empty(), "it comes to her before all others");
        server.master("POST", PATH, news("in between")).await.refused(429, 429);
    };
    let (answer, ()) = tokio::join!(sent, busy);
    assert_eq!(answer, json!({ "id": "long", "rooms": 1501, "failed": 0, "more": false }));
    for number in [0, 999, 1000, 1499] {
        let room = RoomId::from(format!("{number:024}").as_str());
        assert_eq!(texts(&server, As::Master, &room).await, ["hello"], "{number}");
    }
    assert_eq!(texts(&server, As::Master, &room).await, ["hello"], "once");
    let acts = server.master("GET", "/1.2/rtm/audit?action=broadcast", NOBODY).await.ok();
    let [act] = &acts["results"].as_array().unwrap()[..] else { panic!("one act: {acts}") };
    assert_eq!(act["details"], json!({ "id": "long", "rooms": 1501, "failed": 0 }));
    server.master("POST", PATH, news("the next one")).await.ok();
}
