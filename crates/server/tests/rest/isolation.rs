//! Apps cannot see each other: with one app's keys and another's ids, every call that the OpenAPI document lists shows
//! nothing of the other app and changes nothing there. The same over the socket.

use grandstand_protocol::{
    Bound, Command, ConversationQuery, Direction, Event, HistoryRequest, Level, Mentions, Open, PatchRequest,
    RoomId, Token,
};
use serde_json::{Map, Value, json};

use crate::{
    description::{document, operations, parameters, resolved},
    guest::{Guest, message},
    messages::NOBODY,
    server::{APP, As, OTHER_APP, Server},
};

/// Stands in all that the first app has and the other must not learn.
const SECRET: &str = "secret";

const OTHER_KEY: &str = "X-LC-Id: other-app\r\nX-LC-Key: other-key\r\n";

/// The ids of what the first app has: the other knows them.
struct Known {
    room: String,
    message: String,
    row: String,
    timestamp: i64,
}

/// A client that the other app also knows by name.
const TARGET: &str = "target";

/// The first app with something of everything.
async fn with_secrets(server: &Server) -> (Known, Guest, Token) {
    let fields = json!({ "name": "secret-name", "attr": { "topic": "secret-topic" }, "c": "secret-creator" });
    let made = server.master("POST", "/1.2/rtm/chatrooms", fields).await.ok();
    let room = made["objectId"].as_str().unwrap().to_owned();
    let path = format!("/1.2/rtm/chatrooms/{room}");
    let (mut guest, token) = Guest::log_in(server.address, TARGET).await;
    guest.join(&room.as_str().into()).await;
    let at = |what: &str| format!("{path}/{what}");
    let mut sent = Value::Null;
    for from in ["secret-sender", TARGET] {
        let message = json!({ "from_client": from, "message": "a secret-text" });
        sent = server.master("POST", &at("messages"), message).await.ok();
    }
    let role = json!({ "clientId": TARGET, "role": "Manager" });
    let row = server.master("POST", &at("member-infos"), role).await.ok();
    let one = |client: &str| json!({ "client_ids": [client] });
    for (method, path, body) in [
        ("POST", at("member-infos"), json!({ "clientId": "secret-manager", "role": "Manager" })),
        ("POST", at("permanent-silenceds"), one("secret-silenced")),
        ("POST", at("temporary-silenceds"), json!({ "client_id": "secret-quiet", "ttl": 3600 })),
        ("POST", at("blacklists"), one("secret-blocked")),
        (
            "POST",
            "/1.2/rtm/bans".to_owned(),
            json!({ "client_id": "secret-banned", "reason": "secret-reason" }),
        ),
        ("POST", "/1.2/rtm/bans".to_owned(), json!({ "address": "192.0.2.7", "reason": "secret-address" })),
        ("POST", format!("/1.2/rtm/clients/{TARGET}/blacklists"), json!({ "conv_id": room })),
    ] {
        server.master(method, &path, body).await.ok();
    }
    server.ask_raw(As::Master, "PUT", "/1.2/rtm/words", "secret-word\n").await.ok();
    let met = json!({ "from_client": TARGET, "message": "with a secret-word in it" });
    server.master("POST", &at("messages"), met).await.ok();
    let known = Known {
        room,
        message: sent["msg-id"].as_str().unwrap().to_owned(),
        row: row["objectId"].as_str().unwrap().to_owned(),
        timestamp: sent["timestamp"].as_i64().unwrap(),
    };
    (known, guest, token)
}

/// A call with the ids in all the places where it has one.
struct Asking {
    method: String,
    path: String,
    target: String,
    body: Value,
}

impl Known {
    fn askings(&self, document: &Value) -> Vec<Asking> {
        let mut askings = Vec::new();
        for (method, path, operation) in operations(document) {
            let method = method.to_ascii_uppercase();
            let parts = path.split('/').map(|part| match part {
                "{room}" => &self.room,
                "{message}" => &self.message,
                "{row}" => &self.row,
                "{client}" => TARGET,
                part => part,
            });
            let bare = parts.collect::<Vec<_>>().join("/");
            let query = self.query(document, operation);
            let body = self.body(document, operation);
            let full = format!("{bare}?{query}");
            for target in if query.is_empty() { vec![bare] } else { vec![bare, full] } {
                askings.push(Asking {
                    method: method.clone(),
                    path: path.to_owned(),
                    target,
                    body: body.clone(),
                });
            }
        }
        askings
    }

