//! Silence, blocks, roles and bans over REST.

use std::time::Duration;

use grandstand_protocol::{ClientId, Code, Command, Event, Fault, Level, Notice, Open, RoomId, Send};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, room_with},
    raw::PATIENCE,
    server::{APP, As, KEY, Server},
};

fn of_room(room: &RoomId, what: &str) -> String {
    format!("/1.2/rtm/chatrooms/{room}/{what}")
}

async fn say(guest: &mut Guest, room: &RoomId) -> Option<i32> {
    match guest.ask(Command::Send(Box::new(message(room, Level::Normal, "text")))).await {
        Event::Accepted { .. } => None,
        Event::Refused { fault } => Some(fault.code),
        other => panic!("an acknowledgement, not {other:?}"),
    }
}

async fn join(guest: &mut Guest, room: &RoomId) -> Option<i32> {
    let members = vec![guest.client.clone()];
    match guest.ask(Command::Join { room: room.clone(), members, signature: None }).await {
        Event::Added { .. } => None,
        Event::Failed { fault } => Some(fault.code),
        other => panic!("an answer to a join, not {other:?}"),
    }
}

async fn notice(guest: &mut Guest) -> Notice {
    match guest.hear_event(|event| matches!(event, Event::Notice(_))).await {
        Event::Notice(notice) => *notice,
        other => panic!("a notice, not {other:?}"),
    }
}

#[tokio::test]
async fn a_permanent_silence_holds_until_it_is_taken_back() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = of_room(&room, "permanent-silenceds");
    let clients = json!({ "client_ids": ["ann", "bob", "ann"] });
    assert_eq!(server.master("POST", &path, clients.clone()).await.ok(), json!({}));
    let heard = notice(&mut ann).await;
    assert_eq!((heard.by.as_str(), heard.lifted, heard.clients), ("", false, None));
    assert_eq!(say(&mut ann, &room).await, Some(4563));
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), json!({ "client_ids": ["ann", "bob"] }));
    let first = server.master("GET", &format!("{path}?limit=1"), NOBODY).await.ok();
    assert_eq!(first, json!({ "client_ids": ["ann"], "next": "1" }));
    let second = server.master("GET", &format!("{path}?limit=1&next=1"), NOBODY).await.ok();
    assert_eq!(second, json!({ "client_ids": ["bob"] }));

    assert_eq!(server.master("DELETE", &path, json!({ "client_ids": ["ann"] })).await.ok(), json!({}));
    assert_eq!(say(&mut ann, &room).await, None);
    let other_name = path.replace("chatrooms", "conversations");
    assert_eq!(server.master("GET", &other_name, NOBODY).await.ok(), json!({ "client_ids": ["bob"] }));

    server.ask(As::App, "POST", &path, clients.clone()).await.refused(401, 401);
    server.ask(As::OtherMaster, "POST", &path, clients).await.refused(404, 4303);
    server.master("GET", &of_room(&"none".into(), "permanent-silenceds"), NOBODY).await.refused(404, 4303);
    let long = json!({ "client_ids": ["bob", "x".repeat(65)] });
    server.master("DELETE", &path, long).await.refused(400, 400);
    assert_eq!(
        server.master("GET", &path, NOBODY).await.ok(),
        json!({ "client_ids": ["bob"] }),
        "none of them"
    );
    let many: Vec<String> = (0..501).map(|n| format!("c{n}")).collect();
    server.master("POST", &path, json!({ "client_ids": many })).await.refused(400, 4306);
    server.master("POST", &path, json!({ "clients": ["ann"] })).await.refused(400, 400);
    server.master("GET", &format!("{path}?next=x"), NOBODY).await.refused(400, 4310);
}

#[tokio::test]
async fn a_temporary_silence_ends_or_is_ended() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = of_room(&room, "temporary-silenceds");
    let old = "/1.1/rtm/conversation/blacklist";
    for (make, take_back, names_room) in [
        (path.clone(), format!("{path}?client_id=ann"), false),
        (old.to_owned(), format!("{old}?conv_id={room}&client_id=ann"), true),
    ] {
        let silence = |ttl: i64| match names_room {
            true => json!({ "client_id": "ann", "conv_id": room.as_str(), "ttl": ttl }),
            false => json!({ "client_id": "ann", "ttl": ttl }),
        };
        for ttl in [0, -1, 86_401, i64::MAX] {
            server.master("POST", &make, silence(ttl)).await.refused(400, 400);
        }
        assert_eq!(server.master("POST", &make, silence(60)).await.ok(), json!({}));
        assert_eq!(say(&mut ann, &room).await, Some(4315));
        let listed = server.master("GET", &path, NOBODY).await.ok();
        assert_eq!(listed["client_ids"], json!(["ann"]));
        assert!(listed["until"]["ann"].as_str().is_some_and(|end| end.ends_with('Z')), "{listed}");
        assert_eq!(server.master("DELETE", &take_back, NOBODY).await.ok(), json!({}));
        assert_eq!(say(&mut ann, &room).await, None);
        server.master("POST", &make, silence(86_400)).await.ok();
        server.clock.jump(86_399_000);
        assert_eq!(say(&mut ann, &room).await, Some(4315));
        server.clock.jump(1000);
        assert_eq!(say(&mut ann, &room).await, None, "by itself");
    }
}

