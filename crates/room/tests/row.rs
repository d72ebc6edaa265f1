//! Rows as clients get them: every key and type of protocol.md 4.6.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use grandstand_protocol::{Body, Mentions, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    room::{LastMessage, Room},
};
use serde_json::{Value, json};

fn room(data: &Value) -> Room {
    Room {
        id: RoomId::from("65f000000000000000000001"),
        creator: "ann".to_owned(),
        data: data.as_object().unwrap().clone(),
        created_at: Millis(1_767_225_600_000),
        updated_at: Millis(1_767_225_600_070),
        last_message_at: None,
    }
}

#[test]
fn a_full_row() {
    let room = Room {
        last_message_at: Some(Millis(1_767_225_601_001)),
        ..room(&json!({ "name": "cup", "attr": { "a": 1 }, "color": "red" }))
    };
    let row = json!({
        "objectId": "65f000000000000000000001",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.070Z",
        "tr": true,
        "conv_type": 2,
        "c": "ann",
        "m": [],
        "lm": { "__type": "Date", "iso": "2026-01-01T00:00:01.001Z" },
        "name": "cup",
        "attr": { "a": 1 },
        "color": "red",
    });
    assert_eq!(room.to_row(false), row);
    let mut compact = row;
    compact.as_object_mut().unwrap().remove("m");
    assert_eq!(room.to_row(true), compact);
}

#[test]
fn nothing_is_null_and_nothing_is_overridden() {
    let data = json!({ "name": null, "attr": null, "other": null, "mu": null, "unique": null, "tr": "no", "m": ["x"], "objectId": "y" });
    let row = Room { creator: String::new(), ..room(&data) }.to_row(false);
    let expected = json!({
        "objectId": "65f000000000000000000001",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.070Z",
        "tr": true,
        "conv_type": 2,
        "m": [],
    });
    assert_eq!(row, expected);
}

#[test]
fn the_last_message() {
    let message = LastMessage {
        id: MessageId::from("m1"),
        timestamp: Millis(1_767_225_601_001),
        from: "tom".to_owned(),
        body: Body::Text("hi".to_owned()),
        mentions: Mentions::default(),
        patched_at: None,
    };
    let added = |message: &LastMessage| {
        let mut row = room(&json!({})).to_row_with(true, message);
        for key in room(&json!({})).to_row(true).as_object().unwrap().keys() {
            row.as_object_mut().unwrap().remove(key);
        }
        row
    };
    assert_eq!(
        added(&message),
        json!({ "msg": "hi", "bin": false, "msg_mid": "m1", "msg_from": "tom", "msg_timestamp": 1_767_225_601_001_i64 })
    );
    let full = LastMessage {
        body: Body::Binary(Bytes::from_static(b"\x00\xff")),
        mentions: Mentions { all: true, clients: vec!["ann".to_owned()] },
        patched_at: Some(Millis(1_767_225_602_000)),
        ..message
    };
    assert_eq!(
        added(&full),
        json!({
            "msg": "AP8=",
            "bin": true,
            "msg_mid": "m1",
            "msg_from": "tom",
            "msg_timestamp": 1_767_225_601_001_i64,
            "patch_timestamp": 1_767_225_602_000_i64,
            "mention_all": true,
            "mention_pids": ["ann"],
        })
    );
}
