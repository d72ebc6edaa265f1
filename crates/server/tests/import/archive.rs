//! Archives, through the library.

use std::{collections::BTreeMap, fs};

use grandstand::{
    import::{Import, ImportError, source},
    store::{Appended, NewMessage, SqliteStore, Store},
};
use grandstand_migrate::archive::{MessageLine, RoomLine};
use grandstand_protocol::{Body, ClientId, Level, Mentions, MessageId, RoomId};
use grandstand_room::{clock::Millis, content};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{
    Silent, THEN, app, archive, aside, everything, finish, import, object, restriction, role, room, text,
    writer,
};

#[tokio::test]
async fn what_an_archive_holds_is_there_in_its_order() {
    let folder = TempDir::new().unwrap();
    let (archive, data) = (archive(folder.path(), 3, 2500), folder.path().join("data"));
    let report = import(&data, &[&archive]).await.unwrap();
    let counts = [report.rooms, report.messages, report.silences, report.blocks, report.roles];
    assert_eq!(counts.map(|tally| tally.imported), [3, 7500, 6, 3, 3]);
    assert_eq!(report.rows(), 3 + 7500 + 6 + 3 + 3);
    assert_eq!((report.reasons.len(), report.aside.clone()), (0, None));

    let held = everything(&data).await;
    assert_eq!(held.len(), 3);
    for (number, (id, held)) in held.iter().enumerate() {
        assert_eq!(id.as_str(), format!("room{number}"));
        assert_eq!(held.room.creator, "anna");
        assert_eq!((held.room.created_at, held.room.updated_at), (Millis(THEN), Millis(THEN + 1)));
        assert_eq!(held.room.data, object(json!({ "name": format!("房间 {id}"), "attr": { "n": number } })));
        let ids = held.messages.iter().map(|message| message.id.to_string());
        assert!(ids.eq((0..2500).map(|n| format!("{id}-{n}"))), "equal times keep the archive's order");
        let message = &held.messages[100];
        assert_eq!(message.timestamp, Millis(THEN + 33));
        assert_eq!((message.from.as_str(), message.level), ("bob", Level::Normal));
        assert_eq!(message.body, Body::Text(format!("text of {id}-100")));
        assert!(held.rules.silenced.contains("carl"));
        assert_eq!(held.rules.silenced_until.get("dora"), Some(&Millis(4_000_000_000_000)));
        assert_eq!(held.rules.blocked.get("emil"), Some(&None));
        assert_eq!(held.roles, [(format!("{number:024x}"), "fred".to_owned())]);
    }
}

#[tokio::test]
async fn once_more_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let (archive, data) = (archive(folder.path(), 2, 50), folder.path().join("data"));
    import(&data, &[&archive]).await.unwrap();
    let before = everything(&data).await;
    let report = import(&data, &[&archive]).await.unwrap();
    let counts = [report.rooms, report.messages, report.silences, report.blocks, report.roles];
    assert_eq!(counts.map(|tally| (tally.imported, tally.known)), [(0, 2), (0, 100), (0, 4), (0, 2), (0, 2)]);
    assert_eq!(everything(&data).await, before);
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_needs_no_store() {
    let folder = TempDir::new().unwrap();
    let archive = archive(folder.path(), 2, 50);
    let extra = folder.path().join("extra");
    let mut lost = writer(&extra);
    lost.message(&text("lost", "nowhere", THEN)).unwrap();
    finish(lost);
    let sources = [&archive, &extra].map(|path| source(path).unwrap());
    let run = Import::new(None, app(), folder.path().join("aside"), &Silent);
    let report = run.run(sources.into()).await.unwrap();
    assert!(report.dry_run);
    let counts = [report.rooms, report.messages, report.silences, report.blocks, report.roles];
    assert_eq!(counts.map(|tally| (tally.ready, tally.imported)), [(2, 0), (100, 0), (4, 0), (2, 0), (2, 0)]);
    assert_eq!(report.messages.aside, 1);
    assert_eq!(aside(&report)[0]["row"]["id"], "lost");
}

