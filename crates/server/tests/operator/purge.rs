//! `purge`.

use serde_json::json;

use crate::desk::Desk;

fn send(desk: &Desk, room: &str, from: &str) -> String {
    let sent = desk.json(&["message", "send", room, "text", "--from", from]);
    sent[0]["msg-id"].as_str().unwrap().to_owned()
}

fn is_recalled(desk: &Desk, room: &str, message: &str) -> bool {
    desk.json(&["message", "trace", room, message])[0]["message"]["recalled"] == true
}

#[test]
fn what_one_client_wrote_is_taken_back() {
    let desk = Desk::open();
    let (room, other) = (desk.room("room"), desk.room("other"));
    let [first, second, elsewhere] = [&room, &room, &other].map(|room| send(&desk, room, "spam\u{1b}mer"));
    let innocent = send(&desk, &room, "ann");
    let refused = desk.refused(&["purge", "spam\u{1b}mer"], 2);
    assert!(refused.contains("Recall what spam\\u{1b}mer wrote in all rooms?"), "{refused}");
    assert!(!is_recalled(&desk, &room, &first));

    let said = desk.ok(&["purge", "spam\u{1b}mer", "--room", &room, "--yes"]);
    assert_eq!(said, format!("recalled 2 messages of spam\\u{{1b}}mer in {room}\n"));
    for (message, room, expected) in [
        (&first, &room, true),
        (&second, &room, true),
        (&elsewhere, &other, false),
        (&innocent, &room, false),
    ] {
        assert_eq!(is_recalled(&desk, room, message), expected, "{message}");
    }
    assert_eq!(desk.json(&["purge", "spam\u{1b}mer", "--yes"]), [json!({ "recalled": 1 })]);
    assert!(is_recalled(&desk, &other, &elsewhere) && !is_recalled(&desk, &room, &innocent));
    let early = ["purge", "ann", "--till", "2020-01-01T00:00:00Z", "--yes"];
    assert_eq!(desk.json(&early), [json!({ "recalled": 0 })]);
    let late = ["purge", "ann", "--from", "2020-01-01T00:00:00Z", "--yes"];
    assert_eq!(desk.json(&late), [json!({ "recalled": 1 })]);
    assert_eq!(desk.say(&["purge", "ann", "--from", "yesterday", "--yes"]).code, 2);
    assert!(desk.refused(&["purge", "ann", "--room", "none", "--yes"], 1).contains("4303"));
    assert!(desk.refused(&["purge", "..", "--yes"], 2).contains("no URL can hold it"));
}

#[test]
fn a_purge_of_many_goes_on_until_it_is_done() {
    const MESSAGES: usize = 1010;
    let desk = Desk::open_with("[apps.quotas]\nmessages_per_minute = 1000000\n");
    let room = desk.room("room");
    let path = format!("/1.2/rtm/chatrooms/{room}/messages");
    let body = json!({ "from_client": "spammer", "message": "text" });
    for _ in 0..MESSAGES {
        crate::desk::post(desk.server.public, &path, &body);
    }
    let said = desk.say(&["purge", "spammer", "--room", &room, "--yes", "--json"]);
    assert_eq!((said.code, said.out.as_str()), (0, "{\"recalled\":1010}\n"), "{said:?}");
    assert!(said.err.contains("recalled so far"), "more than one call: {said:?}");
}
