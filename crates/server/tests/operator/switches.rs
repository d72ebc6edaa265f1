//! `rooms freeze`, `mute-all`, `slow-mode`: what holds for everybody.

use grandstand_protocol::{Command, Event, Level, RoomId};
use serde_json::json;

use crate::{
    desk::Desk,
    guest::{Guest, message},
};

async fn say(guest: &mut Guest, room: &str) -> Option<i32> {
    match guest.ask(Command::Send(Box::new(message(&RoomId::from(room), Level::Normal, "text")))).await {
        Event::Accepted { .. } => None,
        Event::Refused { fault } => Some(fault.code),
        other => panic!("an acknowledgement, not {other:?}"),
    }
}

#[tokio::test]
async fn a_room_is_frozen_muted_and_slowed() {
    let desk = Desk::open();
    let room = desk.room("room");
    let (mut ann, _) = Guest::log_in(desk.server.public, "ann").await;
    ann.join(&RoomId::from(room.as_str())).await;
    let off = "frozen     off\nmute all   off\nslow mode  off\n";
    assert_eq!(desk.ok(&["rooms", "switches", &room]), off);

    let said = desk.ok(&["rooms", "freeze", &room]);
    assert_eq!(said, off.replace("frozen     off", "frozen     yes: only the back end speaks"));
    assert!(say(&mut ann, &room).await.is_some());
    assert!(desk.ok(&["rooms", "show", &room]).contains("\nfrozen "), "it is shown with the room");
    assert_eq!(desk.json(&["rooms", "unfreeze", &room])[0]["frozen"], false);
    assert_eq!(say(&mut ann, &room).await, None);

    let said = desk.ok(&["rooms", "mute-all", &room, "--for", "10m", "--allow", "host", "--allow", "b\nob"]);
    assert!(said.contains("mute all   until 20") && said.contains("b\\nob, host\n"), "{said}");
    assert!(say(&mut ann, &room).await.is_some());
    desk.ok(&["rooms", "mute-all", &room, "--allow", "ann"]);
    assert_eq!(say(&mut ann, &room).await, None);
    assert_eq!(desk.ok(&["rooms", "unmute-all", &room]), off);

    let said = desk.ok(&["rooms", "slow-mode", &room, "5m"]);
    assert!(said.contains("slow mode  one message every 5m; not for: "), "{said}");
    assert!(say(&mut ann, &room).await.is_none_or(|code| code == 4116));
    assert_eq!(say(&mut ann, &room).await, Some(4116));
    assert_eq!(desk.ok(&["rooms", "slow-mode", &room, "off"]), off);
    assert_eq!(say(&mut ann, &room).await, None);
    let switches = desk.json(&["rooms", "switches", &room]);
    assert_eq!(switches, [json!({ "mute_all": null, "slow_mode": null, "frozen": false })]);

    assert!(desk.refused(&["rooms", "slow-mode", &room, "1d"], 1).contains("400"));
    assert_eq!(desk.say(&["rooms", "slow-mode", &room, "soon"]).code, 2);
    assert!(desk.refused(&["rooms", "freeze", "none"], 1).contains("4303"));
}
