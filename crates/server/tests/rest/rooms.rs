//! Rooms by the master key (protocol 6.2).

use grandstand_protocol::{Event, RoomId};
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    server::{As, Server},
};

const ROOMS: &str = "/1.2/rtm/chatrooms";

async fn create(server: &Server, fields: Value) -> String {
    let created = server.master("POST", ROOMS, fields).await.ok();
    created["objectId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_room_is_made_read_changed_and_removed() {
    let server = Server::start().await;
    let fields = json!({ "name": "Final", "attr": { "topic": "football" }, "hot": 1, "c": "host" });
    let created = server.master("POST", ROOMS, fields).await.ok();
    let time = created["createdAt"].as_str().unwrap();
    assert!(time.starts_with("2027-01-15T08:00:") && time.ends_with('Z') && time.len() == 24, "{time}");
    assert_eq!(created.as_object().unwrap().len(), 2);
    let path = format!("{ROOMS}/{}", created["objectId"].as_str().unwrap());

    let row = server.master("GET", &path, Value::Null).await.ok();
    let expected = json!({
        "objectId": created["objectId"], "createdAt": created["createdAt"], "updatedAt": created["createdAt"],
        "tr": true, "conv_type": 2, "m": [], "c": "host",
        "name": "Final", "attr": { "topic": "football" }, "hot": 1,
    });
    assert_eq!(row, expected);

    server.clock.jump(1000);
    let update = json!({
        "name": "Semi-final", "attr.topic": { "__op": "Delete" }, "hot": { "__op": "Increment", "amount": 2 },
        "tags": { "__op": "AddUnique", "objects": ["a", "a"] },
    });
    let changed = server.master("PUT", &path, update).await.ok();
    assert_eq!((changed.as_object().unwrap().len(), &changed["objectId"]), (2, &created["objectId"]));
    assert!(changed["updatedAt"].as_str().unwrap() > time, "{changed}");
    let row = server.master("GET", &path, Value::Null).await.ok();
    assert_eq!((&row["name"], &row["attr"]), (&json!("Semi-final"), &json!({})));
    assert_eq!((&row["hot"], &row["tags"]), (&json!(3), &json!(["a"])));

    assert_eq!(server.master("DELETE", &path, Value::Null).await.ok(), json!({}));
    for method in ["GET", "PUT", "DELETE"] {
        server.master(method, &path, Value::Null).await.refused(404, 4303);
    }
}

#[tokio::test]
async fn only_the_apps_own_back_end_may() {
    let server = Server::start().await;
    let room = create(&server, json!({})).await;
    let calls = [
        ("POST", ROOMS.to_owned()),
        ("GET", ROOMS.to_owned()),
        ("GET", "/1.2/rtm/all-conversations".to_owned()),
        ("GET", format!("{ROOMS}/{room}")),
        ("PUT", format!("{ROOMS}/{room}")),
        ("DELETE", format!("{ROOMS}/{room}")),
        ("GET", format!("{ROOMS}/{room}/members")),
        ("GET", format!("{ROOMS}/{room}/members/online-count")),
        ("PUT", format!("/1.2/rtm/conversations/{room}")),
        ("DELETE", format!("/1.2/rtm/conversations/{room}")),
    ];
    for (method, path) in &calls {
        for who in [As::Nobody, As::App] {
            server.ask(who, method, path, Value::Null).await.refused(401, 401);
        }
        if path.contains(&room) {
            // Another app's master key is right, and its app has no such room.
            server.ask(As::OtherMaster, method, path, Value::Null).await.refused(404, 4303);
        }
    }
    server.master("GET", &format!("{ROOMS}/{room}"), Value::Null).await.ok();
    let others = server.ask(As::OtherMaster, "GET", ROOMS, Value::Null).await.ok();
    assert_eq!(others, json!({ "results": [] }));
}

#[tokio::test]
async fn fields_of_the_server_are_refused() {
    let server = Server::start().await;
    let room = create(&server, json!({})).await;
    let path = format!("{ROOMS}/{room}");
    for key in ["objectId", "createdAt", "updatedAt", "lm", "conv_type", "uniqueId", "msg", "tempConvTTL"] {
        let words = server.master("POST", ROOMS, json!({ (key): "x" })).await.refused(400, 4306);
        assert!(words.contains(key), "{words}");
        server.master("PUT", &path, json!({ (key): "x" })).await.refused(400, 4306);
    }
    for key in ["c", "m", "mu", "tr", "sys", "unique"] {
        server.master("PUT", &path, json!({ (key): ["x"] })).await.refused(400, 4306);
    }
    for key in ["__proto__", "a..b", "$where", "constructor.prototype"] {
        server.master("POST", ROOMS, json!({ (key): {} })).await.refused(400, 4306);
        server.master("PUT", &path, json!({ (key): {} })).await.refused(400, 4306);
    }
    server.master("POST", ROOMS, json!({ "sys": true })).await.refused(400, 4316);
    server.master("PUT", &path, json!({ "name": { "__op": "Rename" } })).await.refused(400, 4306);
    server.master("POST", ROOMS, json!([])).await.refused(400, 400);
    server
        .master("POST", ROOMS, json!({ "attr": { "text": "x".repeat(17 * 1024) } }))
        .await
        .refused(400, 4306);
    let nested = format!("{{\"attr\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    server.ask_raw(As::Master, "POST", ROOMS, &nested).await.refused(413, 413);
    let nested = format!("{{\"attr\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    server.ask_raw(As::Master, "POST", ROOMS, &nested).await.refused(400, 400);
    let row = server.master("GET", &path, Value::Null).await.ok();
    assert_eq!(row.as_object().unwrap().len(), 6, "nothing of all that is in the room: {row}");
}

#[tokio::test]
async fn rooms_are_listed_as_asked() {
    let server = Server::start().await;
    for (name, hot) in [("a", 3), ("b", 1), ("c", 2)] {
        create(&server, json!({ "name": name, "hot": hot, "attr": { "x": 1, "y": 2 } })).await;
        server.clock.jump(1);
    }
    let names = async |parameters: &str| {
        let listed = server.master("GET", &format!("{ROOMS}?{parameters}"), Value::Null).await.ok();
        let rows = listed["results"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap_or("-").to_owned()).collect::<String>()
    };
    for (parameters, expected) in [
        ("", "abc"),
        ("order=-createdAt", "cba"),
        ("order=hot", "bca"),
        ("order=-hot&limit=2", "ac"),
        ("skip=1", "bc"),
        ("skip=1&limit=1", "b"),
        ("limit=0", ""),
        ("where=%7B%22name%22%3A%22b%22%7D", "b"),
        ("where=%7B%22hot%22%3A%7B%22%24gte%22%3A2%7D%7D&order=hot", "ca"),
        ("where=%7B%22hot%22%3A%7B%22%24gte%22%3A9%7D%7D", ""),
        ("keys=hot", "---"),
    ] {
        assert_eq!(names(parameters).await, expected, "{parameters}");
    }
    let counted = server.master("GET", &format!("{ROOMS}?count=1&limit=0"), Value::Null).await.ok();
    assert_eq!(counted, json!({ "results": [], "count": 3 }));
    let path = format!("{ROOMS}?keys=attr.x&limit=1");
    let row = server.master("GET", &path, Value::Null).await.ok()["results"][0].clone();
    assert_eq!((row.as_object().unwrap().len(), &row["attr"]), (4, &json!({ "x": 1 })));
    let all = server.master("GET", "/1.2/rtm/all-conversations?order=hot&limit=1", Value::Null).await.ok();
    assert_eq!(all["results"][0]["name"], "b");

    for (parameters, code) in [
        ("limit=-1", 400),
        ("limit=x", 400),
        ("limit=", 400),
        ("skip=1e9", 400),
        ("skip=100001", 4310),
        ("where=x", 4310),
        ("where=%5B%5D", 4310),
        ("where=%7B%22%24where%22%3A1%7D", 4310),
        ("order=%24x", 4310),
        ("where=1&where=2", 400),
    ] {
        server.master("GET", &format!("{ROOMS}?{parameters}"), Value::Null).await.refused(400, code);
    }
}

#[tokio::test]
async fn members_are_counted_and_sampled() {
    let server = Server::start().await;
    let room = create(&server, json!({ "name": "x" })).await;
    let path = format!("{ROOMS}/{room}/members");
    assert_eq!(server.master("GET", &path, Value::Null).await.ok(), json!({ "result": [] }));
    let mut guests = Vec::new();
    for client in ["a", "b", "c", "d", "e", "f"] {
        let (mut guest, _) = Guest::log_in(server.address, client).await;
        guest.join(&RoomId::from(room.as_str())).await;
        guests.push(guest);
    }
    let count = server.master("GET", &format!("{path}/online-count"), Value::Null).await.ok();
    assert_eq!(count, json!({ "result": 6 }));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let sample = server.master("GET", &format!("{path}?limit=1"), Value::Null).await.ok();
        assert_eq!(sample["result"].as_array().unwrap().len(), 1);
        seen.insert(sample["result"][0].as_str().unwrap().to_owned());
    }
    // One in 10^7 that a fair draw passes over somebody.
    assert_eq!(seen.len(), 6, "{seen:?}");
    let all = server.master("GET", &path, Value::Null).await.ok();
    assert_eq!(all["result"].as_array().unwrap().len(), 6);
    for path in [format!("{ROOMS}/nowhere/members"), format!("{ROOMS}/nowhere/members/online-count")] {
        server.master("GET", &path, Value::Null).await.refused(404, 4303);
    }
    server.master("GET", &format!("{path}?limit=many"), Value::Null).await.refused(400, 400);
}

#[tokio::test]
async fn members_hear_of_a_change() {
    let server = Server::start().await;
    let room = RoomId::from(create(&server, json!({ "name": "x" })).await);
    let (mut guest, _) = Guest::log_in(server.address, "a").await;
    guest.join(&room).await;
    let path = format!("{ROOMS}/{room}");
    server.master("PUT", &path, json!({ "attr.topic": "news" })).await.ok();
    let told = guest.read().await.unwrap();
    let Event::RoomUpdated { room: of, by, change, .. } = told.event else { panic!("{told:?}") };
    assert_eq!((of, by.as_str(), change.set.as_str()), (room, "", r#"{"attr.topic":"news"}"#));
}

#[tokio::test]
async fn a_room_that_is_removed_is_empty_and_silent() {
    let server = Server::start().await;
    let room = RoomId::from(create(&server, json!({})).await);
    let (mut guest, _) = Guest::log_in(server.address, "a").await;
    guest.join(&room).await;
    guest.say(&room, grandstand_protocol::Level::High, "kept until now").await;
    server.master("DELETE", &format!("{ROOMS}/{room}"), Value::Null).await.ok();

    let app = server.node.router.app(&crate::server::APP.into());
    assert!(app.existing_hub(&room).is_none(), "nobody is there");
    let send = crate::guest::message(&room, grandstand_protocol::Level::High, "too late");
    let refused = guest.ask(grandstand_protocol::Command::Send(Box::new(send))).await;
    assert!(matches!(&refused, Event::Refused { fault } if fault.code == 4401), "{refused:?}");
    let rejoined = guest
        .ask(grandstand_protocol::Command::Join { room, members: vec!["a".to_owned()], signature: None })
        .await;
    assert!(matches!(&rejoined, Event::Failed { fault } if fault.code == 4303), "{rejoined:?}");
}

#[tokio::test]
async fn conversations_are_rooms_or_refused_with_a_sentence() {
    let server = Server::start().await;
    let room = create(&server, json!({ "name": "x" })).await;
    let path = format!("/1.2/rtm/conversations/{room}");
    assert_eq!(server.master("GET", &path, Value::Null).await.ok()["name"], "x");
    server.master("PUT", &path, json!({ "name": "y" })).await.ok();
    for method in ["GET", "POST"] {
        let words = server.master(method, "/1.2/rtm/conversations", Value::Null).await.refused(400, 4316);
        assert!(words.contains("chat rooms"), "{words}");
    }
    for method in ["GET", "POST"] {
        server.master(method, &format!("{path}/members"), Value::Null).await.refused(400, 4314);
    }
    server.master("DELETE", &path, Value::Null).await.ok();
    server.master("GET", &format!("{ROOMS}/{room}"), Value::Null).await.refused(404, 4303);
    for path in ["/1.2/rtm/service-conversations", "/1.2/rtm/service-conversations/x/subscribers"] {
        let words = server.master("GET", path, Value::Null).await.refused(404, 404);
        assert!(words.contains("service conversations"), "{words}");
    }
}