    fn query(&self, document: &Value, operation: &Value) -> String {
        let named = parameters(document, operation).filter(|parameter| parameter["in"] == "query");
        let pairs = named.filter_map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            Some(format!("{name}={}", self.parameter(name)?))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// What a parameter can be that names something, or widens the answer.
    fn parameter(&self, name: &str) -> Option<String> {
        Some(match name {
            "where" => format!("%7B%22objectId%22:%22{}%22%7D", self.room),
            "room" | "cid" | "conv_id" | "convid" | "gid" => self.room.clone(),
            "client" | "client_id" | "from_client" | "from_peer" | "peerid" | "clientId" => TARGET.to_owned(),
            "message_id" | "msg_id" | "msg-id" => self.message.clone(),
            "address" => "192.0.2.7".to_owned(),
            "timestamp" => self.timestamp.to_string(),
            "count" => "1".to_owned(),
            "limit" => "100".to_owned(),
            _ => return None,
        })
    }

    fn body(&self, document: &Value, operation: &Value) -> Value {
        let Some(body) = operation.get("requestBody").map(|body| resolved(document, body)) else {
            return NOBODY;
        };
        let Some(json) = body["content"].get("application/json") else { return NOBODY };
        let schema = resolved(document, &json["schema"]);
        let mut fields = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let schema = resolved(document, schema);
            fields.insert(name.clone(), self.field(name, schema));
        }
        // Of two names for one thing, one is given.
        if fields.contains_key("address") {
            fields.remove("client_id");
        }
        fields.into()
    }

    fn field(&self, name: &str, schema: &Value) -> Value {
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
        match (name, kind) {
            ("conv-id", _) => json!(self.room),
            ("role", _) => json!("Member"),
            ("ttl", _) => json!(60),
            ("ACL", _) => json!({ "*": { "write": true } }),
            ("c", _) => json!("forged"),
            ("requests", _) => {
                let path = format!("/1.1/classes/_Conversation/{}", self.room);
                let part =
                    |method: &str| json!({ "method": method, "path": path, "body": { "name": "forged" } });
                json!([part("GET"), part("PUT"), part("DELETE")])
            }
            ("timestamp", _) => json!(self.timestamp),
            (_, "array") if name.contains("conv") => json!([self.room]),
            (_, "array") => json!([TARGET]),
            (_, "boolean") => json!(name == "recall"),
            (_, "integer" | "number") => json!(1),
            (_, "object") => json!({}),
            _ => self.parameter(name).map_or_else(|| json!("forged"), Value::from),
        }
    }
}

/// What the first app's back end sees of itself.
async fn seen(server: &Server, askings: &[Asking]) -> Vec<(String, u16, String)> {
    let mut seen = Vec::new();
    for asking in askings.iter().filter(|asking| asking.method == "GET") {
        let answer = server.master("GET", &asking.target, NOBODY).await;
        seen.push((asking.target.clone(), answer.status, without_since(&answer.text)));
    }
    seen
}

