//! A chat room as a value, and the row that clients get of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use grandstand_protocol::{Body, Mentions, MessageId, RoomId};
use serde_json::{Map, Value, json};

use crate::{attributes::is_reserved, clock::Millis};

/// `conv_type` of chat rooms. 1 is an ordinary conversation, 3 a service account, 4 a temporary conversation.
pub const CONVERSATION_TYPE: i32 = 2;

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

/// The newest stored message of a room, for rows of queries that ask for it (bit 1 of `flag`).
#[derive(Debug, Clone, PartialEq)]
pub struct LastMessage {
    /// Its id.
    pub id: MessageId,
    /// Its time.
    pub timestamp: Millis,
    /// Who sent it.
    pub from: String,
    /// The content.
    pub body: Body,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// Time of its last edit.
    pub patched_at: Option<Millis>,
}

impl Room {
    /// The row of a query result; `compact` (bit 0 of `flag`) leaves `m` out.
    ///
    /// No key is ever null: some SDKs cast without looking. `m` is always empty, `mu`, `sys`, `temp` and `unique`
    /// are left out.
    #[must_use]
    pub fn to_row(&self, compact: bool) -> Value {
        Value::Object(self.row(compact))
    }

    /// The row with the room's last message.
    #[must_use]
    pub fn to_row_with(&self, compact: bool, last: &LastMessage) -> Value {
        let mut row = self.row(compact);
        last.add_to(&mut row);
        Value::Object(row)
    }

    fn row(&self, compact: bool) -> Map<String, Value> {
        let mut row = Map::new();
        let mut put = |key: &str, value| row.insert(key.to_owned(), value);
        put("objectId", self.id.as_str().into());
        put("createdAt", self.created_at.to_iso().into());
        put("updatedAt", self.updated_at.to_iso().into());
        put("tr", true.into());
        put("conv_type", CONVERSATION_TYPE.into());
        if !self.creator.is_empty() {
            put("c", self.creator.as_str().into());
        }
        if !compact {
            put("m", Value::Array(Vec::new()));
        }
        if let Some(time) = self.last_message_at {
            put("lm", json!({ "__type": "Date", "iso": time.to_iso() }));
        }
        for (key, value) in &self.data {
            if !value.is_null() && !is_reserved(key) {
                put(key, value.clone());
            }
        }
        row
    }
}

impl LastMessage {
    /// C# needs `bin` wherever there is `msg`, and `msg_timestamp` as a number.
    fn add_to(&self, row: &mut Map<String, Value>) {
        let mut put = |key: &str, value| row.insert(key.to_owned(), value);
        let (text, binary) = match &self.body {
            Body::Text(text) => (text.clone(), false),
            Body::Binary(bytes) => (STANDARD.encode(bytes), true),
        };
        put("msg", text.into());
        put("bin", binary.into());
        put("msg_mid", self.id.as_str().into());
        put("msg_from", self.from.as_str().into());
        put("msg_timestamp", self.timestamp.0.into());
        if let Some(time) = self.patched_at {
            put("patch_timestamp", time.0.into());
        }
        if self.mentions.all {
            put("mention_all", true.into());
        }
        if !self.mentions.clients.is_empty() {
            put("mention_pids", self.mentions.clients.clone().into());
        }
    }
}
