//! The audit log: every administrative act is in it when its answer comes, with who, what, when and from where.

use grandstand_protocol::{Ask, Code, Command, Event, Format, Moderate, Open, Restriction, RoomId};
use grandstand_room::clock::Millis;
use serde_json::{Value, json};

use crate::{
    guest::Guest,
    messages::{NOBODY, room_with},
    raw::Raw,
    server::{APP, As, MASTER_KEY, START, Server},
};

const AUDIT: &str = "/1.2/rtm/audit";
const ROOMS: &str = "/1.2/rtm/chatrooms";

/// Lets a test come from several addresses.
const PROXIED: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]";
const ELSEWHERE: &str =
    "X-LC-Id: test-app\r\nX-LC-Key: test-master,master\r\nX-Forwarded-For: 192.0.2.99\r\n";

/// The entries that a query finds, the newest first, in the form of [`settled`].
async fn entries(server: &Server, query: &str) -> Vec<Value> {
    let path = format!("{AUDIT}?{query}");
    let found = server.ask(As::Headers(ELSEWHERE), "GET", &path, NOBODY).await.ok();
    found["results"].as_array().unwrap().iter().map(|entry| settled(server, entry)).collect()
}

/// Without its time, which has to be one of this test; and with an end as seconds from then.
fn settled(server: &Server, entry: &Value) -> Value {
    let mut entry = entry.clone();
    let time = |value: Value| Millis::from_iso(value.as_str().unwrap()).unwrap();
    let at = time(entry.as_object_mut().unwrap().remove("at").unwrap());
    assert!(Millis(START) <= at && at <= server.clock.wall(), "{entry}");
    if let Some(until) = entry["details"].get_mut("until") {
        let seconds = (time(until.take()).since(at) + 500) / 1000;
        *until = seconds.into();
    }
    entry
}

async fn newest(server: &Server) -> Value {
    entries(server, "limit=1").await.pop().unwrap_or_default()
}

