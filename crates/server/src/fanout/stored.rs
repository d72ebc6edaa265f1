//! Stored messages as clients see them.

use grandstand_protocol::{Event, HistoryItem, Patch, Push, RoomId};
use grandstand_room::room::LastMessage;

use crate::store::StoredMessage;

impl StoredMessage {
    /// As a live message.
    pub(crate) fn into_push(self, room: &RoomId) -> Event {
        Event::Message(Box::new(Push {
            room: room.clone(),
            message: self.id,
            timestamp: self.timestamp.0,
            from: self.from,
            body: self.body,
            transient: false,
            mentions: self.mentions,
            patched_at: self.patched_at.map(|time| time.0),
        }))
    }

    /// As the news of its edit or recall.
    pub(crate) fn into_patch(self, room: &RoomId) -> Event {
        Event::Patched(Box::new(Patch {
            room: room.clone(),
            message: self.id,
            timestamp: self.timestamp.0,
            from: self.from,
            patched_at: self.patched_at.unwrap_or(self.timestamp).0,
            recall: self.recalled,
            body: self.body,
            mentions: self.mentions,
            code: None,
            reason: None,
        }))
    }

    /// As an item of a history page.
    pub(crate) fn into_item(self) -> HistoryItem {
        HistoryItem {
            message: self.id,
            timestamp: self.timestamp.0,
            from: self.from,
            body: self.body,
            patched_at: self.patched_at.map(|time| time.0),
            mentions: self.mentions,
        }
    }

    /// As the last message of a room's row.
    pub(crate) fn into_last(self) -> LastMessage {
        LastMessage {
            id: self.id,
            timestamp: self.timestamp,
            from: self.from,
            body: self.body,
            mentions: self.mentions,
            patched_at: self.patched_at,
        }
    }
}
