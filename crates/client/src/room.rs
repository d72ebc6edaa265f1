//! Looking for rooms, and what is found.

use grandstand_protocol::{ConversationQuery, RoomId};
use serde_json::{Map, Value};

/// A query for chat rooms. All conditions must hold; without any, it finds all rooms of the app, page by page.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomQuery {
    filter: Map<String, Value>,
    sort: Option<String>,
    limit: Option<i32>,
    skip: Option<i32>,
}

impl Default for RoomQuery {
    fn default() -> Self {
        Self::new()
    }
}

impl RoomQuery {
    /// All chat rooms of the app.
    #[must_use]
    pub fn new() -> Self {
        let filter = Map::from_iter([("tr".to_owned(), Value::Bool(true))]);
        Self { filter, sort: None, limit: None, skip: None }
    }

    /// The room with this id.
    #[must_use]
    pub fn id(self, room: &RoomId) -> Self {
        self.filter("objectId", room.as_str())
    }

    /// Rooms with exactly this name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.filter("name", name)
    }

    /// Rooms whose key has this value or meets these conditions: `filter("attr.topic", "football")`,
    /// `filter("name", json!({"$regex": "^Final"}))`.
    #[must_use]
    pub fn filter(mut self, key: &str, condition: impl Into<Value>) -> Self {
        self.filter.insert(key.to_owned(), condition.into());
        self
    }

    /// Order: a comma list of keys, a leading `-` for descending. By default the newest last message first.
    #[must_use]
    pub fn sort(mut self, keys: &str) -> Self {
        self.sort = Some(keys.to_owned());
        self
    }

    /// Rooms in the answer: 10 by default, at most 100.
    #[must_use]
    pub fn limit(mut self, rooms: u32) -> Self {
        self.limit = Some(i32::try_from(rooms).unwrap_or(i32::MAX));
        self
    }

    /// Rooms to pass over.
    #[must_use]
    pub fn skip(mut self, rooms: u32) -> Self {
        self.skip = Some(i32::try_from(rooms).unwrap_or(i32::MAX));
        self
    }

    pub(crate) fn into_command(self) -> ConversationQuery {
        ConversationQuery {
            filter: Some(Value::Object(self.filter).to_string()),
            sort: self.sort,
            limit: self.limit,
            skip: self.skip,
            ..ConversationQuery::default()
        }
    }
}

/// A room as the server describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomInfo {
    /// Its id.
    pub id: RoomId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Client id of who created it, if known.
    pub creator: Option<String>,
    /// Its custom attributes (`attr`).
    pub attributes: Map<String, Value>,
    /// The whole row: dates (`createdAt`, `updatedAt`, ISO 8601) and columns of the app's own among others.
    pub row: Map<String, Value>,
}

impl RoomInfo {
    /// Reads a row; `None` when it is no object with an `objectId`.
    pub(crate) fn from_row(row: Value) -> Option<Self> {
        let Value::Object(row) = row else { return None };
        let text = |key| row.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = text("objectId")?.into();
        let attributes = row.get("attr").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { id, name: text("name"), creator: text("c"), attributes, row })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_asks_for_chat_rooms() {
        let query =
            RoomQuery::new().name("Final").filter("attr.topic", json!({"$in": ["a", "b"]})).limit(3).skip(6);
        let command = query.into_command();
        let filter: Value = serde_json::from_str(&command.filter.unwrap()).unwrap();
        assert_eq!(filter, json!({"tr": true, "name": "Final", "attr.topic": {"$in": ["a", "b"]}}));
        assert_eq!((command.limit, command.skip), (Some(3), Some(6)));
    }

    #[test]
    fn a_row_needs_an_id_and_nothing_else() {
        let row = json!({"objectId": "r1", "name": "Final", "c": "ann", "attr": {"topic": "a"}, "tr": true});
        let info = RoomInfo::from_row(row.clone()).unwrap();
        assert_eq!(
            (info.id.as_str(), info.name.as_deref(), info.creator.as_deref()),
            ("r1", Some("Final"), Some("ann"))
        );
        assert_eq!(info.attributes, *json!({"topic": "a"}).as_object().unwrap());
        assert_eq!(Value::Object(info.row), row);

        let bare = RoomInfo::from_row(json!({"objectId": "r1"})).unwrap();
        assert_eq!((bare.name, bare.creator, bare.attributes.len()), (None, None, 0));
        assert_eq!(RoomInfo::from_row(json!({"name": "Final"})), None);
        assert_eq!(RoomInfo::from_row(json!("r1")), None);
    }
}
