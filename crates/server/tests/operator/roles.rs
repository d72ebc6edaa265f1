//! `roles`.

use grandstand_protocol::{Event, RoomId};
use serde_json::json;

use crate::{desk::Desk, guest::Guest};

#[tokio::test]
async fn a_role_is_given_shown_and_taken_back() {
    let desk = Desk::open();
    let room = desk.room("room");
    let nobody = "nobody has a role: only the back end moderates this room\n";
    assert_eq!(desk.ok(&["roles", "list", &room]), nobody);
    let (mut ann, _) = Guest::log_in(desk.server.public, "ann").await;
    ann.join(&RoomId::from(room.as_str())).await;

    let odd = "mi\u{1b}a/ %";
    let said = desk.ok(&["roles", "set", &room, odd, "Manager"]);
    assert_eq!(said, format!("mi\\u{{1b}}a/ % is a manager in {room} now\n"));
    ann.hear_event(|event| matches!(event, Event::RoleChanged { info, .. } if info.client == odd)).await;
    let row = &desk.json(&["roles", "set", &room, "bob", "MANAGER"])[0];
    assert!(row["objectId"].is_string() && row["updatedAt"].is_string(), "{row}");
    desk.ok(&["roles", "set", &room, "bob", "member"]);
    assert_eq!(
        desk.ok(&["roles", "list", &room]),
        "CLIENT        ROLE\nbob           Member\nmi\\u{1b}a/ %  Manager\n"
    );
    let rows = desk.json(&["roles", "list", &room]);
    assert_eq!((rows.len(), &rows[1]["clientId"], &rows[1]["role"]), (2, &json!(odd), &json!("Manager")));

    let said = desk.ok(&["roles", "remove", &room, odd]);
    assert_eq!(said, format!("took back the role of mi\\u{{1b}}a/ % in {room}\n"));
    assert_eq!(desk.json(&["roles", "remove", &room, "bob"]), [json!({})]);
    let words = desk.refused(&["roles", "remove", &room, "bob"], 1);
    assert!(words.contains("bob was given no role in") && words.contains("没有给此人设置过角色"), "{words}");
    assert_eq!(desk.ok(&["roles", "list", &room]), nobody);
}

#[test]
fn whoever_made_the_room_is_shown_too() {
    let desk = Desk::open();
    let created = desk.json(&["rooms", "create", "room", "--creator", "host"]);
    let room = created[0]["objectId"].as_str().unwrap();
    let list = || desk.ok(&["roles", "list", room]);
    assert_eq!(list(), "CLIENT  ROLE\nhost    Owner  made the room\n");
    assert!(desk.json(&["roles", "list", room]).is_empty(), "what the server has rows of");
    desk.ok(&["roles", "set", room, "ann", "owner"]);
    desk.ok(&["roles", "set", room, "host", "member"]);
    assert_eq!(list(), "CLIENT  ROLE\nann     Owner\nhost    Member  made the room\n");
    assert!(desk.refused(&["roles", "set", room, "ann", "member"], 1).contains("code 4324"));
    desk.ok(&["roles", "remove", room, "host"]);
    assert_eq!(list(), "CLIENT  ROLE\nhost    Owner  made the room\nann     Owner\n");
    assert!(desk.refused(&["roles", "remove", room, "host"], 1).contains("owns it without one"));
}

#[test]
fn wrong_rooms_and_roles_are_refused() {
    let desk = Desk::open();
    let room = desk.room("room");
    for command in [&["list", "none"][..], &["set", "none", "ann", "manager"], &["remove", "none", "ann"]] {
        assert!(desk.refused(&[&["roles"], command].concat(), 1).contains("4303"), "{command:?}");
    }
    let said = desk.say(&["roles", "set", &room, "ann", "king"]);
    assert!(said.code == 2 && said.err.contains("owner, manager, member"), "{said:?}");
    assert_eq!(desk.say(&["roles", "set", &room, "ann"]).code, 2);
}

#[test]
fn more_roles_than_a_page_are_all_shown() {
    const MEMBERS: usize = 110;
    let desk = Desk::open();
    let room = desk.room("room");
    let path = format!("/1.2/rtm/chatrooms/{room}/member-infos");
    for number in 0..MEMBERS {
        let body = json!({ "clientId": format!("client-{number}"), "role": "Member" });
        crate::desk::post(desk.server.public, &path, &body);
    }
    assert_eq!(desk.json(&["roles", "list", &room]).len(), MEMBERS);
    desk.ok(&["roles", "remove", &room, &format!("client-{}", MEMBERS - 1)]);
}
