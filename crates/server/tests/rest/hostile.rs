//! Whatever is sent to the calls of messages and clients: an answer in JSON, and never that the server failed.

use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    messages::NOBODY,
    server::{APP, Server},
};

const REQUESTS: usize = 2000;

/// Methods and paths, where {} stands for the room and {mid} for a message that is there.
const CALLS: [(&str, &str); 16] = [
    ("POST", "/1.2/rtm/chatrooms/{}/messages"),
    ("GET", "/1.2/rtm/chatrooms/{}/messages"),
    ("PUT", "/1.2/rtm/chatrooms/{}/messages/{mid}"),
    ("PUT", "/1.2/rtm/chatrooms/{}/messages/{mid}/recall"),
    ("DELETE", "/1.2/rtm/chatrooms/{}/messages/{mid}"),
    ("GET", "/1.2/rtm/messages"),
    ("GET", "/1.2/rtm/clients/host/messages"),
    ("POST", "/1.2/rtm/clients/check-online"),
    ("POST", "/1.2/rtm/clients/host/kick"),
    ("POST", "/1.1/rtm/messages"),
    ("GET", "/1.1/rtm/messages/history"),
    ("PUT", "/1.1/rtm/messages/logs"),
    ("DELETE", "/1.1/rtm/messages/logs"),
    ("PUT", "/1.1/rtm/patch/message"),
    ("POST", "/1.1/rtm/online"),
    ("POST", "/1.1/rtm/client/kick"),
];

const NAMES: [&str; 22] = [
    "from_client",
    "from_peer",
    "from",
    "message",
    "data",
    "timestamp",
    "conv_id",
    "conv-id",
    "convid",
    "msg_id",
    "msg-id",
    "msgid",
    "limit",
    "priority",
    "transient",
    "recall",
    "bin",
    "client_ids",
    "peers",
    "client_id",
    "reason",
    "max_ts",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["host", "ROOM", "MID", "high", "true", "1", "0", "", "'; DROP TABLE messages; --", "%00", "\u{0}"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => "\\PC{0,80}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Fields of a body or a query; many of the right name.
fn fields() -> impl Strategy<Value = Vec<(String, Value)>> {
    let name = prop_oneof![9 => select(NAMES.to_vec()).prop_map(str::to_owned), 1 => text()];
    prop::collection::vec((name, value()), 0..7)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn nothing_makes_the_server_fail() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let first = json!({ "from_client": "host", "message": "hello" });
    let sent = server.master("POST", &path, first).await.ok();
    let known = |text: String| match text.as_str() {
        "ROOM" => room.to_string(),
        "MID" => sent["msg-id"].as_str().unwrap().to_owned(),
        _ => text,
    };
    let mut runner = TestRunner::new(Config::default());
    let (mut done, mut refused) = (0, 0);
    for n in 0..REQUESTS {
        let (method, path) = CALLS[n % CALLS.len()];
        let path = path.replace("{mid}", sent["msg-id"].as_str().unwrap()).replace("{}", room.as_str());
        let fields = fields().new_tree(&mut runner).unwrap().current();
        let fields = fields.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, Value::from(known(text))),
            other => (name, other),
        });
        let (path, body) = match method {
            "GET" | "DELETE" => {
                let pairs = fields.map(|(name, value)| {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    format!("{}={}", encoded(&name), encoded(&text))
                });
                (format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")), NOBODY)
            }
            _ => (path, fields.collect()),
        };
        let answer = server.master(method, &path, body.clone()).await;
        assert!(answer.status < 500, "{method} {path} {body}: {answer:?}");
        if answer.status == 200 {
            done += 1;
        } else {
            refused += 1;
            let words = answer.body["error"].as_str().unwrap_or_else(|| panic!("words: {answer:?}"));
            assert!(answer.body["code"].is_i64() && words.chars().count() < 600, "{answer:?}");
            assert!(!words.to_ascii_lowercase().contains("select"), "{words}");
        }
    }
    assert!(done > 100 && refused > 500, "both kinds were met: {done} done, {refused} refused");
    // And what was there is as it should be: every message is a whole one.
    server.master("GET", &format!("{path}?limit=1000"), NOBODY).await.ok();
}

#[tokio::test]
async fn keys_are_taken_in_every_form() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let by_master = "X-LC-Id: test-app\r\nX-LC-Sign: MASTER,1800000000000,master\r\n";
    let master = md5("1800000000000test-master");
    let app = md5("1800000000000test-key");
    for (lines, status) in [
        (by_master.replace("MASTER", &master), 200),
        (by_master.replace("MASTER", &master.to_uppercase()), 200),
        (by_master.replace("MASTER", &app), 401),
        (format!("X-LC-Id: test-app\r\nX-LC-Sign: {app},1800000000000\r\n"), 401),
        ("X-AVOSCloud-Application-Id: test-app\r\nX-AVOSCloud-Master-Key: test-master\r\n".to_owned(), 200),
        ("X-Uluru-Application-Id: test-app\r\nX-Uluru-Master-Key: test-master\r\n".to_owned(), 200),
        ("X-LC-Id: test-app\r\nX-LC-Key: test-master\r\n".to_owned(), 401),
    ] {
        let answer = server.ask(crate::server::As::Headers(&lines), "GET", &path, NOBODY).await;
        assert_eq!(answer.status, status, "{lines}");
    }
}

fn md5(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
