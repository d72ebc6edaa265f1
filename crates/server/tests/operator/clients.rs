//! `members`, `mute`, `block`, `ban`, `kick`, with clients that feel it.

use grandstand_protocol::{Code, Command, Event, Fault, Level, RoomId};
use serde_json::json;

use crate::{
    desk::Desk,
    guest::{Guest, message},
};

async fn guest_in(desk: &Desk, client: &str, room: &str) -> Guest {
    let (mut guest, _) = Guest::log_in(desk.server.public, client).await;
    guest.join(&RoomId::from(room)).await;
    guest
}

async fn say(guest: &mut Guest, room: &str) -> Option<i32> {
    match guest.ask(Command::Send(Box::new(message(&RoomId::from(room), Level::Normal, "text")))).await {
        Event::Accepted { .. } => None,
        Event::Refused { fault } => Some(fault.code),
        other => panic!("an acknowledgement, not {other:?}"),
    }
}

async fn closed(guest: &mut Guest) -> Fault {
    match guest.hear_event(|event| matches!(event, Event::Closed { .. })).await {
        Event::Closed { fault: Some(fault) } => fault,
        other => panic!("a close with a reason, not {other:?}"),
    }
}

#[tokio::test]
async fn members_are_counted_and_named() {
    let desk = Desk::open();
    let room = desk.room("room");
    assert_eq!(desk.ok(&["members", &room]), "0 clients online\n");
    let _bob = guest_in(&desk, "bob", &room).await;
    let _ann = guest_in(&desk, "ann", &room).await;
    assert_eq!(desk.ok(&["members", &room]), "ann\nbob\n2 clients online\n");
    assert_eq!(
        desk.json(&["members", &room]),
        [json!({ "client_id": "ann" }), json!({ "client_id": "bob" })]
    );
    assert!(desk.ok(&["members", &room, "--limit", "1"]).ends_with("2 clients online, 1 of them shown\n"));
    assert_eq!(desk.say(&["members", &room, "--limit", "1001"]).code, 2);
    assert!(desk.ok(&["rooms", "show", &room]).contains("\nonline          2\n"));
}

#[tokio::test]
async fn a_client_is_muted_for_a_time_or_for_good() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = guest_in(&desk, "ann", &room).await;
    assert_eq!(desk.ok(&["mute", &room, "ann", "--for", "10m"]), format!("muted ann in {room} for 10m\n"));
    assert_eq!(say(&mut ann, &room).await, Some(4315));
    desk.ok(&["mute", &room, "ann", "bob"]);
    let rows = desk.json(&["mutes", &room]);
    assert_eq!(rows[..2], [json!({ "client_id": "ann" }), json!({ "client_id": "bob" })]);
    assert!(rows.len() == 3 && rows[2]["until"].as_str().unwrap().ends_with('Z'), "{rows:?}");
    let table = desk.ok(&["mutes", &room]);
    assert!(table.starts_with("CLIENT  UNTIL\nann     for good\nbob     for good\nann     20"), "{table}");
    desk.ok(&["unmute", &room, "ann", "bob"]);
    assert_eq!(desk.ok(&["mutes", &room]), "nobody is muted\n");
    assert_eq!(say(&mut ann, &room).await, None);

    let words = desk.refused(&["mute", &room, "ann", "--for", "2d"], 1);
    assert!(words.contains("ttl has to be between 1 and 86400 seconds"), "{words}");
    let said = desk.say(&["mute", &room, "ann", "--for", "soon"]);
    assert!(said.code == 2 && said.err.contains("10m, 2h, 7d"), "{}", said.err);
    let long = "x".repeat(65);
    let words = desk.refused(&["mute", &room, "ann", &long, "--for", "1h"], 1);
    assert!(words.contains("the first 1 of 2 were done"), "{words}");
}

#[tokio::test]
async fn more_clients_than_a_call_takes_are_muted() {
    let desk = Desk::open();
    let room = desk.room("room");
    let names: Vec<String> = (0..620).map(|number| format!("client-{number}")).collect();
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(desk.ok(&[&["mute", &room], &named[..]].concat()), format!("muted 620 clients in {room}\n"));
    assert_eq!(desk.json(&["mutes", &room]).len(), 620, "seven pages");
    desk.ok(&[&["unmute", &room], &named[..20]].concat());
    assert_eq!(desk.json(&["mutes", &room]).len(), 600);
}

