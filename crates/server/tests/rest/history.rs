//! History over REST: every combination of its parameters, against a model written for clarity.

use grandstand::store::StoredMessage;
use grandstand_protocol::{Body, ClientId, Level, Mentions, MessageId, RoomId};
use grandstand_room::clock::Millis;
use serde_json::{Value, json};

use crate::{
    messages::NOBODY,
    server::{APP, As, START, Server},
};

/// The time of message 1; the others follow a second apart.
const FIRST: i64 = START - 1_000_000;

fn time(message: i64) -> i64 {
    FIRST + message * 1000
}

fn imported(id: &str, timestamp: i64, from: &str) -> StoredMessage {
    StoredMessage {
        number: 0,
        id: MessageId::from(id),
        timestamp: Millis(timestamp),
        from: from.to_owned(),
        session: None,
        level: Level::Normal,
        body: Body::Text(format!("text of {id}")),
        mentions: Mentions::default(),
        lctype: None,
        patched_at: None,
        recalled: false,
        address: None,
        audience: None,
    }
}

/// A room with messages 1 < 2 < 3 by "host".
async fn room(server: &Server) -> RoomId {
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let messages = (1..=3).map(|n| imported(&n.to_string(), time(n), "host")).collect();
    store(server, &room, messages).await;
    room
}

async fn store(server: &Server, room: &RoomId, messages: Vec<StoredMessage>) {
    let now = server.clock.wall();
    server.node.store.import_messages(&APP.into(), room, messages, now).await.unwrap();
}