#[tokio::test]
async fn older_history_pages_before_what_is_live() {
    let folder = TempDir::new().unwrap();
    let (archive, data) = (archive(folder.path(), 1, 30), folder.path().join("data"));
    let (first, live) = (import(&data, &[&archive]).await.unwrap(), "live");
    assert_eq!(first.messages.imported, 30);
    let store = SqliteStore::open(&data).unwrap();
    let new = NewMessage {
        app: app(),
        room: RoomId::from("room0"),
        id: MessageId::from(live),
        from: ClientId::new("gina").unwrap(),
        session: None,
        level: Level::High,
        body: Body::Text("now".to_owned()),
        mentions: Mentions::default(),
        lctype: None,
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    };
    let appended = store.append(new, Millis(THEN + 1_000_000)).await.unwrap();
    assert!(matches!(appended, Appended::Stored(stamp) if stamp.number == 1), "{appended:?}");
    store.close().await.unwrap();

    let later = folder.path().join("later");
    let mut more = writer(&later);
    more.message(&text("older", "room0", THEN - 5)).unwrap();
    more.message(&text("between", "room0", THEN + 500_000)).unwrap();
    finish(more);
    assert_eq!(import(&data, &[&later]).await.unwrap().messages.imported, 2);
    let ids: Vec<String> =
        everything(&data).await[&RoomId::from("room0")].messages.iter().map(|m| m.id.to_string()).collect();
    assert_eq!((ids[0].as_str(), ids.len()), ("older", 33));
    assert_eq!(ids[30..], ["room0-29", "between", live]);
}

#[tokio::test]
async fn what_people_decided_here_stays() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let mut writer_of_first = writer(&first);
    writer_of_first.room(&room("r")).unwrap();
    writer_of_first.block(&restriction("r", "emil", Some(3_000_000_000_000))).unwrap();
    writer_of_first.role(&role("r", "fred", "Member", "1")).unwrap();
    finish(writer_of_first);
    let mut writer_of_second = writer(&second);
    writer_of_second.room(&RoomLine { name: Some("another".to_owned()), ..room("r") }).unwrap();
    writer_of_second.block(&restriction("r", "emil", None)).unwrap();
    writer_of_second.role(&role("r", "fred", "Owner", "2")).unwrap();
    finish(writer_of_second);
    import(&data, &[&first]).await.unwrap();
    let before = everything(&data).await;
    let report = import(&data, &[&second]).await.unwrap();
    assert_eq!((report.rooms.known, report.blocks.known, report.roles.known), (1, 1, 1));
    assert_eq!(everything(&data).await, before);
}

#[tokio::test]
async fn everything_that_is_known_of_a_message_is_kept() {
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let mut writer = writer(&path);
    writer.room(&room("r")).unwrap();
    let full = MessageLine {
        level: Some(Level::Low),
        mention_all: true,
        mentions: vec!["a".to_owned(), "b".to_owned()],
        patched_at: Some(THEN + 9),
        audience: Some(vec!["c".to_owned()]),
        ip: Some("192.0.2.7".to_owned()),
        body: Body::Binary(vec![0, 255].into()),
        ..text("full", "r", THEN)
    };
    writer.message(&full).unwrap();
    let typed = Body::Text("{\"_lctype\":-1,\"_lctext\":\"x\"}".to_owned());
    writer.message(&MessageLine { body: typed, ..text("typed", "r", THEN + 1) }).unwrap();
    writer.message(&MessageLine { recalled: true, ..text("secret", "r", THEN + 2) }).unwrap();
    writer
        .message(&MessageLine { recalled: true, body: content::recall_stub(), ..text("stub", "r", THEN + 3) })
        .unwrap();
    finish(writer);
    import(&data, &[&path]).await.unwrap();
    let held = everything(&data).await;
    let [full, typed, secret, stub] = &held[&RoomId::from("r")].messages[..] else { panic!("{held:?}") };
    assert_eq!(full.level, Level::Low);
    assert_eq!(full.mentions, Mentions { all: true, clients: vec!["a".to_owned(), "b".to_owned()] });
    assert_eq!(full.patched_at, Some(Millis(THEN + 9)));
    assert_eq!(full.audience, Some(vec![ClientId::new("c").unwrap()]));
    assert_eq!(full.address, "192.0.2.7".parse().ok());
    assert_eq!(full.body, Body::Binary(vec![0, 255].into()));
    assert_eq!(typed.lctype, Some(-1));
    for recalled in [secret, stub] {
        assert!(recalled.recalled);
        assert_eq!((&recalled.body, recalled.lctype), (&content::recall_stub(), Some(content::RECALLED)));
    }
}

