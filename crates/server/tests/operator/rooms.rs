//! `rooms` and `stats`.

use serde_json::{Value, json};

use crate::desk::{Desk, post, run};

#[test]
fn a_room_is_made_shown_and_deleted() {
    let desk = Desk::open();
    assert_eq!(desk.ok(&["rooms", "list"]), "no rooms\n");
    assert!(desk.json(&["rooms", "list"]).is_empty());
    let attr = r#"{"topic":"足球"}"#;
    let created = desk.ok(&["rooms", "create", "决赛", "--attr", attr, "--creator", "host"]);
    let room = created.trim_end().strip_prefix("created room ").unwrap();

    let shown = desk.ok(&["rooms", "show", room]);
    for line in
        [format!("room     {room}"), "name     决赛".into(), "creator  host".into(), "online   0".into()]
    {
        assert!(shown.lines().any(|found| found == line), "{line:?} in {shown}");
    }
    assert!(shown.contains("{\"topic\":\"足球\"}"), "{shown}");
    let row = &desk.json(&["rooms", "show", room])[0];
    assert_eq!(
        (&row["name"], &row["c"], &row["attr"]["topic"]),
        (&json!("决赛"), &json!("host"), &json!("足球"))
    );

    let other = desk.room("semi-final");
    let table = desk.ok(&["rooms", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    // A Chinese character takes two columns.
    assert!(lines[0].starts_with("ID                        NAME        CREATOR  CREATED"), "{table}");
    assert!(lines[1].starts_with(&format!("{room}  决赛        host     20")), "{table}");
    assert!(lines[2].starts_with(&format!("{other}  semi-final           20")), "{table}");
    let rows = desk.json(&["rooms", "list", "--where", r#"{"name":"semi-final"}"#]);
    assert_eq!((rows.len(), &rows[0]["objectId"]), (1, &json!(other)));
    let rows = desk.json(&["rooms", "list", "--order", "-name", "--limit", "1"]);
    assert_eq!((rows.len(), &rows[0]["name"]), (1, &json!("决赛")));

    let deleted = desk.ok(&["rooms", "delete", room, &other, "--yes"]);
    assert_eq!(deleted, format!("deleted room {room}\ndeleted room {other}\n"));
    let words = desk.refused(&["rooms", "show", room], 1);
    assert!(
        words.contains("code 4303") && words.contains(room) && words.contains("没有这个聊天室"),
        "{words}"
    );
}

#[test]
fn a_deletion_is_confirmed_first() {
    let desk = Desk::open();
    let room = desk.room("kept");
    let words = desk.refused(&["rooms", "delete", &room], 2);
    assert!(words.contains("(kept), with all messages? Nobody can be asked here: say --yes"), "{words}");
    // Nothing is deleted when one of the ids is wrong.
    assert!(desk.refused(&["rooms", "delete", &room, "none", "--yes"], 1).contains("4303"));
    desk.ok(&["rooms", "show", &room]);
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let desk = Desk::open();
    let room = desk.room("kept");
    let ask = |answer: &str| {
        // `script` gives the program a terminal.
        let inner = format!("{} rooms delete {room}", env!("CARGO_BIN_EXE_grandstand"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &inner, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(desk.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
        run(&mut command, answer)
    };
    for answer in ["n\n", "\n", "no\n"] {
        let said = ask(answer);
        assert!(said.code == 1 && said.out.contains("with all messages? 是否继续？[y/N]"), "{said:?}");
        assert!(said.out.contains("nothing was done"), "{said:?}");
    }
    let said = ask("y\n");
    assert!(said.code == 0 && said.out.contains(&format!("deleted room {room}")), "{said:?}");
}

#[test]
fn what_cannot_be_is_said_with_the_reason() {
    let desk = Desk::open();
    assert!(desk.refused(&["rooms", "create", "--attr", "[]"], 2).contains("--attr has to be a JSON object"));
    assert!(desk.refused(&["rooms", "list", "--where", "{"], 1).contains("400"));
    assert!(desk.refused(&["rooms", "show", ".."], 2).contains("no URL can hold it"));
    for wrong in [
        &["rooms"][..],
        &["rooms", "list", "--limit", "0"],
        &["rooms", "delete"],
        &["members"],
        &["rooms", "show", "a", "b"],
        &["nonsense"],
    ] {
        assert_eq!(desk.say(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn more_rooms_than_a_page_are_all_listed() {
    const ROOMS: usize = 1060;
    let desk = Desk::open();
    for slice in (0..ROOMS).collect::<Vec<_>>().chunks(20) {
        let one = |number: &usize| {
            let body = json!({ "name": format!("room {number}"), "tr": true });
            json!({ "method": "POST", "path": "/1.1/classes/_Conversation", "body": body })
        };
        let requests: Vec<Value> = slice.iter().map(one).collect();
        post(desk.server.public, "/1.1/batch", &json!({ "requests": requests }));
    }
    let table = desk.ok(&["rooms", "list"]);
    assert_eq!(table.lines().count(), ROOMS + 1);
    let rows = desk.json(&["rooms", "list"]);
    let ids: std::collections::HashSet<&str> =
        rows.iter().map(|row| row["objectId"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), ids.len()), (ROOMS, ROOMS), "each of them once");
    assert_eq!(desk.json(&["rooms", "list", "--limit", "1001"]).len(), 1001);
    assert_eq!(desk.json(&["rooms", "list", "--limit", "400"]).len(), 400);
}

#[test]
fn figures_of_the_app_are_shown() {
    let desk = Desk::open();
    assert_eq!(desk.ok(&["stats"]), "online now             0\nlogged in today (UTC)  0\n");
    assert_eq!(desk.json(&["stats"]), [json!({ "online_user_count": 0, "user_count_today": 0 })]);
}