/// An entry by the master key, as it has to be.
fn by_master(action: &str, rest: Value) -> Value {
    let mut entry = json!({
        "action": action, "actor": { "type": "master_key" }, "address": "127.0.0.1", "details": {}
    });
    for (key, value) in rest.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

/// Does something, and finds it noted when it is answered.
async fn noted(server: &Server, (method, path): (&str, &str), body: Value, action: &str, expected: Value) {
    server.master(method, path, body).await.ok();
    assert_eq!(newest(server).await, by_master(action, expected), "{method} {path}");
}

async fn new_room(server: &Server) -> String {
    let made = server.master("POST", ROOMS, json!({ "name": "live", "c": "ann" })).await.ok();
    made["objectId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rooms_and_roles_are_noted_with_the_answer() {
    let server = Server::start().await;
    let room = new_room(&server).await;
    let here = format!("{ROOMS}/{room}");
    let made = json!({ "room": room, "details": { "name": "live" } });
    assert_eq!(newest(&server).await, by_master("create_room", made));
    let fields = json!({ "attr.topic": "x", "name": "y" });
    let changed = json!({ "room": room, "details": { "changed": ["attr.topic", "name"] } });
    noted(&server, ("PUT", &here), fields, "update_room", changed).await;

    let on_bob = |details: Value| json!({ "room": room, "clients": ["bob"], "details": details });
    let infos = format!("{here}/member-infos");
    let given = server.master("POST", &infos, json!({ "clientId": "bob", "role": "Manager" })).await.ok();
    let row = format!("{infos}/{}", given["objectId"].as_str().unwrap());
    let expected = on_bob(json!({ "role": "Manager", "former": "Member" }));
    assert_eq!(newest(&server).await, by_master("give_role", expected));
    let expected = on_bob(json!({ "role": "Owner", "former": "Manager" }));
    noted(&server, ("PUT", &row), json!({ "role": "Owner" }), "give_role", expected).await;
    let expected = on_bob(json!({ "former": "Owner" }));
    noted(&server, ("DELETE", &row), NOBODY, "remove_role", expected).await;
    noted(&server, ("DELETE", &here), NOBODY, "delete_room", json!({ "room": room })).await;
    let theirs = server.ask(As::OtherMaster, "GET", AUDIT, NOBODY).await.ok();
    assert_eq!(theirs, json!({ "results": [] }), "apps are apart");
}

#[tokio::test]
async fn silence_and_blocks_are_noted_with_the_answer() {
    let server = Server::start().await;
    let room = new_room(&server).await;
    let both = json!({ "client_ids": ["bob", "cid"] });
    let on_both = |details: Value| json!({ "room": room, "clients": ["bob", "cid"], "details": details });
    let on_bob = |details: Value| json!({ "room": room, "clients": ["bob"], "details": details });
    let permanent = &*format!("{ROOMS}/{room}/permanent-silenceds");
    let temporary = &*format!("{ROOMS}/{room}/temporary-silenceds");
    let of_bob = &*format!("{temporary}?client_id=bob");
    let blacklists = &*format!("{ROOMS}/{room}/blacklists");
    let for_good = json!({ "lists": ["permanent"] });
    let for_a_minute = on_bob(json!({ "lists": ["temporary"], "until": 60 }));
    let ended = on_bob(json!({ "lists": ["temporary"] }));
    let minute = json!({ "client_id": "bob", "ttl": 60 });
    let old = json!({ "client_id": "bob", "conv_id": room, "ttl": 60 });
    let hour = json!({ "client_ids": ["bob"], "ttl": 3600 });
    let one = json!({ "client_ids": ["bob"] });
    noted(&server, ("POST", permanent), both.clone(), "silence", on_both(for_good.clone())).await;
    noted(&server, ("DELETE", permanent), both.clone(), "unsilence", on_both(for_good)).await;
    noted(&server, ("POST", temporary), minute, "silence", for_a_minute.clone()).await;
    noted(&server, ("DELETE", of_bob), NOBODY, "unsilence", ended).await;
    noted(&server, ("POST", "/1.1/rtm/conversation/blacklist"), old, "silence", for_a_minute).await;
    noted(&server, ("POST", blacklists), hour, "block", on_bob(json!({ "until": 3600 }))).await;
    noted(&server, ("POST", blacklists), one, "block", on_bob(json!({}))).await;
    noted(&server, ("DELETE", blacklists), both, "unblock", on_both(json!({}))).await;
}

#[tokio::test]
async fn kicks_and_bans_are_noted_with_the_answer() {
    let server = Server::start().await;
    let on_bob = |details: Value| json!({ "clients": ["bob"], "details": details });
    let kick = ("POST", "/1.2/rtm/clients/bob/kick");
    noted(&server, kick, json!({ "reason": "bye" }), "kick", on_bob(json!({ "reason": "bye" }))).await;
    let kick = ("POST", "/1.1/rtm/client/kick");
    noted(&server, kick, json!({ "client_id": "bob" }), "kick", on_bob(json!({ "reason": null }))).await;
    let ban = ("POST", "/1.2/rtm/bans");
    let body = json!({ "client_id": "bob", "ttl": 60, "reason": "spam" });
    noted(&server, ban, body, "ban", on_bob(json!({ "until": 60, "reason": "spam" }))).await;
    noted(&server, ("DELETE", "/1.2/rtm/bans?client_id=bob"), NOBODY, "unban", on_bob(json!({}))).await;
    let network = json!({ "address": "192.0.2.0/24" });
    let banned = json!({ "details": { "address": "192.0.2.0/24", "reason": null } });
    noted(&server, ban, network.clone(), "ban", banned).await;
    let unban = ("DELETE", "/1.2/rtm/bans?address=192.0.2.0/24");
    noted(&server, unban, NOBODY, "unban", json!({ "details": network })).await;
}

#[tokio::test]
async fn what_happens_to_messages_and_words_is_noted_with_the_answer() {
    let server = Server::start().await;
    let room = new_room(&server).await;
    let messages = format!("{ROOMS}/{room}/messages");
    let sent = json!({ "from_client": "bob", "message": "hello" });
    let sent = server.master("POST", &messages, sent).await.ok();
    let id = sent["msg-id"].as_str().unwrap();
    assert_eq!(newest(&server).await["action"], "create_room", "to send is no administrative act");
    let message = &*format!("{messages}/{id}");
    let expected = json!({ "room": room, "message": id, "clients": ["bob"] });
    let edit = json!({ "from_client": "bob", "message": "changed" });
    noted(&server, ("PUT", message), edit, "edit_message", expected.clone()).await;
    let (recall, author) = (&*format!("{message}/recall"), json!({ "from_client": "bob" }));
    noted(&server, ("PUT", recall), author, "recall_message", expected.clone()).await;
    let delete = &*format!("{message}?from_client=bob");
    noted(&server, ("DELETE", delete), NOBODY, "delete_message", expected).await;

    server.ask_raw(As::Master, "PUT", "/1.2/rtm/words", "fool\nfoe\n").await.ok();
    assert_eq!(newest(&server).await, by_master("set_words", json!({ "details": { "words": 2 } })));
    noted(&server, ("DELETE", "/1.2/rtm/words"), NOBODY, "remove_words", json!({})).await;
}

#[tokio::test]
async fn what_was_refused_or_found_nothing_is_no_act() {
    let server = Server::start().await;
    for (method, path, body) in [
        ("DELETE", "/1.2/rtm/bans?client_id=bob", NOBODY),
        ("DELETE", "/1.2/rtm/words", NOBODY),
        ("DELETE", "/1.2/rtm/chatrooms/none", NOBODY),
        ("PUT", "/1.2/rtm/chatrooms/none", json!({ "name": "x" })),
        ("POST", "/1.2/rtm/chatrooms/none/blacklists", json!({ "client_ids": ["bob"] })),
        ("POST", "/1.2/rtm/chatrooms/none/member-infos", json!({ "clientId": "bob", "role": "Manager" })),
        ("PUT", "/1.2/rtm/chatrooms/none/messages/none/recall", json!({ "from_client": "bob" })),
    ] {
        assert_eq!(server.master(method, path, body).await.status, 404, "{method} {path}");
    }
    assert_eq!(entries(&server, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_moderators_act_over_the_socket_has_her_id_role_and_address() {
    let server = Server::start_with("", PROXIED).await;
    let (_ann, _, room) = room_with(&server, "ann").await;
    let infos = format!("{ROOMS}/{room}/member-infos");
    server.master("POST", &infos, json!({ "clientId": "mia", "role": "Manager" })).await.ok();
    // A line more, as a proxy adds it.
    let raw = Raw::connect(server.address, "lc.protobuf2.3\r\nX-Forwarded-For: 192.0.2.7").await;
    let mut mia = Guest::over(raw, "mia", Format::Binary);
    mia.open(Open::default()).await;
    let clients = vec!["ann".to_owned(), "x".repeat(65)];
    for (restriction, action, details) in [
        (Restriction::Silence, "silence", json!({ "lists": ["permanent"] })),
        (Restriction::Block, "block", json!({})),
    ] {
        let ask = Ask::Impose { clients: clients.clone(), signature: None };
        mia.ask(Command::Moderate(Box::new(Moderate { room: room.clone(), restriction, ask }))).await;
        let expected = json!({
            "action": action, "room": room.as_str(), "clients": ["ann"],
            "actor": { "type": "client", "client_id": "mia", "role": "Manager" },
            "address": "192.0.2.7", "details": details,
        });
        assert_eq!(
            newest(&server).await,
            expected,
            "those that it reached: no word of the one that is no client id"
        );
    }
    let lift = |room: &RoomId| {
        let ask = Ask::Lift { clients: vec!["ann".to_owned()], signature: None };
        Command::Moderate(Box::new(Moderate { room: room.clone(), restriction: Restriction::Silence, ask }))
    };
    mia.ask(lift(&room)).await;
    let lifted = newest(&server).await;
    assert_eq!(
        (&lifted["action"], &lifted["details"]),
        (&json!("unsilence"), &json!({ "lists": ["permanent", "temporary"] }))
    );
    // What she may not do is no act, and neither is what clients do with rooms of their own.
    let before = entries(&server, "").await.len();
    let mut bob = Guest::log_in(server.address, "bob").await.0;
    bob.ask(lift(&room)).await;
    bob.create().await;
    assert_eq!(entries(&server, "").await.len(), before);
    assert_eq!(entries(&server, "actor=client:mia").await.len(), 3);
    assert_eq!(entries(&server, "actor=client:mia&action=block&client=ann").await.len(), 1);
}

#[tokio::test]
async fn whoever_uses_the_apps_key_is_told_apart() {
    let server = Server::start_with("rooms_by_key = \"change\"", "").await;
    let class = "/1.1/classes/_Conversation";
    let fields = json!({ "tr": true, "name": "open", "ACL": { "*": { "read": true, "write": true } } });
    let made = server.ask(As::App, "POST", class, fields).await.ok();
    let path = format!("{class}/{}", made["objectId"].as_str().unwrap());
    server.ask(As::App, "PUT", &path, json!({ "name": "other" })).await.ok();
    let request = json!({ "method": "DELETE", "path": path });
    server.ask(As::App, "POST", "/1.1/batch", json!({ "requests": [request] })).await.ok();
    server.master("POST", class, json!({ "tr": true })).await.ok();
    let acts: Vec<Value> = entries(&server, "actor=app_key").await;
    let actions: Vec<_> = acts.iter().map(|act| act["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["delete_room", "update_room", "create_room"]);
    assert!(
        acts.iter().all(|act| act["actor"] == json!({ "type": "app_key" }) && act["address"] == "127.0.0.1")
    );
    assert_eq!(entries(&server, "actor=master_key").await.len(), 1);
}

#[tokio::test]
async fn a_lock_out_is_noted_once() {
    let server = Server::start_with("", PROXIED).await;
    for number in 0..25 {
        let guess = format!("X-LC-Id: {APP}\r\nX-LC-Key: guess-{number},master\r\n");
        server.ask(As::Headers(&guess), "GET", ROOMS, NOBODY).await;
    }
    // The right key is not looked at from here, either.
    server.master("GET", AUDIT, NOBODY).await.refused(429, 429);
    let expected = json!({
        "action": "lock_out", "actor": { "type": "nobody" },
        "address": "127.0.0.1", "details": { "key": "master" },
    });
    assert_eq!(entries(&server, "").await, [expected]);
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let server = Server::start().await;
    for number in 0..25 {
        let body = json!({ "name": format!("room {number}") });
        server.master("POST", ROOMS, body).await.ok();
        if number % 3 == 0 {
            server.clock.jump(60_000);
        }
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.master("GET", &format!("{AUDIT}?limit=10&next={next}"), NOBODY).await.ok();
        let names = page["results"].as_array().unwrap().iter();
        seen.extend(names.map(|entry| entry["details"]["name"].as_str().unwrap().to_owned()));
        // What happens meanwhile comes before, and moves nothing.
        server.master("POST", ROOMS, json!({ "name": "later" })).await.ok();
        match page["next"].as_str() {
            Some(place) => place.clone_into(&mut next),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|number| format!("room {number}")).collect();
    assert_eq!(seen, expected);

    let from = START + 60_000;
    let counted = entries(&server, &format!("from={from}&till={}", from + 59_999)).await.len();
    assert_eq!(counted, 3, "those of one minute");
    let dates = "from=2027-01-15T08:01:00Z&till=2027-01-15T09:01:59.999%2B01:00";
    assert_eq!(entries(&server, dates).await.len(), 3);
}

#[tokio::test]
async fn a_question_has_to_be_what_was_meant() {
    let server = Server::start().await;
    for query in [
        "form=1",
        "limit=-1",
        "limit=x",
        "from=yesterday",
        "till=2027-01-01",
        "actor=ann",
        "actor=client:",
        "action=dance",
        "next=1",
        "next=-",
        "next=1-x",
        "next=x-1",
        "client=",
        "room=a&room=b",
    ] {
        let words = server.master("GET", &format!("{AUDIT}?{query}"), NOBODY).await.refused(400, 400);
        assert!(!words.contains("sql") && !words.contains("SELECT"), "{query}: {words}");
    }
    for query in [
        "limit=0",
        "limit=4000000000",
        "next=",
        "room=%27%3B--",
        "client=%27%20OR%201%3D1",
        "actor=client:%25",
    ] {
        assert_eq!(
            server.master("GET", &format!("{AUDIT}?{query}"), NOBODY).await.ok(),
            json!({ "results": [] })
        );
    }
    for who in [As::App, As::Nobody, As::Headers("X-LC-Id: test-app\r\nX-LC-Key: test-master\r\n")] {
        server.ask(who, "GET", AUDIT, NOBODY).await.refused(401, 401);
    }
    assert_eq!(
        server.ask_raw(As::Master, "DELETE", AUDIT, "").await.status,
        405,
        "nobody can take anything out"
    );
}

/// Names that try to be more than data: they come back as they were, and as one entry.
#[tokio::test]
async fn names_are_data() {
    let server = Server::start().await;
    for name in [
        "a\nb",
        "\r\n\r\nHTTP/1.1 200 OK",
        "\"},{\"action\":\"kick",
        "\u{1b}[2J",
        "\u{202e}nna",
        "%n%s",
        "'; --",
    ] {
        let body = json!({ "client_id": name, "reason": name });
        server.master("POST", "/1.2/rtm/bans", body).await.ok();
        let head = format!(
            "GET {AUDIT}?limit=1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-LC-Id: {APP}\r\n\
             X-LC-Key: {MASTER_KEY},master\r\n\r\n"
        );
        let answer = server.send(head.as_bytes()).await.ok();
        assert_eq!(answer["results"][0]["clients"], json!([name]));
        assert_eq!(answer["results"][0]["details"]["reason"], name);
        assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    }
}

/// What cannot be noted is done all the same: its answer is a success, and it holds.
#[tokio::test]
async fn an_act_stands_when_it_cannot_be_noted() {
    let server = Server::start().await;
    let database = rusqlite::Connection::open(server.data.path().join("grandstand.db")).unwrap();
    let refuse = "CREATE TRIGGER refuses BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no place'); END";
    database.execute_batch(refuse).unwrap();
    let ban = json!({ "client_id": "bob" });
    server.master("POST", "/1.2/rtm/bans", ban.clone()).await.ok();
    assert_eq!(entries(&server, "").await, Vec::<Value>::new());
    let mut bob = Guest::connect(server.address, "bob").await;
    let opened = bob.ask(Command::Open(Box::default())).await;
    assert!(matches!(&opened, Event::Failed { fault } if fault.is(Code::Blacklisted)), "{opened:?}");

    database.execute_batch("DROP TRIGGER refuses").unwrap();
    server.master("POST", "/1.2/rtm/bans", ban).await.ok();
    assert_eq!(newest(&server).await["action"], "ban", "and then it is noted again");
}