#[tokio::test]
async fn a_client_is_blocked_from_a_room() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = guest_in(&desk, "ann", &room).await;
    assert_eq!(desk.ok(&["block", &room, "ann", "--for", "2h"]), format!("blocked ann from {room} for 2h\n"));
    assert_eq!(say(&mut ann, &room).await, Some(4548));
    assert_eq!(desk.ok(&["members", &room]), "0 clients online\n");
    let rows = desk.json(&["blocks", &room]);
    assert!(rows.len() == 1 && rows[0]["client_id"] == "ann" && rows[0]["until"].is_string(), "{rows:?}");
    assert!(desk.ok(&["blocks", &room]).contains("ann     20"));
    assert_eq!(desk.ok(&["unblock", &room, "ann"]), format!("ann may join {room} again\n"));
    assert_eq!(desk.ok(&["blocks", &room]), "nobody is blocked\n");
    ann.join(&RoomId::from(room.as_str())).await;
}

#[tokio::test]
async fn a_client_is_banned_from_the_app() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = guest_in(&desk, "ann", &room).await;
    assert!(desk.refused(&["ban", "ann", "--for", "1d"], 2).contains("Ban ann from the app for 1day?"));
    assert_eq!(desk.say(&["ban", "--yes"]).code, 2, "somebody has to be named");
    let banned =
        desk.ok(&["ban", "ann", "--address", "192.0.2.7/24", "--for", "1d", "--reason", "刷屏", "--yes"]);
    assert_eq!(banned, "banned ann, 192.0.2.7/24 for 1day\n");
    let fault = closed(&mut ann).await;
    assert!(fault.is(Code::Blacklisted) && fault.detail.unwrap().contains("刷屏"));
    let table = desk.ok(&["bans"]);
    assert!(
        table.contains("\nann                20") && table.contains("\n192.0.2.0/24       20"),
        "{table}"
    );
    assert!(table.lines().skip(1).all(|line| line.ends_with("Z  刷屏")), "{table}");
    let rows = desk.json(&["bans"]);
    assert_eq!(
        (rows.len(), &rows[0]["client_id"], &rows[1]["address"]),
        (2, &json!("ann"), &json!("192.0.2.0/24"))
    );
    desk.ok(&["unban", "ann", "--address", "192.0.2.0/24"]);
    assert_eq!(desk.ok(&["bans"]), "nobody is banned\n");
    assert!(desk.refused(&["unban", "ann"], 1).contains("there is no such ban"));
    Guest::log_in(desk.server.public, "ann").await;
}

#[tokio::test]
async fn a_client_is_logged_out() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = guest_in(&desk, "ann", &room).await;
    assert_eq!(desk.ok(&["kick", "ann", "--reason", "bye"]), "logged out ann\n");
    let fault = closed(&mut ann).await;
    assert_eq!((fault.code, fault.reason.as_str()), (4115, "bye"));
    assert_eq!(desk.json(&["kick", "nobody", "of/them", ".."]), [json!({})]);
}

#[tokio::test]
async fn a_client_is_taken_out_of_a_room() {
    let desk = Desk::open();
    let room = desk.room("room");
    let mut ann = guest_in(&desk, "ann", &room).await;
    let said = desk.ok(&["kick", "ann", "bob", "--room", &room]);
    assert_eq!(said, format!("took out of {room}: ann\n"));
    ann.join(&RoomId::from(room.as_str())).await;
    assert_eq!(
        desk.json(&["kick", "ann", "--room", &room, "--block", "1h"]),
        [json!({ "removed": ["ann"] })]
    );
    assert_eq!(desk.json(&["blocks", &room]).len(), 1);
    let said = desk.ok(&["kick", "ann", "--room", &room, "--block", "2h"]);
    assert!(said.contains("nobody: none of them was there; ann blocked for 2h"), "{said}");
    assert_eq!(desk.say(&["kick", "ann", "--block", "1h"]).code, 2, "out of which room?");
    assert!(desk.refused(&["kick", "ann", "--room", "none"], 1).contains("4303"));
}
