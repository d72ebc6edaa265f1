//! Lists of rooms: what may be asked, and the rows that come back.

use std::fmt;

use grandstand_protocol::AppId;
use grandstand_room::{query::RoomQuery, room::Room};
use http::StatusCode;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::{node::Node, service::room::record};

/// Largest answer, in bytes of its rows: it waits in memory until the peer has read it.
pub(super) const ROWS_BYTES: usize = 4 * 1024 * 1024;

/// Rows of one page, at most.
const ROWS: u32 = 1000;

/// Keys that an answer may be reduced to.
const KEYS: usize = 100;

/// The parameters of a list. Numbers may come as text, and the other way round.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    #[serde(rename = "where")]
    filter: Text,
    skip: Text,
    limit: Text,
    order: Text,
    count: Text,
    keys: Text,
}

/// A parameter's text, if it is there.
#[derive(Debug, Default)]
struct Text(Option<String>);

impl Listing {
    /// The rows, `{"results":[…]}`, and their `count` when that was asked for.
    pub(super) async fn of_rooms(self, node: &Node, app: &AppId, usual: u32) -> Result<Value, ApiError> {
        let skip = self.skip.number("skip")?.unwrap_or(0);
        let limit = self.limit.number("limit")?.unwrap_or(usual).min(ROWS);
        let (filter, order) = (self.filter.0.as_deref(), self.order.0.as_deref());
        let keys = Keys::parse(self.keys.0.as_deref().unwrap_or_default())?;
        let counted = !matches!(self.count.0.as_deref(), None | Some("" | "0" | "false"));
        let query = RoomQuery::listing(filter, order, skip, limit);
        let (rooms, count) = record::list(node, app, query, counted).await?;
        let mut answer = json!({ "results": rows(&rooms, &keys)? });
        if let Some(count) = count {
            answer["count"] = count.into();
        }
        Ok(answer)
    }
}

fn rows(rooms: &[Room], keys: &Keys) -> Result<Vec<Value>, ApiError> {
    let (mut rows, mut bytes) = (Vec::with_capacity(rooms.len()), 0);
    for room in rooms {
        let row = keys.of(room);
        bytes += row.to_string().len();
        if bytes > ROWS_BYTES {
            let error = format!(
                "the answer would have more than {ROWS_BYTES} bytes: ask for fewer rows at a time, or name the keys"
            );
            return Err(ApiError::new(StatusCode::BAD_REQUEST, error));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Which keys of a row are wanted: some, or all but some.
#[derive(Debug, Default)]
pub(super) struct Keys {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl Keys {
    /// A comma list, such as `name,attr.topic` or `-attr`.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut keys = Self::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.strip_prefix('-') {
                Some(name) => keys.unwanted.push(name.to_owned()),
                None => keys.wanted.push(name.to_owned()),
            }
        }
        if keys.wanted.len() + keys.unwanted.len() > KEYS {
            return Err(ApiError::bad_request(format!("keys names more than {KEYS} keys")));
        }
        Ok(keys)
    }

    /// The room's row; its id and times are always there.
    pub(super) fn of(&self, room: &Room) -> Value {
        let Value::Object(mut row) = room.to_row(false) else { return Value::Null };
        if !self.wanted.is_empty() {
            let mut reduced = Map::new();
            for name in ["objectId", "createdAt", "updatedAt"] {
                copy(&row, &mut reduced, &[name]);
            }
            for name in &self.wanted {
                copy(&row, &mut reduced, &name.split('.').collect::<Vec<_>>());
            }
            row = reduced;
        }
        for name in &self.unwanted {
            remove(&mut row, &name.split('.').collect::<Vec<_>>());
        }
        Value::Object(row)
    }
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(value) = from.get(*first) else { return };
    if rest.is_empty() {
        to.insert((*first).to_owned(), value.clone());
        return;
    }
    let Value::Object(inner) = value else { return };
    let place = to.entry((*first).to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(place) = place {
        copy(inner, place, rest);
    }
}

fn remove(row: &mut Map<String, Value>, path: &[&str]) {
    match path {
        ["objectId" | "createdAt" | "updatedAt"] | [] => {}
        [name] => {
            row.shift_remove(*name);
        }
        [first, rest @ ..] => {
            if let Some(Value::Object(inner)) = row.get_mut(*first) {
                remove(inner, rest);
            }
        }
    }
}

impl Text {
    fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let number = self.0.as_deref().map(str::parse).transpose();
        number.map_err(|_| ApiError::bad_request(format!("{name} must be a whole number, 0 or more")))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> de::Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a parameter")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text(Some(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text(Some(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    /// `where` as an object, in a batch.
    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
        let object = Map::<String, Value>::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Text(Some(Value::Object(object).to_string())))
    }
}

#[cfg(test)]
mod tests {
    use grandstand_room::clock::Millis;

    use super::*;

    #[test]
    fn keys_reduce_a_row() {
        let data = json!({ "name": "n", "attr": { "a": 1, "b": { "c": 2, "d": 3 } } });
        let room = Room {
            id: "r".into(),
            creator: String::new(),
            data: data.as_object().unwrap().clone(),
            created_at: Millis(0),
            updated_at: Millis(0),
            last_message_at: None,
        };
        for (keys, absent, expected) in [
            ("name", "attr", json!({ "name": "n" })),
            ("attr.a,attr.b.c", "name", json!({ "attr": { "a": 1, "b": { "c": 2 } } })),
            ("nothing,name.x", "name", json!({})),
            ("-attr", "attr", json!({ "name": "n", "tr": true, "conv_type": 2, "m": [] })),
            ("attr,-attr.b,-objectId", "name", json!({ "attr": { "a": 1 } })),
        ] {
            let mut row = Keys::parse(keys).unwrap().of(&room);
            assert!(row.get(absent).is_none(), "{keys}: {row}");
            for name in ["objectId", "createdAt", "updatedAt"] {
                assert!(row.as_object_mut().unwrap().remove(name).is_some(), "{keys}");
            }
            assert_eq!(row, expected, "{keys}");
        }
        assert!(Keys::parse(&"k,".repeat(101)).is_err());
    }

    #[test]
    fn parameters_come_as_text_or_as_values() {
        let read = |value: Value| serde_json::from_value::<Listing>(value).unwrap();
        let listing = read(json!({ "where": { "name": "x" }, "limit": 5, "skip": "7", "count": true }));
        assert_eq!(listing.filter.0.unwrap(), r#"{"name":"x"}"#);
        assert_eq!(listing.limit.number("limit").unwrap(), Some(5));
        assert_eq!(listing.skip.number("skip").unwrap(), Some(7));
        assert_eq!(listing.count.0.unwrap(), "true");
        assert!(read(json!({ "limit": -1 })).limit.number("limit").is_err());
        assert_eq!(read(json!({ "limit": null })).limit.number("limit").unwrap(), None);
    }
}
