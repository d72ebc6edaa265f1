//! A model of the store: claims, drops and returns as the contract of the server's `Store` says, in memory.

use std::collections::BTreeMap;

use grandstand_protocol::{ClientId, Level, RoomId};
use grandstand_room::{
    clock::Millis,
    session::{Identity, SessionId},
};

/// A stored message; its number is its place in the room, from 1.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) level: Level,
    pub(crate) by: SessionId,
}

/// A session that is in a room, live or dropped.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) identity: Identity,
    pub(crate) room: RoomId,
    pub(crate) dropped_at: Option<Millis>,
    /// After this number HIGH messages are due on return.
    pub(crate) confirmed: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed {
    pub(crate) epoch: u64,
    pub(crate) head: u64,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) records: BTreeMap<SessionId, Record>,
    rooms: BTreeMap<RoomId, Vec<Message>>,
    epochs: BTreeMap<ClientId, u64>,
    /// When a session last left a room, for the check that deliveries follow.
    pub(crate) departed: BTreeMap<(SessionId, RoomId), Millis>,
}

impl Store {
    pub(crate) fn head(&self, room: &RoomId) -> u64 {
        self.rooms.get(room).map_or(0, |messages| messages.len() as u64)
    }

    pub(crate) fn append(&mut self, room: &RoomId, level: Level, by: SessionId) -> Message {
        let messages = self.rooms.entry(room.clone()).or_default();
        let message = Message { number: messages.len() as u64 + 1, level, by };
        messages.push(message.clone());
        message
    }

    /// Messages with numbers in `first..=last`.
    pub(crate) fn range(&self, room: &RoomId, first: u64, last: u64) -> Vec<Message> {
        let messages = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        messages.iter().filter(|message| (first..=last).contains(&message.number)).cloned().collect()
    }

    /// HIGH messages after `after` and up to `last` that `session` did not send.
    pub(crate) fn gap(&self, room: &RoomId, after: u64, last: u64, session: SessionId) -> Vec<Message> {
        let mut missed = self.range(room, after + 1, last);
        missed.retain(|message| message.level == Level::High && message.by != session);
        missed
    }

    pub(crate) fn of_client<'a>(&'a self, client: &'a ClientId) -> impl Iterator<Item = &'a Record> {
        self.records.values().filter(move |record| record.identity.client == *client)
    }

    /// Takes every session of the client id, dropped ones too, out of every other room.
    pub(crate) fn claim(&mut self, identity: &Identity, room: &RoomId, now: Millis) -> Claimed {
        let elsewhere: Vec<SessionId> = self
            .of_client(&identity.client)
            .filter(|record| record.room != *room)
            .map(|record| record.identity.session)
            .collect();
        for session in elsewhere {
            self.end_session(session, now);
        }
        let claimed = Claimed { epoch: self.next_epoch(&identity.client), head: self.head(room) };
        let confirmed = self.records.get(&identity.session).map_or(claimed.head, |record| record.confirmed);
        let (identity, room) = (identity.clone(), room.clone());
        let record = Record { identity, room, dropped_at: None, confirmed };
        self.records.insert(record.identity.session, record);
        claimed
    }

    /// The session `from` returns as `identity`.
    pub(crate) fn resume(
        &mut self,
        from: SessionId,
        identity: &Identity,
        now: Millis,
    ) -> Option<(Claimed, u64)> {
        let record = self.records.remove(&from)?;
        if from != identity.session {
            self.departed.insert((from, record.room.clone()), now);
        }
        let claimed = Claimed { epoch: self.next_epoch(&identity.client), head: self.head(&record.room) };
        let confirmed = record.confirmed;
        let back = Record { identity: identity.clone(), dropped_at: None, ..record };
        self.records.insert(identity.session, back);
        Some((claimed, confirmed))
    }

    pub(crate) fn drop_session(&mut self, session: SessionId, confirmed: Option<u64>, now: Millis) {
        if let Some(record) = self.records.get_mut(&session) {
            record.dropped_at = Some(now);
            record.confirmed = confirmed.unwrap_or(record.confirmed);
        }
    }

    /// Leaves for good: by a quit, a close, a conflict, or because the client id is elsewhere now.
    pub(crate) fn end_session(&mut self, session: SessionId, now: Millis) {
        if let Some(record) = self.records.remove(&session) {
            self.departed.insert((session, record.room), now);
        }
    }

    fn next_epoch(&mut self, client: &ClientId) -> u64 {
        let epoch = self.epochs.entry(client.clone()).or_default();
        *epoch += 1;
        *epoch
    }
}
