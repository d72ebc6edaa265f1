//! A row of the list of rooms: whether it is a chat room, and its line in the archive.

use grandstand_room::clock::Millis;
use serde_json::{Map, Value};

use crate::archive::RoomLine;

/// What a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Room,
    Ordinary,
    Service,
    Temporary,
}

impl Kind {
    /// By what a row says of itself (`conv_type`, `tr`, `sys`, `temp`). One that says nothing is a room, if it stands in
    /// the list of rooms.
    pub(super) fn of(row: &Map<String, Value>) -> Self {
        let is = |key: &str| row.get(key) == Some(&Value::Bool(true));
        let kind = row.get("conv_type").and_then(Value::as_i64);
        let id = row.get("objectId").and_then(Value::as_str).unwrap_or_default();
        let members = row.get("m").and_then(Value::as_array);
        if is("sys") || kind == Some(3) {
            Self::Service
        } else if id.starts_with("_tmp:") || is("temp") || kind == Some(4) {
            Self::Temporary
        } else if is("tr") || kind == Some(2) {
            Self::Room
        } else if kind == Some(1)
            || is("unique")
            || row.contains_key("tr")
            || members.is_some_and(|members| !members.is_empty())
        {
            Self::Ordinary
        } else {
            Self::Room
        }
    }
}

/// Columns of every conversation: the others are the app's own.
const OF_EVERY_ROW: [&str; 17] = [
    "objectId",
    "createdAt",
    "updatedAt",
    "name",
    "attr",
    "c",
    "m",
    "mu",
    "lm",
    "tr",
    "sys",
    "temp",
    "unique",
    "uniqueId",
    "conv_type",
    "ACL",
    "muted",
];

/// The line of a row; `None` when it has no id.
pub(super) fn line(row: Map<String, Value>) -> Option<RoomLine> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text("objectId").filter(|id| !id.is_empty())?;
    let attributes = row.get("attr").and_then(Value::as_object).cloned().unwrap_or_default();
    let is_own = |key: &str| !OF_EVERY_ROW.contains(&key);
    let data = row.iter().filter(|(key, _)| is_own(key)).map(|(key, value)| (key.clone(), value.clone()));
    Some(RoomLine {
        id,
        name: text("name"),
        creator: text("c"),
        created_at: row.get("createdAt").and_then(time),
        updated_at: row.get("updatedAt").and_then(time),
        last_message_at: row.get("lm").and_then(time),
        attributes,
        data: data.collect(),
        row,
    })
}

/// Unix milliseconds of a date as rows carry it: ISO text, an object around that, or a number.
pub(super) fn time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => Millis::from_iso(text).map(|time| time.0),
        Value::Object(object) => object.get("iso").and_then(time),
        other => other.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn conversations_are_told_apart() {
        for (value, expected) in [
            (json!({ "objectId": "a", "tr": true, "m": [] }), Kind::Room),
            (json!({ "objectId": "a", "conv_type": 2 }), Kind::Room),
            (json!({ "objectId": "a", "tr": true, "sys": true }), Kind::Service),
            (json!({ "objectId": "a", "conv_type": 3 }), Kind::Service),
            (json!({ "objectId": "_tmp:a" }), Kind::Temporary),
            (json!({ "objectId": "a", "tr": false }), Kind::Ordinary),
            (json!({ "objectId": "a", "unique": true }), Kind::Ordinary),
            (json!({ "objectId": "a", "m": ["ann"] }), Kind::Ordinary),
            (json!({ "objectId": "a", "conv_type": 1 }), Kind::Ordinary),
            (json!({ "objectId": "a", "name": "n" }), Kind::Room),
        ] {
            assert_eq!(Kind::of(&row(value.clone())), expected, "{value}");
        }
    }

    #[test]
    fn a_line_has_the_whole_row() {
        let value = json!({
            "objectId": "a", "name": "n", "c": "ann", "createdAt": "2026-01-02T03:04:05.678Z",
            "updatedAt": { "__type": "Date", "iso": "2026-01-02T03:04:05.679Z" }, "attr": { "x": 1 }, "own": [null],
            "ACL": { "*": { "read": true } }, "m": [], "tr": true,
        });
        let line = line(row(value.clone())).unwrap();
        assert_eq!(
            (line.id.as_str(), line.name.as_deref(), line.creator.as_deref()),
            ("a", Some("n"), Some("ann"))
        );
        assert_eq!((line.created_at, line.updated_at), (Some(1_767_323_045_678), Some(1_767_323_045_679)));
        assert_eq!(
            (Value::from(line.attributes), Value::from(line.data)),
            (json!({ "x": 1 }), json!({ "own": [null] }))
        );
        assert_eq!(Value::from(line.row), value);
        assert!(super::line(row(json!({ "name": "n" }))).is_none());
    }
}
