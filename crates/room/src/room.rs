//! A chat room as a value, and the row that clients get of it.

use grandstand_protocol::RoomId;
use serde_json::{Map, Value};

use crate::clock::Millis;

/// A chat room.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Who made it (`c`); empty when the app's back end did.
    pub creator: String,
    /// Top-level keys of the row that the app chose: `name`, `attr`, and any others. Never reserved ones.
    pub data: Map<String, Value>,
    /// When it was made.
    pub created_at: Millis,
    /// When its attributes last changed. Messages do not touch it.
    pub updated_at: Millis,
    /// When the last message came (`lm`); may lag a few seconds behind.
    pub last_message_at: Option<Millis>,
}