/// What is wrong with a row, and the words of its reason.
fn broken_messages() -> Vec<(MessageLine, &'static str)> {
    let sound = || text("x", "r", THEN);
    vec![
        (text("", "r", THEN), "id is no message's"),
        (text("a\n", "r", THEN), "id is no message's"),
        (text(&"x".repeat(257), "r", THEN), "id is no message's"),
        (text("x", "", THEN), "room's id"),
        (text("x", "elsewhere", THEN), "no such chat room"),
        (text("x", "r", 0), "time cannot be"),
        (text("x", "r", -5), "time cannot be"),
        (text("x", "r", 9_000_000_000_000), "time cannot be"),
        (text("x", "r", i64::MAX), "time cannot be"),
        (MessageLine { patched_at: Some(i64::MAX), ..sound() }, "time cannot be"),
        (MessageLine { from: String::new(), ..sound() }, "sender"),
        (MessageLine { from: "x".repeat(1025), ..sound() }, "sender"),
        (MessageLine { body: Body::Text("x".repeat(65_537)), ..sound() }, "too large"),
        (MessageLine { mentions: vec!["a".to_owned(); 2000], ..sound() }, "mentions too many"),
        (MessageLine { ip: Some("nowhere".to_owned()), ..sound() }, "address"),
        (MessageLine { audience: Some(vec![String::new()]), ..sound() }, "audience"),
    ]
}

#[tokio::test]
async fn broken_rows_are_set_aside_and_the_rest_is_taken() {
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let mut writer = writer(&path);
    writer.room(&room("r")).unwrap();
    writer.room(&RoomLine { id: String::new(), ..room("r") }).unwrap();
    writer.room(&RoomLine { row: object(json!({ "sys": true })), ..room("service") }).unwrap();
    let broken = broken_messages();
    for (number, (line, _)) in broken.iter().enumerate() {
        writer.message(&text(&format!("fine{number}"), "r", THEN)).unwrap();
        writer.message(line).unwrap();
    }
    writer.silence(&restriction("r", "", None)).unwrap();
    writer.silence(&restriction("r", &"x".repeat(65), None)).unwrap();
    writer.silence(&restriction("elsewhere", "a", None)).unwrap();
    writer.silence(&restriction("r", "over", Some(THEN))).unwrap();
    writer.silence(&restriction("r", "fine", None)).unwrap();
    writer.role(&role("r", "a", "King", "1")).unwrap();
    writer.role(&role("r", "anna", "Member", "2")).unwrap();
    writer.role(&role("r", "fine", "Manager", "3")).unwrap();
    finish(writer);
    let report = import(&data, &[&path]).await.unwrap();
    let messages = report.messages;
    assert_eq!((messages.imported, messages.aside), (broken.len() as u64, broken.len() as u64));
    assert_eq!((report.rooms.imported, report.rooms.aside, report.conversations.service), (1, 1, 1));
    assert_eq!((report.silences.imported, report.silences.over, report.silences.aside), (1, 1, 3));
    assert_eq!((report.roles.imported, report.roles.aside), (1, 2));
    let rows = aside(&report);
    assert_eq!(rows.len() as u64, report.reasons.values().sum::<u64>());
    for (number, (line, words)) in broken.iter().enumerate() {
        let row = rows.iter().find(|row| {
            row["file"] == "messages/0000000001.ndjson.gz" && row["line"] == 2 * number as u64 + 2
        });
        let row = row.unwrap_or_else(|| panic!("{words}"));
        assert!(row["reason"].as_str().unwrap().contains(words), "{row}");
        assert_eq!(row["row"], serde_json::to_value(line).unwrap(), "as it was");
    }
    let reasons: Vec<&str> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"the room would be without an owner"), "{reasons:?}");
}

