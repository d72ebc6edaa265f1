//! `audit`, `message originals`, `erase`: what is kept for those who answer for the server.

use serde_json::json;

use crate::desk::Desk;

#[test]
fn who_did_what_is_listed() {
    let desk = Desk::open();
    let room = desk.room("room");
    desk.ok(&["mute", &room, "an\u{1b}[2Jn", "bob", "--for", "10m"]);
    desk.ok(&["block", &room, "eve", "--for", "1h"]);
    let table = desk.ok(&["audit"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("AT ") && lines[0].ends_with("DETAILS"), "{table}");
    assert!(
        lines[1].contains("  block  ") && lines[1].contains("master key  127.0.0.1"),
        "the newest first: {table}"
    );
    assert!(
        lines[1].contains(&room) && lines[1].contains("until=20") && !table.contains('\u{1b}'),
        "{table}"
    );
    let rows = desk.json(&["audit", "--action", "block"]);
    assert_eq!(
        (rows.len(), &rows[0]["clients"], &rows[0]["actor"]["type"]),
        (1, &json!(["eve"]), &json!("master_key"))
    );
    assert_eq!(desk.json(&["audit", "--client", "an\u{1b}[2Jn", "--last", "1h"]).len(), 1);
    assert_eq!(desk.json(&["audit", "--room", &room, "--limit", "2"]).len(), 2);
    assert_eq!(desk.ok(&["audit", "--actor", "client"]), "nothing of that kind was noted\n");
    assert!(desk.json(&["audit", "--till", "2020-01-01T00:00:00Z"]).is_empty());
    assert!(desk.refused(&["audit", "--action", "nonsense"], 1).contains("action has to be one of"));
    assert_eq!(desk.say(&["audit", "--last", "1h", "--from", "0"]).code, 2);
}

#[test]
fn more_acts_than_a_page_are_followed() {
    let desk = Desk::open();
    let room = desk.room("room");
    for number in 0..130 {
        let body = json!({ "client_ids": [format!("client-{number}")] });
        crate::desk::post(
            desk.server.public,
            &format!("/1.2/rtm/chatrooms/{room}/permanent-silenceds"),
            &body,
        );
    }
    assert_eq!(desk.json(&["audit", "--action", "silence"]).len(), 100);
    let rows = desk.json(&["audit", "--action", "silence", "--limit", "120"]);
    assert_eq!((rows.len(), &rows[119]["clients"]), (120, &json!(["client-10"])));
    assert_eq!(desk.json(&["audit", "--action", "silence", "--limit", "1000"]).len(), 130);
}

#[test]
fn originals_are_shown_and_erased() {
    let desk = Desk::open();
    let room = desk.room("room");
    let sent = desk.json(&["message", "send", &room, "bad\u{1b}[2Jword", "--from", "ann", "--raw"]);
    let id = sent[0]["msg-id"].as_str().unwrap();
    let originals = ["message", "originals", &room, id];
    assert_eq!(desk.ok(&originals), "it was never changed, or its originals are not kept any more\n");
    desk.ok(&["message", "recall", &room, id]);
    let table = desk.ok(&originals);
    assert!(table.starts_with("BEFORE IT WAS  AT ") && table.contains("recalled       20"), "{table}");
    assert!(table.ends_with("bad\\u{1b}[2Jword\n"), "{table}");
    let rows = desk.json(&originals);
    assert_eq!((rows.len(), &rows[0]["data"]), (1, &json!("bad\u{1b}[2Jword")));
    assert!(!desk.json(&["audit", "--action", "read_originals"]).is_empty(), "looking is noted");

    assert!(desk.refused(&["erase", "ann"], 2).contains("Erase originals and addresses of ann, for good?"));
    let erased = &desk.json(&["erase", "ann", "--messages", "--yes"])[0];
    assert_eq!((&erased["originals"], &erased["messages"]), (&json!(1), &json!(1)), "{erased}");
    assert!(desk.ok(&["erase", "ann", "--yes"]).starts_with("erased of ann: 0 originals, "));
    assert!(desk.refused(&["message", "trace", &room, id], 1).contains("404"));
}