#[tokio::test]
async fn a_block_may_have_an_end() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = of_room(&room, "blacklists");
    assert_eq!(server.master("POST", &path, json!({ "client_ids": ["ann"] })).await.ok(), json!({}));
    assert_eq!(server.node.online_count(&APP.into(), &room), 0);
    assert_eq!([join(&mut ann, &room).await, say(&mut ann, &room).await], [Some(4548); 2]);
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), json!({ "client_ids": ["ann"] }));
    server.master("DELETE", &path, json!({ "client_ids": ["ann"] })).await.ok();
    assert_eq!(join(&mut ann, &room).await, None);

    server.master("POST", &path, json!({ "client_ids": ["ann"], "ttl": 3600 })).await.ok();
    assert_eq!(join(&mut ann, &room).await, Some(4548));
    server.clock.jump(3_600_000);
    assert_eq!(join(&mut ann, &room).await, None);
    server.master("POST", &path, json!({ "client_ids": ["ann"], "ttl": 0 })).await.refused(400, 400);
    let sent = json!({ "from_client": "bob", "message": "by the back end" });
    server.master("POST", &path, json!({ "client_ids": ["bob"] })).await.ok();
    server.master("POST", &of_room(&room, "messages"), sent).await.ok();
}

#[tokio::test]
async fn roles_are_given_changed_and_taken_back() {
    let server = Server::start().await;
    let (mut ann, token, room) = room_with(&server, "ann").await;
    let path = of_room(&room, "member-infos");
    let given = server.master("POST", &path, json!({ "clientId": "ann", "role": "Manager" })).await.ok();
    let row = given["objectId"].as_str().unwrap().to_owned();
    assert!(given["updatedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{given}");
    let event = ann.hear_event(|event| matches!(event, Event::RoleChanged { .. })).await;
    assert!(matches!(event, Event::RoleChanged { by, info, .. } if by.is_empty() && info.role == "Manager"));
    server.master("POST", &path, json!({ "clientId": "bob", "role": "owner" })).await.ok();
    let all = server.master("GET", &path, NOBODY).await.ok();
    let of_ann = json!({ "clientId": "ann", "objectId": row, "role": "Manager" });
    assert_eq!((all["results"].as_array().unwrap().len(), &all["results"][0]), (2, &of_ann));
    let owners = server.master("GET", &format!("{path}?role=Owner"), NOBODY).await.ok();
    assert_eq!(owners["results"][0]["clientId"], "bob");
    let second = server.master("GET", &format!("{path}?skip=1&limit=1"), NOBODY).await.ok();
    assert_eq!(second["results"][0]["clientId"], "bob");

    let one = format!("{path}/{row}");
    let changed = server.master("PUT", &one, json!({ "role": "Member" })).await.ok();
    assert_eq!(changed["objectId"].as_str(), Some(row.as_str()));
    server.master("PUT", &one, json!({ "role": "King" })).await.refused(400, 4321);
    server.master("PUT", &format!("{path}/nothing"), json!({ "role": "Member" })).await.refused(404, 404);
    let bob = owners["results"][0]["objectId"].as_str().unwrap();
    server.master("PUT", &format!("{path}/{bob}"), json!({ "role": "Member" })).await.refused(400, 4324);
    assert_eq!(server.master("DELETE", &one, NOBODY).await.ok(), json!({}));
    server.master("DELETE", &one, NOBODY).await.refused(404, 404);
    server.ask(As::App, "GET", &path, NOBODY).await.refused(401, 401);

    read_as_a_table(&server, &room, &token.text).await;
}

/// As SDKs read it, with the token of a session.
async fn read_as_a_table(server: &Server, room: &RoomId, token: &str) {
    let table = "/1.1/classes/_ConversationMemberInfo";
    let filter = format!("%7B%22cid%22:%22{room}%22%7D");
    let by = |token: &str| format!("X-LC-Id: {APP}\r\nX-LC-Key: {KEY}\r\nX-LC-IM-Session-Token: {token}\r\n");
    let by_ann = by(token);
    for query in [format!("where={filter}"), format!("cid={room}&client_id=ann&limit=10")] {
        let found = server.ask(As::Headers(&by_ann), "GET", &format!("{table}?{query}"), NOBODY).await.ok();
        let [row] = &found["results"].as_array().unwrap()[..] else { panic!("one row: {found}") };
        let id = row["objectId"].as_str().unwrap();
        // The second three are Java's names.
        let expected = json!({
            "clientId": "bob", "cid": room.as_str(), "objectId": id, "role": "Owner",
            "peerId": "bob", "conversationId": room.as_str(), "infoId": id,
        });
        assert_eq!(*row, expected);
    }
    let path = format!("{table}?where={filter}");
    server.master("GET", &path, NOBODY).await.ok();
    server.ask(As::App, "GET", &path, NOBODY).await.refused(401, 401);
    server.ask(As::Headers(&by("forged")), "GET", &path, NOBODY).await.refused(401, 401);
    server.ask(As::Headers(&by_ann), "GET", &format!("{path}&client_id=bob"), NOBODY).await.refused(401, 401);
    for bad in ["", "where=x", "where=%7B%7D", "where=%7B%22cid%22:1%7D", "where=%7B%22x%22:%22y%22%7D"] {
        server.ask(As::Headers(&by_ann), "GET", &format!("{table}?{bad}"), NOBODY).await.refused(400, 400);
    }
    server.master("POST", "/1.2/rtm/clients/ann/kick", json!({})).await.ok();
    server.ask(As::Headers(&by_ann), "GET", &path, NOBODY).await.refused(401, 401);
}

#[tokio::test]
async fn a_client_has_a_list_of_rooms_of_its_own() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let path = "/1.2/rtm/clients/ann/blacklists";
    let named = json!({ "conv_id": room.as_str() });
    assert_eq!(server.master("POST", path, named.clone()).await.ok(), json!({}));
    assert_eq!(server.master("GET", path, NOBODY).await.ok(), json!({ "conv_ids": [room.as_str()] }));
    assert_eq!(join(&mut ann, &room).await, None, "nobody but itself puts it into a room");
    assert_eq!(server.master("DELETE", path, named).await.ok(), json!({}));
    assert_eq!(server.master("GET", path, NOBODY).await.ok(), json!({ "conv_ids": [] }));
    server.master("POST", path, json!({ "conv_id": "none" })).await.refused(404, 4303);
}

