//! What an export came to: what is in the archive, what is not, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::Calls;

/// Findings, set-aside rows and other conversations that are named; more are only counted.
const NAMED: usize = 1000;

/// `report.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Report {
    /// Rows of the list of rooms that are none.
    pub other_conversations: Others,
    /// Messages of the app that are in no chat room that is there.
    pub other_messages: OtherMessages,
    /// How the pages of history fit together.
    pub continuity: Continuity,
    /// What was read a second time, another way.
    pub checks: Checked,
    /// Lists that the server refused to show, in its words, and for how many rooms.
    pub refused: BTreeMap<String, u64>,
    /// Rooms that went while they were read.
    pub gone: Vec<String>,
    /// What the archive lacks: with any of it, it is not complete.
    pub missing: Vec<Finding>,
    /// How much it lacks: `missing` names a thousand.
    pub missing_count: u64,
    /// What is worth to be known, and no loss.
    pub notes: Vec<Finding>,
    /// What the source does not tell to anybody.
    pub not_told: Vec<String>,
    /// What was asked, in all runs.
    pub calls: Calls,
    /// Begin the next export here (`--since`) to get what came meanwhile: ISO 8601.
    pub next_since: Option<String>,
}

/// Conversations that are no chat rooms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    pub ordinary: u64,
    pub service: u64,
    pub temporary: u64,
}

/// Messages that are in no chat room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMessages {
    pub messages: u64,
    /// How many in which conversation, of a thousand of these.
    pub conversations: BTreeMap<String, u64>,
}

/// How the pages of history fit together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuity {
    /// Pages that were used.
    pub pages: u64,
    /// Of these, pages that began with the last message of the one before, or with the beginning.
    pub proven: u64,
    /// Pages that did not fit and were asked for again.
    pub repeated: u64,
    /// Messages that came more than once, and are in the archive once.
    pub duplicates: u64,
}

/// What was read a second time, another way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Rooms that were read backwards.
    pub rooms: u64,
    /// Their messages.
    pub messages: u64,
    /// Messages that only this reading found; they are in the archive.
    pub added: u64,
    /// Messages of the archive that this reading did not find: they were deleted meanwhile.
    pub gone: u64,
    /// Rooms that could not be read so to their end.
    pub unsound: u64,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// In words.
    pub what: String,
    /// The row as it came, where there is one.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub row: Value,
}

impl Report {
    pub(super) fn missing(&mut self, what: impl Into<String>, row: Value) {
        self.missing_count += 1;
        if self.missing.len() < NAMED {
            self.missing.push(Finding { what: what.into(), row });
        }
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        if self.notes.len() < NAMED {
            self.notes.push(Finding { what: what.into(), row: Value::Null });
        }
    }

    pub(super) fn gone(&mut self, room: &str) {
        if self.gone.len() < NAMED && !self.gone.iter().any(|known| known == room) {
            self.gone.push(room.to_owned());
        }
    }

    pub(super) fn refused(&mut self, what: String) {
        if self.refused.len() < NAMED || self.refused.contains_key(&what) {
            *self.refused.entry(what).or_default() += 1;
        }
    }

    /// Whether the archive has everything that was asked for and that the source tells.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing_count == 0 && self.refused.is_empty()
    }
}

impl OtherMessages {
    pub(super) fn count(&mut self, conversation: &str) {
        self.messages += 1;
        if let Some(count) = self.conversations.get_mut(conversation) {
            *count += 1;
        } else if self.conversations.len() < NAMED {
            self.conversations.insert(conversation.to_owned(), 1);
        }
    }
}
