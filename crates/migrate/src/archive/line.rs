//! The lines of an archive's lists: rooms, restrictions, roles, switches; bans and words of the app.

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

/// What holds for everybody in a room. What is off is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchesLine {
    /// The room's id.
    pub room: String,
    /// Only some may speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute_all: Option<MuteAllLine>,
    /// A pause between two messages of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_mode: Option<SlowModeLine>,
    /// Nobody may speak.
    #[serde(default)]
    pub frozen: bool,
}

/// Who may speak while all others may not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteAllLine {
    /// When it ends, in Unix milliseconds; `None` is for good.
    pub until: Option<i64>,
    /// Who may.
    #[serde(default)]
    pub clients: Vec<String>,
    /// Whose role allows it: `Owner`, `Manager`.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// How slow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowModeLine {
    /// The pause.
    pub seconds: u32,
    /// For whom it does not hold.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Somebody who is banned from the app: a client or a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BanLine {
    /// A client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// An address, or a network as `192.0.2.0/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When it ends, in Unix milliseconds; `None` is for good.
    pub until: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
}

/// A word of the app's list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordLine {
    /// The word.
    pub word: String,
}