/// A trace reckons back when a session began, which comes out a millisecond earlier or later.
fn without_since(text: &str) -> String {
    let mut parts = text.split("\"since\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once('"').map_or("", |(_, rest)| rest))
}

/// Other pushes than messages.
fn notices(guest: &Guest) -> usize {
    guest.pushes.iter().filter(|told| !matches!(told.event, Event::Message(_))).count()
}

#[tokio::test]
async fn another_apps_keys_open_nothing() {
    let server = Server::start().await;
    let (known, mut guest, token) = with_secrets(&server).await;
    let askings = known.askings(&document().await);
    guest.say(&known.room.as_str().into(), Level::High, "there").await;
    let (told, before) = (notices(&guest), seen(&server, &askings).await);
    let telling: Vec<_> = before.iter().filter(|(_, _, text)| text.contains(SECRET)).collect();
    assert!(telling.len() > 20, "{} answers show secrets to whom they belong", telling.len());

    let token = format!("{OTHER_KEY}X-LC-IM-Session-Token: {}\r\n", token.text);
    let mut asked = 0;
    for who in [As::OtherMaster, As::Headers(OTHER_KEY), As::Headers(&token)] {
        for Asking { method, path, target, body } in &askings {
            // Without an upgrade this is no call.
            if ["/", "/ws"].contains(&path.as_str()) {
                continue;
            }
            let answer = server.ask(who, method, target, body.clone()).await;
            assert!(answer.status < 500, "{who:?} {method} {target} {body}: {answer:?}");
            assert!(!answer.text.contains("unknown field"), "every body is understood: {answer:?}");
            let shown = format!("{}{}", answer.head, answer.text);
            assert!(!shown.contains(SECRET), "{who:?} {method} {target} {body}: {answer:?}");
            asked += 1;
        }
    }
    assert!(asked > 300, "{asked} requests");

    let after = seen(&server, &askings).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    // The client of the first app is where it was, and heard of nothing.
    guest.say(&known.room.as_str().into(), Level::High, "still there").await;
    let path = format!("/1.2/rtm/chatrooms/{}/messages", known.room);
    server.master("POST", &path, json!({ "from_client": "host", "message": "the last" })).await.ok();
    assert_eq!(guest.hear_until("the last").await.len(), 2, "the first of its own app's messages, and this");
    assert_eq!(notices(&guest), told, "no notice, no change of the room: {:?}", guest.pushes);
}

#[tokio::test]
async fn another_apps_clients_see_nothing() {
    let server = Server::start().await;
    let (known, mut guest, token) = with_secrets(&server).await;
    let mut spy = Guest::connect(server.address, TARGET).await;
    spy.app = OTHER_APP;
    spy.open(Open::default()).await;
    let room = || RoomId::from(known.room.as_str());
    let (members, filter) = (vec![TARGET.to_owned()], Some(json!({ "objectId": known.room }).to_string()));
    let history = HistoryRequest {
        room: room(),
        limit: Some(100),
        start: Bound::default(),
        end: Bound::default(),
        direction: Direction::Old,
        lctype: None,
    };
    let recall = PatchRequest {
        room: room(),
        message: known.message.as_str().into(),
        timestamp: known.timestamp,
        recall: true,
        body: None,
        mentions: Mentions::default(),
    };
    for command in [
        Command::Join { room: room(), members: members.clone(), signature: None },
        Command::Send(Box::new(message(&room(), Level::High, "forged"))),
        Command::Count { room: room() },
        Command::Members { room: room(), limit: Some(100) },
        Command::IsMember { rooms: vec![room()] },
        Command::History(Box::new(history)),
        Command::Query(Box::new(ConversationQuery { filter, ..ConversationQuery::default() })),
        Command::Query(Box::default()),
        Command::Modify { patches: vec![recall] },
        Command::Update { room: room(), attributes: json!({ "name": "forged" }).to_string() },
        Command::SetRole { room: room(), client: TARGET.to_owned(), role: "Member".to_owned() },
        Command::Quit { room: room(), members, signature: None },
    ] {
        let what = format!("{command:?}");
        let answer = format!("{:?}", spy.ask(command).await);
        assert!(!answer.contains(SECRET) && !answer.contains(TARGET), "{what}: {answer}");
    }
    assert_eq!(server.node.online_count(&APP.into(), &room()), 1, "of one app only");
    // A session of the first app is none of the other's.
    let mut thief = Guest::connect(server.address, TARGET).await;
    thief.app = OTHER_APP;
    let open = Open { reopen: true, token: Some(token.text.clone()), ..Open::default() };
    let answer = thief.ask(Command::Open(Box::new(open))).await;
    assert!(matches!(answer, Event::Closed { .. } | Event::Failed { .. }), "{answer:?}");
    guest.say(&room(), Level::High, "still there").await;
    let path = format!("/1.2/rtm/chatrooms/{}/messages", known.room);
    let items = server.master("GET", &path, NOBODY).await.ok();
    assert_eq!(items.as_array().unwrap().len(), 4, "{items}");
    assert!(!items.to_string().contains("forged"), "{items}");
}
