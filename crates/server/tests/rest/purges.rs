//! Purge over REST: what one client wrote is recalled, and the room goes on.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use grandstand::store::NewMessage;
use grandstand_protocol::{
    Body, ClientId, Command, Event, Format, Level, Mentions, MessageId, Open, Patch, RoomId,
};
use grandstand_room::clock::Millis;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    guest::{Guest, message},
    messages::{NOBODY, room_with},
    raw::Raw,
    server::{APP, As, OTHER_APP, START, Server},
};

fn path(room: &RoomId) -> String {
    format!("/1.2/rtm/chatrooms/{room}/purge")
}

async fn say(guest: &mut Guest, room: &RoomId, text: &str) -> (MessageId, i64) {
    match guest.ask(Command::Send(Box::new(message(room, Level::High, text)))).await {
        Event::Accepted { message, timestamp } => (message, timestamp),
        other => panic!("accepted, not {other:?}"),
    }
}

/// Stores messages of a client at once; nobody is told.
async fn store_many(server: &Server, app: &str, room: &RoomId, from: &str, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for slice in numbers.chunks(500) {
        let stored = slice.iter().map(|number| {
            let message = NewMessage {
                app: app.into(),
                room: room.clone(),
                id: MessageId::from(format!("{app}-{room}-{from}-{number}")),
                from: ClientId::new(from).unwrap(),
                session: None,
                level: Level::Normal,
                body: Body::Text(format!("spam {number}")),
                mentions: Mentions::default(),
                lctype: None,
                dedupe: None,
                address: None,
                original: None,
                audience: None,
            };
            server.node.store.append(message, server.node.clock.wall())
        });
        assert!(join_all(stored).await.iter().all(Result::is_ok));
    }
}

async fn hear_recall(guest: &mut Guest) -> Patch {
    match guest.hear_event(|event| matches!(event, Event::Patched(_))).await {
        Event::Patched(patch) => *patch,
        other => panic!("a patch, not {other:?}"),
    }
}

/// The texts of a room's history, `-` for what was recalled.
async fn texts(server: &Server, room: &RoomId) -> Vec<String> {
    let found =
        server.master("GET", &format!("/1.2/rtm/chatrooms/{room}/messages?reversed=true"), NOBODY).await;
    let shown = |item: &Value| match item["data"].as_str().unwrap() {
        r#"{"_lctype":-127}"# => "-".to_owned(),
        text => text.to_owned(),
    };
    found.ok().as_array().unwrap().iter().map(shown).collect()
}

#[tokio::test]
async fn what_one_client_wrote_in_a_room_is_recalled_for_all() {
    let server = Server::start().await;
    let (mut ann, _, room) = room_with(&server, "ann").await;
    let (mut tom, _, _) = room_with(&server, "tom").await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(say(&mut tom, &room, text).await.0);
        say(&mut ann, &room, &format!("after {text}")).await;
    }
    let purged = server.master("POST", &path(&room), json!({ "client_id": "tom" })).await.ok();
    assert_eq!(purged, json!({ "recalled": 3, "more": false }));
    let mut heard = Vec::new();
    for _ in &ids {
        let patch = hear_recall(&mut ann).await;
        assert!(patch.recall && patch.from == "tom", "{patch:?}");
        heard.push(patch.message);
    }
    heard.sort_unstable();
    ids.sort_unstable();
    assert_eq!(heard, ids);
    hear_recall(&mut tom).await;
    assert_eq!(texts(&server, &room).await, ["-", "after one", "-", "after two", "-", "after three"]);
    let again = server.master("POST", &path(&room), json!({ "client_id": "tom" })).await.ok();
    assert_eq!(again, json!({ "recalled": 0, "more": false }), "harmless");
    let acts = server.master("GET", "/1.2/rtm/audit?action=purge", NOBODY).await.ok();
    let [act] = &acts["results"].as_array().unwrap()[..] else { panic!("one act: {acts}") };
    let expected = (&json!(["tom"]), &json!(room.as_str()), &json!({ "recalled": 3 }));
    assert_eq!((&act["clients"], &act["room"], &act["details"]), expected);
    let single = server.master("GET", "/1.2/rtm/audit?action=recall_message", NOBODY).await.ok();
    assert_eq!(single["results"], json!([]), "all at once");
    say(&mut tom, &room, "four").await;
    ann.hear_until("four").await;
}