/// What a login comes to: `None`, or the code that refuses it.
async fn log_in(server: &Server, client: &str) -> Option<Fault> {
    let mut guest = Guest::connect(server.address, client).await;
    match guest.ask(Command::Open(Box::default())).await {
        Event::Opened { .. } => None,
        Event::Failed { fault } => Some(fault),
        other => panic!("an answer to an open, not {other:?}"),
    }
}

async fn closed(guest: &mut Guest) -> Fault {
    match guest.hear_event(|event| matches!(event, Event::Closed { .. })).await {
        Event::Closed { fault: Some(fault) } => fault,
        other => panic!("a close with a reason, not {other:?}"),
    }
}

#[tokio::test]
async fn a_banned_client_is_logged_out_and_kept_out() {
    let server = Server::start().await;
    let (mut ann, token, room) = room_with(&server, "ann").await;
    let bans = "/1.2/rtm/bans";
    let ban = json!({ "client_id": "ann", "ttl": 60, "reason": "spam" });
    let made = server.master("POST", bans, ban).await.ok();
    assert_eq!((&made["client_id"], &made["reason"]), (&json!("ann"), &json!("spam")));
    let fault = closed(&mut ann).await;
    assert!(fault.is(Code::Blacklisted) && fault.detail.unwrap().contains("spam"));
    assert_eq!(server.node.online_count(&APP.into(), &room), 0);
    assert!(log_in(&server, "ann").await.is_some_and(|fault| fault.is(Code::Blacklisted)));
    let mut again = Guest::connect(server.address, "ann").await;
    let open = Open { reopen: true, token: Some(token.text), ..Open::default() };
    let answer = again.ask(Command::Open(Box::new(open))).await;
    assert!(matches!(answer, Event::Failed { .. }), "{answer:?}");
    assert_eq!(log_in(&server, "bob").await, None);
    assert_eq!(server.master("GET", bans, NOBODY).await.ok()["results"], json!([made]));
    let elsewhere = server.ask(As::OtherMaster, "GET", bans, NOBODY).await.ok();
    assert_eq!(elsewhere, json!({ "results": [] }));

    assert_eq!(server.master("DELETE", &format!("{bans}?client_id=ann"), NOBODY).await.ok(), json!({}));
    server.master("DELETE", &format!("{bans}?client_id=ann"), NOBODY).await.refused(404, 404);
    assert_eq!(log_in(&server, "ann").await, None);
    server.master("POST", bans, json!({ "client_id": "ann", "ttl": 60 })).await.ok();
    server.clock.jump(60_000);
    assert_eq!(log_in(&server, "ann").await, None, "the ban is over");
}

