//! The lines of an archive's lists: rooms, restrictions, roles.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A room. The row as its source gave it stands under `row`; what is before it is what an import needs of that, as far
/// as the source had it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomLine {
    /// Its id.
    pub id: String,
    /// `name`, when it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who made it (`c`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// When its last message came (`lm`), in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<i64>,
    /// `attr`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// The other columns that the app made, as they came.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// Everything, as it came.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub row: Map<String, Value>,
}

/// A silence or a block, by the file that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestrictionLine {
    /// The room's id.
    pub room: String,
    /// Who.
    pub client: String,
    /// When it ends, in Unix milliseconds; `None` is for good.
    pub until: Option<i64>,
}

/// A client's role in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLine {
    /// The room's id.
    pub room: String,
    /// Who.
    pub client: String,
    /// `Owner`, `Manager` or `Member`.
    pub role: String,
    /// `objectId` of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
