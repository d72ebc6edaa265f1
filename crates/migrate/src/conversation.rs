//! A row of LeanCloud's `_Conversation`: which kind of conversation it is, and the room in it.

use grandstand_room::{attributes::is_reserved, clock::Millis};
use serde_json::{Map, Value};

use crate::archive::RoomLine;

/// Longest room id, in bytes. LeanCloud's have 24; imported ones may be anything that fits a URL.
pub const ID_BYTES: usize = 256;

/// Kinds of conversations (protocol 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A chat room.
    Room,
    /// People who write to each other.
    Ordinary,
    /// A service account.
    Service,
    /// One that goes by itself.
    Temporary,
}

/// The kind, as far as the row tells. One without any sign is an ordinary conversation in a table of all of them.
#[must_use]
pub fn kind(row: &Map<String, Value>) -> Option<Kind> {
    let is = |key: &str| row.get(key).is_some_and(|value| *value == Value::Bool(true));
    match row.get("conv_type").and_then(Value::as_i64) {
        Some(1) => return Some(Kind::Ordinary),
        Some(2) => return Some(Kind::Room),
        Some(3) => return Some(Kind::Service),
        Some(4) => return Some(Kind::Temporary),
        _ => {}
    }
    if is("temp") || id(row).is_ok_and(|id| id.starts_with("_tmp:")) {
        Some(Kind::Temporary)
    } else if is("sys") {
        Some(Kind::Service)
    } else if is("tr") {
        Some(Kind::Room)
    } else {
        row.contains_key("tr").then_some(Kind::Ordinary)
    }
}

/// Why a row is no conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// No `objectId` and no `_id`.
    #[error("it has no id")]
    NoId,
    /// One that no URL takes.
    #[error("its id is empty, longer than {ID_BYTES} bytes, or has control characters")]
    BadId,
    /// A date that is none.
    #[error("its {0} is no date")]
    BadDate(&'static str),
}

impl RoomLine {
    /// Takes from a row what an import needs, and keeps the row.
    ///
    /// # Errors
    /// When it has no id, or dates that are none.
    pub fn of_row(row: Map<String, Value>) -> Result<Self, RowError> {
        let id = id(&row)?.to_owned();
        let date = |key: &'static str| match row.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => moment(value).map(Some).ok_or(RowError::BadDate(key)),
        };
        let mut line = Self {
            created_at: date("createdAt")?,
            updated_at: date("updatedAt")?,
            // Says less than the messages do: not worth a room.
            last_message_at: row.get("lm").and_then(moment),
            creator: creator(&row),
            id,
            ..Self::default()
        };
        for (key, value) in &row {
            match (key.as_str(), value) {
                ("name", Value::String(name)) => line.name = Some(name.clone()),
                ("attr", Value::Object(attributes)) => line.attributes = attributes.clone(),
                ("_id", _) | (_, Value::Null) => {}
                (key, _) if is_reserved(key) => {}
                (key, value) => {
                    line.data.insert(key.to_owned(), value.clone());
                }
            }
        }
        line.row = row;
        Ok(line)
    }

    /// When it was made: as the row says, or as a 24-digit id does.
    #[must_use]
    pub fn made_at(&self) -> Option<i64> {
        let of_id = || {
            let is_object_id = self.id.len() == 24 && self.id.bytes().all(|byte| byte.is_ascii_hexdigit());
            let seconds = is_object_id.then(|| i64::from_str_radix(&self.id[..8], 16).ok());
            seconds.flatten().map(|seconds| seconds * 1000)
        };
        self.created_at.or_else(of_id)
    }
}

/// `objectId`, or `_id` in a copy of the database.
fn id(row: &Map<String, Value>) -> Result<&str, RowError> {
    let value = row.get("objectId").or_else(|| row.get("_id")).ok_or(RowError::NoId)?;
    let id = value.as_str().ok_or(RowError::NoId)?;
    let is_fine = !id.is_empty() && id.len() <= ID_BYTES && !id.chars().any(char::is_control);
    if is_fine { Ok(id) } else { Err(RowError::BadId) }
}

