//! A row of the list of rooms: whether it is a chat room.

use serde_json::{Map, Value};

use crate::conversation::{self, Kind};

/// By what a row says of itself. One that says nothing is a room, as it stands in the list of rooms; unless it has
/// members, as only others do.
pub(super) fn kind(row: &Map<String, Value>) -> Kind {
    let members = row.get("m").and_then(Value::as_array);
    let is_of_few =
        members.is_some_and(|members| !members.is_empty()) || row.get("unique") == Some(&true.into());
    conversation::kind(row).unwrap_or(if is_of_few { Kind::Ordinary } else { Kind::Room })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_in_the_list_of_rooms_is_one_unless_it_says_otherwise() {
        for (value, expected) in [
            (json!({ "objectId": "a", "tr": true, "m": [] }), Kind::Room),
            (json!({ "objectId": "a", "name": "n" }), Kind::Room),
            (json!({ "objectId": "a", "tr": false }), Kind::Ordinary),
            (json!({ "objectId": "a", "unique": true }), Kind::Ordinary),
            (json!({ "objectId": "a", "m": ["ann"] }), Kind::Ordinary),
            (json!({ "objectId": "a", "conv_type": 3 }), Kind::Service),
        ] {
            assert_eq!(kind(value.as_object().unwrap()), expected, "{value}");
        }
    }
}