async fn ids(server: &Server, path: &str) -> Vec<String> {
    let items = server.master("GET", path, NOBODY).await.ok();
    let items = items.as_array().unwrap_or_else(|| panic!("an array: {items}"));
    items.iter().map(|item| item["msg-id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_examples_of_the_table() {
    let server = Server::start().await;
    let room = room(&server).await;
    let (one, three) = (time(1), time(3));
    let down = format!("timestamp={three}&till_timestamp={one}");
    let up = format!("reversed=true&timestamp={one}&till_timestamp={three}");
    for (query, expected) in [
        (down.clone(), vec!["2"]),
        (format!("{down}&include_start=true"), vec!["3", "2"]),
        (format!("{down}&include_stop=true"), vec!["2", "1"]),
        (format!("{down}&include_start=1&include_stop=1"), vec!["3", "2", "1"]),
        (up.clone(), vec!["2"]),
        (format!("{up}&include_start=true"), vec!["1", "2"]),
        (format!("{up}&include_stop=true"), vec!["2", "3"]),
        (String::new(), vec!["3", "2", "1"]),
        ("reversed=true".to_owned(), vec!["1", "2", "3"]),
        ("timestamp=&msgid=&limit=&till_timestamp=0&include_start=".to_owned(), vec!["3", "2", "1"]),
        ("limit=0".to_owned(), vec![]),
    ] {
        for path in [
            format!("/1.2/rtm/chatrooms/{room}/messages"),
            "/1.2/rtm/messages".to_owned(),
            "/1.2/rtm/clients/host/messages".to_owned(),
        ] {
            assert_eq!(ids(&server, &format!("{path}?{query}")).await, expected, "{path}?{query}");
        }
    }
}

/// The table in its own words: from where reading begins to where it ends, and how many.
fn model(page: &Asked) -> Vec<String> {
    let mut messages = vec![1, 2, 3];
    if !page.reversed {
        messages.reverse();
    }
    // Before: nearer to where reading begins.
    let before = |a: i64, b: i64| if page.reversed { a < b } else { a > b };
    messages.retain(|n| match page.start {
        None => true,
        Some(start) => before(start, *n) || (page.include_start && start == *n),
    });
    messages.retain(|n| match page.end {
        None => true,
        Some(end) => before(*n, end) || (page.include_stop && end == *n),
    });
    messages.truncate(page.limit.unwrap_or(100));
    messages.into_iter().map(|n| n.to_string()).collect()
}

#[derive(Debug)]
struct Asked {
    start: Option<i64>,
    end: Option<i64>,
    by_id: bool,
    include_start: bool,
    include_stop: bool,
    reversed: bool,
    limit: Option<usize>,
}

impl Asked {
    fn query(&self) -> String {
        let mut query = format!(
            "include_start={}&include_stop={}&reversed={}",
            self.include_start, self.include_stop, self.reversed
        );
        for (bound, prefix) in [(self.start, ""), (self.end, "till_")] {
            if let Some(bound) = bound {
                query.push_str(&format!("&{prefix}timestamp={}", time(bound)));
                if self.by_id {
                    query.push_str(&format!("&{prefix}msgid={bound}"));
                }
            }
        }
        if let Some(limit) = self.limit {
            query.push_str(&format!("&limit={limit}"));
        }
        query
    }
}

#[tokio::test]
async fn every_combination_of_the_table() {
    let server = Server::start().await;
    let room = room(&server).await;
    let bounds = [None, Some(1), Some(2), Some(3)];
    let mut checked = 0;
    for start in bounds {
        for end in bounds {
            for limit in [None, Some(1), Some(2)] {
                for bits in 0..16 {
                    let bit = |n: u32| bits >> n & 1 == 1;
                    let (by_id, include_start, include_stop, reversed) = (bit(0), bit(1), bit(2), bit(3));
                    let asked = Asked { start, end, by_id, include_start, include_stop, reversed, limit };
                    let path = format!("/1.2/rtm/chatrooms/{room}/messages?{}", asked.query());
                    assert_eq!(ids(&server, &path).await, model(&asked), "{asked:?}");
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 768);
}

#[tokio::test]
async fn ids_tell_messages_of_one_millisecond_apart() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let twins = ["a", "b", "c", "d"].map(|id| imported(id, FIRST, "host")).to_vec();
    store(&server, &room, twins).await;
    for path in [format!("/1.2/rtm/chatrooms/{room}/messages"), "/1.2/rtm/messages".to_owned()] {
        for (query, expected) in [
            (format!("timestamp={FIRST}&msgid=c"), vec!["b", "a"]),
            (format!("timestamp={FIRST}&msgid=c&till_timestamp={FIRST}&till_msgid=a"), vec!["b"]),
            (format!("timestamp={FIRST}&msgid=b&reversed=true"), vec!["c", "d"]),
            (format!("timestamp={FIRST}"), vec![]),
            (format!("timestamp={FIRST}&include_start=true"), vec!["d", "c", "b", "a"]),
            // A message that is gone: its time stands for its place.
            (format!("timestamp={FIRST}&msgid=gone&include_start=true&limit=2"), vec!["d", "c"]),
        ] {
            assert_eq!(ids(&server, &format!("{path}?{query}")).await, expected, "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_or_as_many_as_asked_for_up_to_a_thousand() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let messages = (0..1001).map(|n| imported(&format!("{n}"), time(n), "host")).collect();
    store(&server, &room, messages).await;
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    for (limit, expected) in [("", 100), ("limit=7", 7), ("limit=1000", 1000), ("limit=5000", 1000)] {
        let found = ids(&server, &format!("{path}?{limit}")).await;
        assert_eq!((found.len(), found[0].as_str()), (expected, "1000"), "{limit}");
    }
    assert_eq!(ids(&server, "/1.2/rtm/messages?limit=99999999999999").await.len(), 1000);
}

#[tokio::test]
async fn an_item_says_where_a_message_is_from() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let binary =
        StoredMessage { body: Body::Binary(vec![0, 159, 146].into()), ..imported("b", FIRST, "ann") };
    store(&server, &room, vec![binary]).await;
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let message = json!({ "from_client": "host", "message": "hello" });
    let sent = server.master("POST", &path, message).await.ok();
    let expected = json!([
        {
            "timestamp": sent["timestamp"], "conv-id": room.as_str(), "data": "hello", "from": "host",
            "msg-id": sent["msg-id"], "is-conv": true, "is-room": false, "to": room.as_str(), "bin": false,
            "from-ip": "127.0.0.1", "priority": "normal",
        },
        {
            "timestamp": FIRST, "conv-id": room.as_str(), "data": "AJ+S", "from": "ann", "msg-id": "b",
            "is-conv": true, "is-room": false, "to": room.as_str(), "bin": true, "priority": "normal",
        },
    ]);
    assert_eq!(server.master("GET", &path, NOBODY).await.ok(), expected);
    assert_eq!(server.master("GET", "/1.2/rtm/messages", NOBODY).await.ok(), expected);
    let of_ann = server.master("GET", "/1.2/rtm/clients/ann/messages", NOBODY).await.ok();
    assert_eq!(of_ann, json!([expected[1]]));
}

#[tokio::test]
async fn items_tell_all_that_is_kept() {
    let server = Server::start().await;
    let room = server.node.ensure_room(&APP.into(), "a room").await.unwrap();
    let mentioning = StoredMessage {
        level: Level::High,
        mentions: Mentions { all: true, clients: vec!["ann".to_owned(), "bob".to_owned()] },
        ..imported("a", FIRST, "host")
    };
    let edited = StoredMessage { patched_at: Some(Millis(FIRST + 5)), ..imported("b", FIRST + 1, "host") };
    let named = Some(vec![ClientId::new("ann").unwrap()]);
    let recalled = StoredMessage {
        level: Level::Low,
        recalled: true,
        audience: named,
        ..imported("c", FIRST + 2, "host")
    };
    store(&server, &room, vec![mentioning, edited, recalled]).await;
    let items = server.master("GET", "/1.2/rtm/messages?reversed=true", NOBODY).await.ok();
    let told: Vec<Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let names =
                ["priority", "mention-all", "mention-client-ids", "patch-timestamp", "recalled", "audience"];
            names.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone()))).collect()
        })
        .collect();
    let expected = [
        json!({ "priority": "high", "mention-all": true, "mention-client-ids": ["ann", "bob"] }),
        json!({ "priority": "normal", "patch-timestamp": FIRST + 5 }),
        json!({ "priority": "low", "recalled": true, "audience": ["ann"] }),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let server = Server::start().await;
    let room = room(&server).await;
    let of_room = format!("/1.2/rtm/chatrooms/{room}/messages");
    for path in [of_room.as_str(), "/1.2/rtm/messages", "/1.2/rtm/clients/host/messages"] {
        for query in [
            "timestamp=yesterday",
            "timestamp=1.5",
            "timestamp=99999999999999999999",
            "till_timestamp=x",
            "limit=-1",
            "limit=ten",
            "include_start=maybe",
            "reversed=2",
            "msgid=1",
            "till_msgid=1",
            "timestamp=0&msgid=1",
            "timestamp=1&timestamp=2",
        ] {
            server.master("GET", &format!("{path}?{query}"), NOBODY).await.refused(400, 400);
        }
        // Times may be as far away as they like.
        for query in ["timestamp=-9223372036854775808", "timestamp=9223372036854775807&include_start=true"] {
            server.master("GET", &format!("{path}?{query}"), NOBODY).await.ok();
        }
        for who in [As::App, As::Nobody] {
            server.ask(who, "GET", path, NOBODY).await.refused(401, 401);
        }
    }
    server
        .master("GET", &format!("/1.2/rtm/clients/{}/messages", "x".repeat(65)), NOBODY)
        .await
        .refused(400, 400);
}

#[tokio::test]
async fn apps_do_not_see_each_others_messages() {
    let server = Server::start().await;
    room(&server).await;
    for path in ["/1.2/rtm/messages", "/1.2/rtm/clients/host/messages", "/1.1/rtm/messages/history"] {
        assert_eq!(ids(&server, path).await.len(), 3, "{path}");
        let found: Value = server.ask(As::OtherMaster, "GET", path, NOBODY).await.ok();
        assert_eq!(found, json!([]), "{path}");
    }
}
