//! What the word filter made of a message, for the session that wrote it: its own copy is the unfiltered one.

use std::sync::Arc;

use grandstand_protocol::{Code, Downlink, Event, MessageId, Patch};
use grandstand_room::clock::Millis;

use super::caller::Caller;
use crate::{node::Node, router::Session, store::NewMessage};

/// A patch for one session. Its other sessions, and everybody else, see the filtered message in the first place.
#[derive(Debug)]
pub(super) struct Correction {
    session: Arc<Session>,
    patch: Patch,
}

impl Correction {
    /// Of a message that was sent. A back end has no copy to correct.
    pub(super) fn of_sent(caller: &Caller, message: &NewMessage) -> Option<Self> {
        let patch = Patch {
            room: message.room.clone(),
            message: message.id.clone(),
            timestamp: 0,
            from: message.from.to_string(),
            patched_at: 0,
            recall: false,
            body: message.body.clone(),
            mentions: message.mentions.clone(),
            code: None,
            reason: None,
        };
        Self::new(caller, patch)
    }

    /// Of an edit, by what the room is told of it.
    pub(super) fn of_edited(caller: &Caller, told: &Event) -> Option<Self> {
        let Event::Patched(patch) = told else { return None };
        Self::new(caller, Patch::clone(patch))
    }

    fn new(caller: &Caller, patch: Patch) -> Option<Self> {
        let session = caller.as_session().filter(|session| !session.style.first_generation)?;
        let code = Some(-i64::from(Code::MessageModifiedByCensorship.number()));
        let reason = Some("the word filter changed this message".to_owned());
        Some(Self { session: Arc::clone(session), patch: Patch { code, reason, ..patch } })
    }

    /// A retry is of a message that has its id already.
    pub(super) fn of(mut self, message: MessageId) -> Self {
        self.patch.message = message;
        self
    }

    /// With the time that the message got when it was stored; the Objective-C SDK wants both.
    pub(super) fn at(mut self, timestamp: Millis) -> Self {
        (self.patch.timestamp, self.patch.patched_at) = (timestamp.0, timestamp.0);
        self
    }

    /// Comes after the answer: before it, the client does not know the message's id.
    pub(super) fn tell(self, node: &Node) {
        let peer = Some(self.session.identity.client.to_string());
        let (server_time, event) = (Some(node.clock.wall().0), Event::Patched(Box::new(self.patch)));
        let downlink = Downlink { serial: None, peer, server_time, event };
        self.session.outbox.push_downlink(self.session.style.format, &downlink);
    }
}