#[tokio::test]
async fn a_span_of_time_may_be_named() {
    let server = Server::start().await;
    let (mut tom, _, room) = room_with(&server, "tom").await;
    let mut times = Vec::new();
    for text in ["one", "two", "three"] {
        server.clock.jump(1000);
        times.push(say(&mut tom, &room, text).await.1);
    }
    let body = json!({ "client_id": "tom", "from": times[1], "till": times[1] });
    assert_eq!(server.master("POST", &path(&room), body).await.ok()["recalled"], 1);
    assert_eq!(texts(&server, &room).await, ["one", "-", "three"]);
    let body = json!({ "client_id": "tom", "till": times[0] });
    assert_eq!(server.master("POST", &path(&room), body).await.ok()["recalled"], 1);
    let body = json!({ "client_id": "tom", "from": times[2] + 1 });
    assert_eq!(server.master("POST", &path(&room), body).await.ok()["recalled"], 0);
    assert_eq!(texts(&server, &room).await, ["-", "-", "three"]);
}

#[tokio::test]
async fn all_rooms_of_an_app_and_no_others() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let second = server.node.ensure_room(&APP.into(), "another").await.unwrap();
    let elsewhere = server.node.ensure_room(&OTHER_APP.into(), "a room").await.unwrap();
    store_many(&server, APP, &room, "tom", 2).await;
    store_many(&server, APP, &second, "tom", 3).await;
    store_many(&server, APP, &second, "ann", 1).await;
    store_many(&server, OTHER_APP, &elsewhere, "tom", 4).await;
    let whole = "/1.2/rtm/clients/tom/purge";
    let purged = server.ask(As::OtherMaster, "POST", whole, json!({ "till": START - 1 })).await.ok();
    assert_eq!(purged["recalled"], 0);
    assert_eq!(server.master("POST", whole, json!({})).await.ok(), json!({ "recalled": 5, "more": false }));
    assert_eq!(texts(&server, &room).await, ["-", "-"]);
    assert_eq!(texts(&server, &second).await, ["-", "-", "-", "spam 0"]);
    let theirs = server.ask(As::OtherMaster, "POST", whole, NOBODY).await.ok();
    assert_eq!(theirs["recalled"], 4, "until now they were all there");

    server.ask(As::App, "POST", whole, json!({})).await.refused(401, 401);
    server.ask(As::App, "POST", &path(&room), json!({ "client_id": "tom" })).await.refused(401, 401);
    server.ask(As::OtherMaster, "POST", &path(&room), json!({ "client_id": "tom" })).await.refused(404, 4303);
    for body in [
        json!({}),
        json!({ "client_id": "" }),
        json!({ "client_id": "tom", "from": "now" }),
        json!({ "client_id": "tom", "next": "" }),
        json!({ "client_id": "tom", "next": "1.2" }),
        json!({ "client_id": "tom", "next": "1.2.3.4" }),
        json!({ "client_id": "tom", "next": "99999999999999999999.1.1" }),
    ] {
        server.master("POST", &path(&room), body).await.refused(400, 400);
    }
    let forged = json!({ "client_id": "tom", "next": format!("{0}.{0}.{0}", i64::MAX) });
    server.master("POST", &path(&room), forged).await.ok();
}

#[tokio::test]
async fn a_long_purge_comes_in_calls_and_an_app_has_one_at_a_time() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    store_many(&server, APP, &room, "tom", 1300).await;
    let (mut ann, _, _) = room_with(&server, "ann").await;
    let body = json!({ "client_id": "tom" });
    let path = path(&room);
    let asked = || server.master("POST", &path, body.clone());
    let (one, other) = tokio::join!(asked(), asked());
    let (done, refused) = if one.status == 200 { (one, other) } else { (other, one) };
    assert!(refused.head.contains("retry-after"), "{}", refused.head);
    refused.refused(429, 429);
    let mut answer = done.ok();
    let mut recalled = vec![answer["recalled"].as_u64().unwrap()];
    while answer["more"] == true {
        let body = json!({ "client_id": "tom", "next": answer["next"] });
        answer = server.master("POST", &path, body).await.ok();
        recalled.push(answer["recalled"].as_u64().unwrap());
    }
    assert!(recalled.len() > 1 && recalled.iter().all(|number| *number <= 1000), "{recalled:?}");
    assert_eq!(recalled.iter().sum::<u64>(), 1300);
    assert!(texts(&server, &room).await.iter().all(|text| text == "-"));

    say(&mut ann, &room, "and on").await;
    let mut guest = Guest::connect(server.address, "max").await;
    guest.open(Open::default()).await;
    guest.join(&room).await;
    say(&mut guest, &room, "the last").await;
    let mut told = 0;
    let is_shown = |event: &Event| matches!(event, Event::Patched(_) | Event::Message(_));
    while let Event::Patched(_) = ann.hear_event(is_shown).await {
        told += 1;
    }
    assert_eq!(told, 200, "members hear of the newest");
}

