//! Ids and texts of strangers: line ends, escape sequences, slashes, and what else a client may be called.

use grandstand_protocol::RoomId;
use serde_json::{Value, json};

use crate::{
    desk::{Desk, run},
    guest::Guest,
};

/// What clients may be called.
const ODD: [&str; 10] = [
    "a\nb",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "a/b/../c",
    "100%25",
    "?a=b&c#d",
    "👩‍👩‍👧",
    "房间 \u{202e}dlo",
    "-rf",
    "back\\slash\t",
];

/// Whether a terminal shows it as it is: rows end with their line, and nothing else commands.
fn is_harmless(text: &str) -> bool {
    text.chars()
        .all(|char| char == '\n' || (!char.is_control() && !('\u{202a}'..='\u{202e}').contains(&char)))
}

#[tokio::test]
async fn odd_clients_are_members_like_others() {
    let desk = Desk::open();
    let room = desk.room("odd \u{1b}[31m\nname");
    let mut guests = Vec::new();
    for client in ODD {
        let (mut guest, _) = Guest::log_in(desk.server.public, client).await;
        guest.join(&RoomId::from(room.as_str())).await;
        guests.push(guest);
    }
    let shown = desk.ok(&["members", &room]);
    assert!(is_harmless(&shown) && shown.lines().count() == ODD.len() + 1, "{shown:?}");
    assert!(shown.contains("a\\nb\n") && shown.contains("\\u{1b}[2J\\u{1b}]0;title\\u{7}\n"), "{shown:?}");
    let out = desk.ok(&["members", &room, "--json"]);
    assert!(is_harmless(&out), "{out:?}");
    let mut named: Vec<String> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["client_id"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = ODD.map(str::to_owned).to_vec();
    named.sort();
    expected.sort();
    assert_eq!(named, expected, "scripts get them as they are");
    for arguments in [&["rooms", "list"][..], &["rooms", "show", &room], &["rooms", "list", "--json"]] {
        let out = desk.ok(arguments);
        assert!(is_harmless(&out) && !out.contains("\u{1b}"), "{out:?}");
    }
}

#[test]
fn odd_clients_are_moderated_like_others() {
    let desk = Desk::open();
    let room = desk.room("room");
    for client in ODD {
        for (start, list, end) in [("mute", "mutes", "unmute"), ("block", "blocks", "unblock")] {
            for time in [&[][..], &["--for", "1h"]] {
                assert!(is_harmless(&desk.ok(&[&[start], time, &["--", &room, client]].concat())));
                assert!(is_harmless(&desk.ok(&[list, &room])));
                assert_eq!(desk.json(&[list, &room])[0]["client_id"], json!(client));
                assert!(is_harmless(&desk.ok(&[end, "--", &room, client])));
                assert!(desk.json(&[list, &room]).is_empty(), "{client:?}");
            }
        }
        desk.ok(&["ban", "--yes", "--reason", "\u{1b}[1m刷屏\n", "--", client]);
        assert!(is_harmless(&desk.ok(&["bans"])));
        desk.ok(&["unban", "--", client]);
        assert!(desk.json(&["bans"]).is_empty(), "{client:?}");
        desk.ok(&["kick", "--", client]);
        let said =
            run(desk.command().args(["message", "send", &room, "hi", &format!("--from={client}")]), "");
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn odd_rooms_are_looked_for_as_they_are_named() {
    let desk = Desk::open();
    for room in ODD {
        let said = run(desk.command().args(["rooms", "show", "--", room]), "");
        assert!(said.code == 1 && said.err.contains("4303") && is_harmless(&said.err), "{said:?}");
    }
}
