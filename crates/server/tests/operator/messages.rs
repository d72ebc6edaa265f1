//! `message`: sent and recalled.

use grandstand_protocol::{Body, Event, RoomId};
use serde_json::{Value, json};

use crate::{
    desk::{Desk, run},
    guest::Guest,
};

#[tokio::test]
async fn a_message_is_sent_and_recalled() {
    let desk = Desk::open();
    let room = desk.room("room");
    let (mut ann, _) = Guest::log_in(desk.server.public, "ann").await;
    ann.join(&RoomId::from(room.as_str())).await;
    let sent = desk.ok(&["message", "send", &room, "hello 世界", "--from", "host", "--level", "high"]);
    let id = sent.strip_prefix("sent ").unwrap().split(' ').next().unwrap().to_owned();
    let push = ann.hear().await;
    let Body::Text(text) = &push.body else { panic!("a text") };
    let expected = json!({ "_lctype": -1, "_lctext": "hello 世界" });
    assert_eq!((push.from.as_str(), push.message.as_str()), ("host", id.as_str()));
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);

    let recalled = desk.ok(&["message", "recall", &room, &id]);
    assert_eq!(recalled, format!("recalled {id}\n"), "nobody has to know who wrote it");
    ann.hear_event(|event| matches!(event, Event::Patched(_))).await;
    let words = desk.refused(&["message", "recall", &room, "none"], 1);
    assert!(words.contains("code 4404"), "{words}");
}

#[tokio::test]
async fn a_message_is_sent_as_it_is() {
    let desk = Desk::open();
    let room = desk.room("room");
    let (mut ann, _) = Guest::log_in(desk.server.public, "ann").await;
    ann.join(&RoomId::from(room.as_str())).await;
    let mut command = desk.command();
    command.args(["message", "send", &room, "-", "--from", "host", "--raw", "--transient", "--json"]);
    let said = run(&mut command, "two\nlines\n");
    assert!(serde_json::from_str::<Value>(&said.out).unwrap()["msg-id"].is_string(), "{said:?}");
    let push = ann.hear().await;
    assert!(push.transient && push.body == Body::Text("two\nlines".to_owned()), "{push:?}");
    let said = run(desk.command().args(["message", "send", &room, "-", "--from", "host"]), "\n");
    assert!(said.code == 2 && said.err.contains("the text is empty"), "{said:?}");
    let words = desk.refused(&["message", "send", "none", "text", "--from", "host"], 1);
    assert!(words.contains("none"), "{words}");
    assert_eq!(desk.say(&["message", "send", &room, "text"]).code, 2, "--from is needed");
    assert_eq!(desk.say(&["message", "send", &room, "text", "--from", "a", "--level", "top"]).code, 2);
}

#[tokio::test]
async fn a_message_is_traced_to_who_did_not_get_it() {
    let desk = Desk::open_with("[[apps.levels]]\nsender = \"host\"\nlevel = \"high\"\n");
    let room = desk.room("room");
    let (mut ann, _) = Guest::log_in(desk.server.public, "ann").await;
    ann.join(&RoomId::from(room.as_str())).await;
    let sent = &desk.json(&["message", "send", &room, "hello\u{1b}[2J", "--from", "host"])[0];
    let id = sent["msg-id"].as_str().unwrap();
    ann.hear().await;
    let shown = desk.ok(&["message", "trace", &room, id]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], format!("message   {id}"));
    assert!(
        lines[1].starts_with("accepted  20")
            && lines[1].contains("Z of host, sent by the back end from 127.0.0.1"),
        "{shown}"
    );
    assert_eq!(lines[2], "level     HIGH, by rule 1 of the app, unless its sender set it");
    assert!(lines[3].starts_with("text      {\"_lctype\":-1") && !shown.contains('\u{1b}'), "{shown}");
    assert_eq!(lines[4], "members   1 to deliver: 1 written");
    assert_eq!(lines.len(), 5, "{shown}");

    let (mut bob, _) = Guest::log_in(desk.server.public, "bob").await;
    let why = |client: &str| desk.ok(&["message", "trace", &room, id, "--client", client]);
    assert!(why("bob").contains("from 127.0.0.1, in no room\n"), "{}", why("bob"));
    bob.join(&RoomId::from(room.as_str())).await;
    assert!(
        why("bob").contains("it came into the room later: the message is in the history"),
        "{}",
        why("bob")
    );
    assert!(why("ann").contains("in the room since 20"), "{}", why("ann"));
    assert!(why("eve").contains("not online, and not expected back"), "{}", why("eve"));
    desk.ok(&["block", &room, "eve"]);
    assert!(why("eve").contains("is not let into this room now"), "{}", why("eve"));
    drop(ann);
    while !why("ann").contains("dropped ") {}
    assert!(why("ann").contains("HIGH messages come when it returns within 30 minutes"), "{}", why("ann"));

    desk.ok(&["message", "recall", &room, id]);
    assert!(desk.ok(&["message", "trace", &room, id]).contains("\nrecalled  20"));
    let found = &desk.json(&["message", "trace", &room, id, "--client", "bob"])[0];
    assert_eq!(
        (&found["client"]["sessions"][0]["standing"], &found["message"]["recalled"]),
        (&json!("before"), &json!(true))
    );
    assert!(desk.refused(&["message", "trace", &room, "none"], 1).contains("not in the room's history"));
    assert!(desk.refused(&["message", "trace", "nowhere", id], 1).contains("4303"));
}