/// Members that are behind get what was purged as recalled, also where the others were not told.
#[tokio::test]
async fn who_is_behind_does_not_get_what_was_purged() {
    let server = Server::start().await;
    let (mut tom, _, room) = room_with(&server, "tom").await;
    let mut slow =
        Guest::over(Raw::connect_narrow(server.address, "lc.protobuf2.3").await, "slow", Format::Binary);
    slow.open(Open::default()).await;
    slow.join(&room).await;
    let mut ids = Vec::new();
    for number in 0..450 {
        ids.push(say(&mut tom, &room, &format!("{number} {}", "x".repeat(1000))).await.0);
    }
    // Older than what members are told of, and newer than what its socket has taken.
    let waiting = ids[245].clone();
    let account = format!("/1.2/rtm/chatrooms/{room}/messages/{waiting}/account");
    assert_eq!(server.master("GET", &account, NOBODY).await.ok()["pending"], 1);
    let (mut recalled, mut next) = (0, Value::Null);
    while recalled < 450 {
        let body = json!({ "client_id": "tom", "next": next });
        let purged = server.master("POST", &path(&room), body).await.ok();
        recalled += purged["recalled"].as_u64().unwrap();
        next = purged["next"].clone();
    }
    server
        .master(
            "POST",
            &format!("/1.2/rtm/chatrooms/{room}/messages"),
            json!({ "from_client": "host", "message": "end", "priority": "high" }),
        )
        .await
        .ok();
    let heard = slow.hear_until("end").await;
    let originals = heard.iter().filter(|text| text.contains('x')).count();
    assert!((1..245).contains(&originals), "only what was on its way: {originals}");
    let account = server.master("GET", &account, NOBODY).await.ok();
    assert_eq!((&account["recalled"], &account["pending"]), (&json!(1), &json!(0)), "{account}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_room_speaks_on_while_ten_thousand_messages_go() {
    let server = Arc::new(Server::start().await);
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    store_many(&server, APP, &room, "tom", 10_000).await;
    let (mut ann, _, _) = room_with(&server, "ann").await;
    let (mut bob, _, _) = room_with(&server, "bob").await;
    let (mut host, _, _) = room_with(&server, "host").await;
    let (purging, place) = (Arc::clone(&server), room.clone());
    let mut purge = JoinSet::new();
    purge.spawn(async move {
        let (mut recalled, mut next) = (0, Value::Null);
        loop {
            let body = json!({ "client_id": "tom", "next": next });
            let done = purging.master("POST", &path(&place), body).await.ok();
            recalled += done["recalled"].as_i64().unwrap();
            if done["more"] == false {
                return recalled;
            }
            next = done["next"].clone();
        }
    });
    let (mut said, mut slowest) = (Vec::new(), Duration::ZERO);
    let recalled = loop {
        if let Some(done) = purge.try_join_next() {
            break done.unwrap();
        }
        let (text, began) = (format!("high {}", said.len()), std::time::Instant::now());
        say(&mut host, &room, &text).await;
        slowest = slowest.max(began.elapsed());
        said.push(text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(recalled, 10_000);
    say(&mut host, &room, "last").await;
    said.push("last".to_owned());
    assert!(said.len() > 20, "it went on meanwhile: {}", said.len());
    assert!(slowest < Duration::from_secs(5), "nobody waited for the purge: {slowest:?}");
    for member in [&mut ann, &mut bob] {
        let heard = member.hear_until("last").await;
        assert!(heard == said, "{}: none is lost: {} of {}", member.client, heard.len(), said.len());
    }
    let whole = server.master("GET", &format!("/1.2/rtm/chatrooms/{room}/account"), NOBODY).await.ok();
    let high = &whole["high"];
    let of = |path: &str| high.pointer(path).and_then(Value::as_i64).unwrap();
    let sum = ["/written", "/recalled", "/thinned", "/left", "/pending"].map(of).iter().sum::<i64>()
        + ["/dropped/behind", "/dropped/late", "/dropped/overrun"].map(of).iter().sum::<i64>();
    assert_eq!(of("/eligible"), sum, "{whole}");
    assert_eq!((of("/written"), of("/eligible")), (of("/eligible"), sum), "all of it was written: {whole}");
    let spam =
        server.node.store.message(&APP.into(), &room, &MessageId::from(format!("{APP}-{room}-tom-0"))).await;
    let spam = spam.unwrap().unwrap();
    assert!(spam.recalled && spam.patched_at > Some(Millis(0)));
}