/// Back ends have written numbers, too.
fn creator(row: &Map<String, Value>) -> Option<String> {
    match row.get("c")? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A date as LeanCloud writes it: ISO 8601, the same in an object, or Unix milliseconds.
pub(crate) fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|ms| ms as i64)),
        Value::String(text) => Millis::from_iso(text).map(|time| time.0),
        Value::Object(object) => match object.get("iso")? {
            Value::String(text) => Millis::from_iso(text).map(|time| time.0),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_kind_is_what_sdks_make_of_it() {
        let check = |row: Value, expected: Option<Kind>| assert_eq!(kind(&object(row)), expected);
        check(json!({ "tr": true }), Some(Kind::Room));
        check(json!({ "conv_type": 2 }), Some(Kind::Room));
        check(json!({ "conv_type": 1, "tr": true }), Some(Kind::Ordinary));
        check(json!({ "tr": false }), Some(Kind::Ordinary));
        check(json!({ "sys": true }), Some(Kind::Service));
        check(json!({ "sys": true, "tr": false }), Some(Kind::Service));
        check(json!({ "objectId": "_tmp:abc" }), Some(Kind::Temporary));
        check(json!({ "_id": "_tmp:abc", "tr": true }), Some(Kind::Temporary));
        check(json!({ "conv_type": 4 }), Some(Kind::Temporary));
        check(json!({ "name": "x", "m": ["a"] }), None);
    }

    #[test]
    fn a_row_becomes_a_room() {
        let row = object(json!({
            "objectId": "5",
            "name": "决赛",
            "c": "anna",
            "createdAt": "2020-01-01T00:00:00.000Z",
            "updatedAt": { "__type": "Date", "iso": "2020-01-01T00:00:01.500Z" },
            "lm": 1_577_836_900_000_i64,
            "attr": { "vip": 1 },
            "ACL": { "*": { "read": true } },
            "stage": "final",
            "m": [], "mu": [], "tr": true, "empty": null,
        }));
        let line = RoomLine::of_row(row.clone()).unwrap();
        let expected = RoomLine {
            id: "5".to_owned(),
            name: Some("决赛".to_owned()),
            creator: Some("anna".to_owned()),
            created_at: Some(1_577_836_800_000),
            updated_at: Some(1_577_836_801_500),
            last_message_at: Some(1_577_836_900_000),
            attributes: object(json!({ "vip": 1 })),
            data: object(json!({ "ACL": { "*": { "read": true } }, "stage": "final" })),
            row,
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn names_and_attributes_of_other_types_are_kept_as_columns() {
        let line = RoomLine::of_row(object(json!({ "_id": "x", "name": 5, "attr": "[]", "c": 7 }))).unwrap();
        assert_eq!((line.name, line.creator), (None, Some("7".to_owned())));
        assert_eq!(line.data, object(json!({ "name": 5, "attr": "[]" })));
    }

    #[test]
    fn rows_that_are_none_are_refused() {
        let check = |row: Value, expected: RowError| {
            assert_eq!(RoomLine::of_row(object(row)).unwrap_err(), expected);
        };
        check(json!({ "name": "x" }), RowError::NoId);
        check(json!({ "objectId": 5 }), RowError::NoId);
        check(json!({ "objectId": "" }), RowError::BadId);
        check(json!({ "objectId": "a\n" }), RowError::BadId);
        check(json!({ "objectId": "x".repeat(257) }), RowError::BadId);
        check(json!({ "objectId": "x", "createdAt": "yesterday" }), RowError::BadDate("createdAt"));
        check(json!({ "objectId": "x", "updatedAt": [] }), RowError::BadDate("updatedAt"));
    }

    #[test]
    fn an_object_id_knows_its_time() {
        let made_at = |id: &str| RoomLine { id: id.to_owned(), ..RoomLine::default() }.made_at();
        assert_eq!(made_at("5e0be100aaaaaaaaaaaaaaaa"), Some(1_577_836_800_000));
        assert_eq!(made_at("final"), None);
        assert_eq!(made_at("日日日日日日日日"), None);
    }
}