#[tokio::test]
async fn a_banned_network_is_kept_out() {
    let server = Server::start().await;
    let (mut ann, _, _) = room_with(&server, "ann").await;
    let bans = "/1.2/rtm/bans";
    for bad in [
        json!({}),
        json!({ "client_id": "ann", "address": "192.0.2.1" }),
        json!({ "address": "somewhere" }),
        json!({ "address": "0.0.0.0/0" }),
        json!({ "address": "192.0.2.1", "ttl": 0 }),
        json!({ "client_id": "ann", "reason": "x".repeat(201) }),
        json!({ "client_id": "ann", "until": 7 }),
    ] {
        server.master("POST", bans, bad).await.refused(400, 400);
    }
    server.ask(As::App, "POST", bans, json!({ "client_id": "ann" })).await.refused(401, 401);
    let made = server.master("POST", bans, json!({ "address": "192.0.2.77/24" })).await.ok();
    assert_eq!(made["address"], "192.0.2.0/24");
    assert_eq!(log_in(&server, "bob").await, None, "from elsewhere");
    server.master("POST", bans, json!({ "address": "127.0.0.1" })).await.ok();
    assert!(closed(&mut ann).await.is(Code::Blacklisted));
    assert!(log_in(&server, "bob").await.is_some_and(|fault| fault.is(Code::Blacklisted)));
    let all: Value = server.master("GET", &format!("{bans}?limit=1"), NOBODY).await.ok();
    assert_eq!((&all["results"][0]["address"], &all["next"]), (&json!("127.0.0.1/32"), &json!("1")));
    server.master("DELETE", &format!("{bans}?address=127.0.0.1"), NOBODY).await.ok();
    assert_eq!(log_in(&server, "bob").await, None);
}

#[tokio::test]
async fn who_dropped_from_a_banned_network_may_not_return_and_leaves_no_will() {
    let server = Server::start_with("", "[limits]\nwill_grace = \"3s\"\n").await;
    let (ann, token, room) = room_with(&server, "ann").await;
    let mut bob = Guest::log_in(server.address, "bob").await.0;
    let will = Send { will: true, ..message(&room, Level::High, "farewell") };
    let held = bob.ask(Command::Send(Box::new(will))).await;
    assert!(matches!(held, Event::Accepted { .. }), "{held:?}");
    drop((ann, bob));
    server.until_dropped("ann").await;
    server.until_dropped("bob").await;
    let bans = "/1.2/rtm/bans";
    server.master("POST", bans, json!({ "address": "127.0.0.0/8" })).await.ok();
    let reopen = async || {
        let mut ann = Guest::connect(server.address, "ann").await;
        let open = Open { reopen: true, token: Some(token.text.clone()), ..Open::default() };
        (ann.ask(Command::Open(Box::new(open))).await, ann)
    };
    let (refused, _) = reopen().await;
    assert!(matches!(&refused, Event::Failed { fault } if fault.is(Code::Blacklisted)), "{refused:?}");

    let waits =
        async || server.node.store.sessions(&APP.into(), &ClientId::new("bob").unwrap()).await.unwrap();
    assert_eq!(waits().await.len(), 1, "the will is still to come");
    timeout(PATIENCE, async {
        while !waits().await.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the grace of the will ends");
    let history = server.master("GET", &of_room(&room, "messages"), NOBODY).await.ok();
    assert_eq!(history, json!([]), "it said nothing");

    server.master("DELETE", &format!("{bans}?address=127.0.0.0/8"), NOBODY).await.ok();
    let (opened, _ann) = reopen().await;
    assert!(matches!(opened, Event::Opened { .. }), "{opened:?}");
    assert_eq!(server.node.online_count(&APP.into(), &room), 1, "back in its room");
}

#[tokio::test]
async fn a_network_of_ipv4_addresses_written_as_ipv6_is_the_ipv4_network() {
    let server = Server::start().await;
    let (mut ann, _, _) = room_with(&server, "ann").await;
    let bans = "/1.2/rtm/bans";
    for whole in ["::ffff:127.0.0.1/96", "::ffff:127.0.0.1/90", "::ffff:7f00:1/1"] {
        server.master("POST", bans, json!({ "address": whole })).await.refused(400, 400);
    }
    let made = server.master("POST", bans, json!({ "address": "::ffff:127.0.0.9/120" })).await.ok();
    assert_eq!(made["address"], "127.0.0.0/24");
    assert!(closed(&mut ann).await.is(Code::Blacklisted));
    assert!(log_in(&server, "bob").await.is_some_and(|fault| fault.is(Code::Blacklisted)));
    server.master("DELETE", &format!("{bans}?address=::ffff:127.0.0.0/120"), NOBODY).await.ok();
    assert_eq!(log_in(&server, "bob").await, None);
    let made = server.master("POST", bans, json!({ "address": "2001:db8::9/64" })).await.ok();
    assert_eq!(made["address"], "2001:db8::/64");
}