#[tokio::test]
async fn columns_that_would_harm_clients_are_set_aside_and_their_room_is_not() {
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let deep = (0..40).fold(json!(1), |value, _| json!([value]));
    let columns = json!({
        "fine": 1, "attr": "text", "__proto__": 1, "a.b": 1, "deep": deep, "huge": "x".repeat(200_000),
        "ACL": { "*": { "read": true } },
    });
    let mut writer = writer(&path);
    writer.room(&RoomLine { data: object(columns), ..room("r") }).unwrap();
    let number = object(json!({ "name": 7 }));
    writer.room(&RoomLine { name: None, data: number, ..room("s") }).unwrap();
    writer.message(&text("m", "r", THEN)).unwrap();
    finish(writer);
    let report = import(&data, &[&path]).await.unwrap();
    assert_eq!((report.rooms.imported, report.rooms.partly, report.messages.imported), (2, 1, 1));
    let held = everything(&data).await;
    let expected = json!({ "name": "房间 r", "fine": 1, "ACL": { "*": { "read": true } } });
    assert_eq!(held[&RoomId::from("r")].room.data, object(expected));
    assert_eq!(held[&RoomId::from("s")].room.data, object(json!({ "name": "7" })));
    let reasons: Vec<String> = aside(&report).iter().map(|row| row["reason"].to_string()).collect();
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    for column in ["attr", "__proto__", "a.b", "deep", "huge"] {
        assert!(reasons.iter().any(|reason| reason.contains(column)), "{column}: {reasons:?}");
    }
}

/// Archives of others may have columns in the row only.
#[tokio::test]
async fn a_row_says_more_than_its_line() {
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let mut writer = writer(&path);
    let row = json!({ "objectId": "r", "tr": true, "name": "n", "c": "gina", "ACL": { "*": {} }, "own": 1 });
    let line = RoomLine { id: "r".to_owned(), row: object(row), ..RoomLine::default() };
    writer.room(&line).unwrap();
    let strange = object(json!({ "objectId": "s", "createdAt": "never" }));
    writer.room(&RoomLine { row: strange, ..room("s") }).unwrap();
    finish(writer);
    import(&data, &[&path]).await.unwrap();
    let held = everything(&data).await;
    let of = |id: &str| held[&RoomId::from(id)].room.clone();
    assert_eq!(of("r").creator, "gina");
    assert_eq!(of("r").data, object(json!({ "name": "n", "ACL": { "*": {} }, "own": 1 })));
    assert_eq!((of("s").creator.as_str(), of("s").created_at), ("anna", Millis(THEN)));
}

#[tokio::test]
async fn owners_come_before_those_who_were() {
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let mut writer = writer(&path);
    writer.room(&room("r")).unwrap();
    writer.role(&role("r", "anna", "Member", "1")).unwrap();
    writer.role(&role("r", "gina", "Owner", "2")).unwrap();
    finish(writer);
    let report = import(&data, &[&path]).await.unwrap();
    assert_eq!((report.roles.imported, report.roles.aside), (2, 0), "{:?}", report.reasons);
}

#[tokio::test]
async fn nothing_of_a_damaged_archive_is_taken() {
    let folder = TempDir::new().unwrap();
    let (archive, data) = (archive(folder.path(), 2, 50), folder.path().join("data"));
    let roles = archive.join("roles.ndjson.gz");
    let mut bytes = fs::read(&roles).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&roles, bytes).unwrap();
    let error = import(&data, &[&archive]).await.unwrap_err();
    assert!(matches!(error, ImportError::Archive(_)), "{error}");
    assert!(error.to_string().contains("roles.ndjson.gz is damaged"), "{error}");
    assert_eq!(everything(&data).await, BTreeMap::new());
}

#[tokio::test]
async fn more_than_a_list_holds_is_set_aside_one_by_one() {
    const BLOCKS: usize = 10_000;
    let folder = TempDir::new().unwrap();
    let (path, data) = (folder.path().join("archive"), folder.path().join("data"));
    let mut writer = writer(&path);
    writer.room(&room("r")).unwrap();
    for number in 0..BLOCKS + 3 {
        writer.block(&restriction("r", &format!("client{number}"), None)).unwrap();
    }
    finish(writer);
    let report = import(&data, &[&path]).await.unwrap();
    assert_eq!((report.blocks.imported, report.blocks.aside), (BLOCKS as u64, 3));
    let first: Value = aside(&report)[0].clone();
    assert_eq!(first["reason"], "the room's list is full");
}
