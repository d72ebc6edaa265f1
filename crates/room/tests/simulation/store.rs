//! A model of the store: claims, drops and returns as the contract of the server's `Store` says, in memory.

use std::collections::BTreeMap;

use grandstand_protocol::{ClientId, Level, RoomId};
use grandstand_room::{
    clock::Millis,
    session::{Identity, SessionId},
};

use crate::world::LATEST_DELIVERY;

/// A stored message; its number is its place in the room, from 1.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) level: Level,
    pub(crate) by: SessionId,
    /// The stay of the device that sent it, if it was in the room.
    pub(crate) stay: Option<u64>,
}

/// A session that is in a room, live or dropped.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) identity: Identity,
    pub(crate) room: RoomId,
    pub(crate) dropped_at: Option<Millis>,
    /// Another login was given the room since.
    pub(crate) taken: bool,
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
    departed: BTreeMap<(SessionId, RoomId), Millis>,
}

impl Store {
    pub(crate) fn head(&self, room: &RoomId) -> u64 {
        self.rooms.get(room).map_or(0, |messages| messages.len() as u64)
    }

    pub(crate) fn append(
        &mut self,
        room: &RoomId,
        level: Level,
        by: SessionId,
        stay: Option<u64>,
    ) -> Message {
        let messages = self.rooms.entry(room.clone()).or_default();
        let message = Message { number: messages.len() as u64 + 1, level, by, stay };
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
        self.put(identity, room, claimed.head);
        claimed
    }

    /// The session `from` returns as `identity`. With `keeps`, another login takes its place: `from` may still return.
    /// `None`: `from` is not in `room` any more.
    pub(crate) fn resume(
        &mut self,
        from: SessionId,
        identity: &Identity,
        room: &RoomId,
        keeps: bool,
        now: Millis,
    ) -> Option<(Claimed, u64)> {
        let record = self.records.get_mut(&from).filter(|record| record.room == *room)?;
        let confirmed = record.confirmed;
        if keeps {
            record.taken = true;
        } else if from != identity.session {
            self.end_session(from, now);
        }
        let claimed = Claimed { epoch: self.next_epoch(&identity.client), head: self.head(room) };
        self.put(identity, room, confirmed);
        Some((claimed, confirmed))
    }

    fn put(&mut self, identity: &Identity, room: &RoomId, confirmed: u64) {
        let (identity, room) = (identity.clone(), room.clone());
        let record = Record { identity, room, dropped_at: None, taken: false, confirmed };
        self.records.insert(record.identity.session, record);
    }

    /// A session is live again, but not in its room. Nothing is left to remember: there are no wills here.
    pub(crate) fn reattach(&mut self, session: SessionId) {
        self.records.remove(&session);
    }

    pub(crate) fn drop_session(&mut self, session: SessionId, confirmed: Option<u64>, now: Millis) {
        let live = self.records.get_mut(&session).filter(|record| record.dropped_at.is_none());
        if let Some(record) = live {
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

    /// Nobody gets messages of a room that it left a while ago.
    pub(crate) fn check_membership(
        &self,
        session: SessionId,
        room: &RoomId,
        messages: &[Message],
        now: Millis,
    ) {
        let is_member = self.records.get(&session).is_some_and(|record| record.room == *room);
        let left = self.departed.get(&(session, room.clone()));
        let lately = left.is_some_and(|left| now.since(*left) <= LATEST_DELIVERY);
        let is_right = is_member || lately || messages.is_empty();
        assert!(is_right, "{session:?} is no member of {room} and gets {messages:?}");
    }

    fn next_epoch(&mut self, client: &ClientId) -> u64 {
        let epoch = self.epochs.entry(client.clone()).or_default();
        *epoch += 1;
        *epoch
    }
}
