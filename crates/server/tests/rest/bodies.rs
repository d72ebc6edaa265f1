//! Every call with a JSON body, as the OpenAPI document lists them: unknown fields, depth, size and form. A call that is
//! new is tested as soon as it is described.

use std::{fmt::Write, time::Duration};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    description::{document, operations, resolved},
    server::{APP, As, KEY, MASTER_KEY, Server},
};

/// Calls with fields that nobody can foresee, and why.
const OPEN: [(&str, &str); 7] = [
    ("POST /1.2/rtm/chatrooms", "fields of a room"),
    ("PUT /1.2/rtm/chatrooms/{room}", "fields of a room"),
    ("PUT /1.2/rtm/conversations/{room}", "fields of a room"),
    ("POST /1.1/classes/_Conversation", "fields of a room"),
    ("PUT /1.1/classes/_Conversation/{room}", "fields of a room"),
    ("PUT /1.1/rtm/messages/logs", "an item of history goes back as it came"),
    ("POST /1.1/rtm/sign", "SDKs write it"),
];

/// Calls whose answer may take more than 64 KiB of questions, and how much.
const LARGER: [(&str, usize); 1] = [("POST /1.1/batch", 256 * 1024)];

/// What a room has and nobody sets.
const RESERVED: [&str; 12] = [
    "objectId",
    "createdAt",
    "updatedAt",
    "lm",
    "m",
    "mu",
    "sys",
    "temp",
    "unique",
    "tr",
    "conv_type",
    "__proto__.objectId",
];

/// A call with a JSON body.
struct Call {
    method: String,
    /// As described.
    path: String,
    is_open: bool,
    /// The least that it takes.
    body: Map<String, Value>,
}

