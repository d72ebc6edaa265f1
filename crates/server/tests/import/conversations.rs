//! Files of LeanCloud's storage export.

use std::fs;

use grandstand_protocol::RoomId;
use grandstand_room::clock::Millis;
use serde_json::json;
use tempfile::TempDir;

use crate::fixture::{THEN, aside, everything, finish, import, object, text, writer};

const FILE: &str = r#"#filetype:JSON-streaming {"type":"Class","class":"_Conversation"}
{"objectId":"5e0be100aaaaaaaaaaaaaaaa","name":"决赛","c":"anna","tr":true,"m":[],"mu":[],"createdAt":"2020-01-02T00:00:00.000Z","updatedAt":"2020-01-03T00:00:00.000Z","lm":{"__type":"Date","iso":"2020-01-04T00:00:00.000Z"},"ACL":{"*":{"read":true}},"attr":{"stage":1},"hot":{"__type":"Date","iso":"2020-01-04T00:00:00.000Z"}}
{"objectId":"5e0be101aaaaaaaaaaaaaaaa","name":"friends","m":["a","b"],"createdAt":"2020-01-02T00:00:00.000Z"}
{"objectId":"5e0be102aaaaaaaaaaaaaaaa","name":"news","sys":true}
{"objectId":"_tmp:abc","m":["a"]}
{"objectId":"final-room","tr":true}
{"name":"without id","tr":true}
{"objectId":"bad","tr":true,"createdAt":"yesterday"}
{"objectId": broken
{"_id":{"$oid":"5e0be100bbbbbbbbbbbbbbbb"},"tr":true,"createdAt":{"$date":"2020-01-05T00:00:00Z"}}
"#;

#[tokio::test]
async fn rooms_are_taken_and_other_conversations_are_counted() {
    let folder = TempDir::new().unwrap();
    let (file, data) = (folder.path().join("_Conversation.0.jsonl"), folder.path().join("data"));
    fs::write(&file, FILE).unwrap();
    let report = import(&data, &[&file]).await.unwrap();
    assert_eq!((report.rooms.read, report.rooms.imported, report.rooms.aside), (6, 3, 3));
    let others = report.conversations;
    assert_eq!((others.ordinary, others.service, others.temporary), (1, 1, 1));
    assert_eq!(report.rows(), 9);
    let lines: Vec<u64> = aside(&report).iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [7, 8, 9]);
    assert_eq!(aside(&report)[2]["text"], "{\"objectId\": broken");

    let held = everything(&data).await;
    assert_eq!(held.len(), 3);
    let room = &held[&RoomId::from("5e0be100aaaaaaaaaaaaaaaa")].room;
    let date = json!({ "__type": "Date", "iso": "2020-01-04T00:00:00.000Z" });
    let columns =
        json!({ "name": "决赛", "attr": { "stage": 1 }, "ACL": { "*": { "read": true } }, "hot": date });
    assert_eq!((room.creator.as_str(), &room.data), ("anna", &object(columns)));
    let day = 86_400_000;
    let new_year = 1_577_836_800_000;
    assert_eq!((room.created_at, room.updated_at), (Millis(new_year + day), Millis(new_year + 2 * day)));
    assert_eq!(room.last_message_at, Some(Millis(new_year + 3 * day)));
    assert_eq!(held[&RoomId::from("5e0be100bbbbbbbbbbbbbbbb")].room.created_at, Millis(new_year + 4 * day));
    let without_dates = &held[&RoomId::from("final-room")].room;
    assert!(without_dates.created_at > Millis(THEN) && without_dates.updated_at == without_dates.created_at);
}

/// Such as an answer of REST that somebody has saved: the rooms in it are not passed over as one conversation.
#[tokio::test]
async fn what_is_no_row_of_the_table_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let (file, data) = (folder.path().join("rows.json"), folder.path().join("data"));
    fs::write(&file, "{\"results\":[{\"objectId\":\"r\",\"tr\":true}]}\n{}\n{\"objectId\":\"s\"}\n").unwrap();
    let report = import(&data, &[&file]).await.unwrap();
    assert_eq!((report.rooms.aside, report.conversations.ordinary), (2, 1));
    let rows = aside(&report);
    assert_eq!(rows[0]["row"]["results"][0]["objectId"], "r");
    assert!(rows.iter().all(|row| row["reason"] == "the row is no room: it has no id"), "{rows:?}");
}

/// Rooms of all sources come first: messages of one find their room in another.
#[tokio::test]
async fn messages_find_their_rooms_in_another_source() {
    let folder = TempDir::new().unwrap();
    let (file, data) = (folder.path().join("rows.json"), folder.path().join("data"));
    fs::write(&file, r#"[{"objectId":"r","tr":true}]"#).unwrap();
    let archive = folder.path().join("archive");
    let mut messages = writer(&archive);
    messages.message(&text("m", "r", THEN)).unwrap();
    finish(messages);
    let report = import(&data, &[&archive, &file]).await.unwrap();
    assert_eq!((report.rooms.imported, report.messages.imported), (1, 1));
    assert_eq!(report.sources.len(), 2);
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_an_error_and_what_was_before_is_taken() {
    let folder = TempDir::new().unwrap();
    let (file, data) = (folder.path().join("rows.json"), folder.path().join("data"));
    fs::write(&file, r#"[{"objectId":"r","tr":true},{"objectId":"s","t"#).unwrap();
    let error = import(&data, &[&file]).await.unwrap_err().to_string();
    assert!(error.contains("cannot be read any further after row 1"), "{error}");
    assert!(everything(&data).await.contains_key("r"));
}