impl Call {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Its path in a room that is there.
    fn target(&self, room: &str) -> String {
        let parts = self.path.split('/').map(|part| match part {
            "{room}" => room,
            part if part.starts_with('{') => "any",
            part => part,
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn limit(&self) -> usize {
        LARGER.iter().find(|(name, _)| *name == self.name()).map_or(64 * 1024, |(_, limit)| *limit)
    }
}

fn calls(document: &Value) -> Vec<Call> {
    let described = operations(document).into_iter().filter_map(|(method, path, operation)| {
        let body = resolved(document, operation.get("requestBody")?);
        let schema = resolved(document, body["content"].get("application/json")?.get("schema")?);
        let method = method.to_ascii_uppercase();
        let schemas: Vec<&Value> = match schema["allOf"].as_array() {
            Some(all) => all.iter().map(|schema| resolved(document, schema)).collect(),
            None => vec![schema],
        };
        let mut says = schemas.iter().filter_map(|schema| schema["additionalProperties"].as_bool());
        let is_open =
            says.next_back().unwrap_or_else(|| panic!("{method} {path}: which fields may there be?"));
        let required = schemas.iter().flat_map(|schema| {
            let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.map(|name| (name.to_owned(), least(resolved(document, &schema["properties"][name]))))
        });
        Some(Call { method, path: path.to_owned(), is_open, body: required.collect() })
    });
    described.collect()
}

/// A value that fits a schema.
fn least(schema: &Value) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind.unwrap_or_default() {
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        "array" => json!([]),
        "object" => json!({}),
        _ => json!("any"),
    }
}

async fn described() -> (Server, String, Vec<Call>) {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let calls = calls(&document().await);
    assert!(calls.len() > 30, "{} calls have a body", calls.len());
    (server, room.to_string(), calls)
}

#[tokio::test]
async fn a_mistyped_name_is_named_in_the_refusal() {
    let (server, room, calls) = described().await;
    let open: Vec<String> = calls.iter().filter(|call| call.is_open).map(Call::name).collect();
    let mut known: Vec<String> = OPEN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut found = open.clone();
    known.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, known, "whoever takes anything says why");
    for call in calls.iter().filter(|call| !call.is_open) {
        let mut body = call.body.clone();
        body.insert("form_client".to_owned(), json!("ann"));
        let answer = server.master(&call.method, &call.target(&room), body.into()).await;
        assert!(answer.refused(400, 400).contains("unknown field `form_client`"), "{}", call.name());
    }
}

#[tokio::test]
async fn what_only_the_server_fills_is_not_written() {
    let (server, room, calls) = described().await;
    let path = format!("/1.2/rtm/chatrooms/{room}");
    let before = server.master("GET", &path, Value::Null).await.ok();
    for call in calls.iter().filter(|call| OPEN.contains(&(&call.name(), "fields of a room"))) {
        for name in RESERVED {
            for value in [json!("forged"), json!(["forged"]), json!({ "__op": "Add", "objects": ["forged"] })]
            {
                let mut body = call.body.clone();
                body.insert(name.to_owned(), value);
                let what = format!("{} {body:?}", call.name());
                let answer = server.master(&call.method, &call.target(&room), body.into()).await;
                // Lists of members are passed over where a room is made: old back ends send them.
                let is_list = ["m", "mu"].contains(&name);
                assert!(answer.status == 400 || (is_list && answer.status < 300), "{what}: {answer:?}");
                if let Some(id) = answer.body["objectId"].as_str() {
                    let made = server.master("GET", &format!("/1.2/rtm/chatrooms/{id}"), Value::Null).await;
                    assert!(!made.ok().to_string().contains("forged"), "{what}");
                }
            }
        }
    }
    assert_eq!(server.master("GET", &path, Value::Null).await.ok(), before);
}

#[tokio::test]
async fn bodies_that_are_too_deep_or_of_another_form_are_refused() {
    let (server, room, calls) = described().await;
    for call in &calls {
        let target = call.target(&room);
        for (levels, kind) in [(33, "[]"), (100_000, "{}"), (1_000_000, "[]")] {
            // As much as the body may have, so that depth is what it is refused for.
            let levels = levels.min(call.limit() / 8);
            let body = match kind {
                "[]" => format!("{{\"x\":{}1{}}}", "[".repeat(levels), "]".repeat(levels)),
                _ => format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)),
            };
            let answer = server.ask_raw(As::Master, &call.method, &target, &body).await;
            assert!(answer.refused(400, 400).contains("32 levels"), "{}", call.name());
        }
        for body in ["[]", "1", "null", "\"text\"", "{", "{\"a\":1}}", "{'a':1}", "\u{feff}{}", "NaN"] {
            let answer = server.ask_raw(As::Master, &call.method, &target, body).await;
            let words = answer.refused(400, 400);
            assert!(words.contains("the body is not"), "{} {body}: {words}", call.name());
        }
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_before_they_are_read() {
    let (server, room, calls) = described().await;
    for call in &calls {
        let (target, limit) = (call.target(&room), call.limit());
        let filled = |size: usize| format!("{{\"x\":\"{}\"}}", "y".repeat(size - 8));
        let answer = server.ask_raw(As::Master, &call.method, &target, &filled(limit + 1)).await;
        answer.refused(413, 413);
        let answer = server.ask_raw(As::Master, &call.method, &target, &filled(limit)).await;
        assert_ne!(answer.status, 413, "{}", call.name());
        // A length that is announced is enough to be refused for, and one that is not is counted.
        for (announced, sent) in [
            (format!("Content-Length: {}", u64::MAX / 2), String::new()),
            ("Transfer-Encoding: chunked".to_owned(), chunks(limit)),
        ] {
            let request = format!(
                "{} {target} HTTP/1.1\r\nHost: here\r\nX-LC-Id: {APP}\r\nX-LC-Key: {MASTER_KEY},master\r\n\
                 Content-Type: application/json\r\n{announced}\r\n\r\n{sent}",
                call.method
            );
            assert_eq!(first_status(&server, &request).await, 413, "{} {announced}", call.name());
        }
    }
}

/// More than the limit, without an end.
fn chunks(limit: usize) -> String {
    let mut text = String::new();
    for _ in 0..=limit / 8192 {
        write!(text, "2000\r\n{}\r\n", " ".repeat(8192)).unwrap();
    }
    text
}

/// The answer to a request that goes on and on.
async fn first_status(server: &Server, request: &str) -> u16 {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = [0; 12];
    timeout(Duration::from_secs(10), stream.read_exact(&mut line)).await.expect("an answer").unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn strangers_bodies_are_not_looked_at() {
    let (server, room, calls) = described().await;
    let wrong = format!("X-LC-Id: {APP}\r\nX-LC-Key: {KEY},master\r\n");
    let deep = format!("{}1{}", "[".repeat(40_000), "]".repeat(40_000));
    // Wrong keys are looked at only so often.
    for (call, who) in calls
        .iter()
        .take(15)
        .map(|call| (call, As::Headers(&wrong)))
        .chain(calls.iter().map(|call| (call, As::Nobody)))
    {
        let answer = server.ask_raw(who, &call.method, &call.target(&room), &deep).await;
        assert_eq!(answer.status, 401, "{}", call.name());
    }
}
