//! A model of a node: who is in which room here, by claims that arrive in any order, and the order of messages.

use std::{collections::BTreeMap, time::Duration};

use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    sequence::{Outcome, Sequencer},
    session::SessionId,
};

use crate::{
    hub::{HighLost, Hub, Reader},
    store::{Claimed, Message, Store},
};

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) client: ClientId,
    pub(crate) room: RoomId,
    pub(crate) epoch: u64,
    /// Messages up to this number went out before it came.
    pub(crate) from: u64,
    reader: Reader,
}

#[derive(Default)]
pub(crate) struct Node {
    pub(crate) members: BTreeMap<SessionId, Member>,
    hubs: BTreeMap<RoomId, Hub>,
    /// The highest claim seen of each client id. Only higher ones are obeyed.
    claims: BTreeMap<ClientId, (u64, RoomId)>,
}

impl Node {
    /// Before a claim: events of the room are kept from now on.
    pub(crate) fn listen(&mut self, room: &RoomId) {
        self.hubs.entry(room.clone()).or_insert_with(Hub::new);
    }

    /// After a claim: its session is a member, unless a later claim is known already. Returns the newest number that
    /// went out before.
    pub(crate) fn join(
        &mut self,
        session: SessionId,
        client: &ClientId,
        room: &RoomId,
        claimed: Claimed,
    ) -> Option<u64> {
        if self.claims.get(client).is_some_and(|(epoch, other)| *epoch > claimed.epoch && other != room) {
            return None;
        }
        self.listen(room);
        let hub = self.hubs.get_mut(room)?;
        // Those that waited for the base came before this member.
        hub.order.set_base(claimed.head);
        let from = hub.order.base().map_or(claimed.head, |base| base.max(claimed.head));
        let fresh = hub.admit();
        let (from, reader) = match self.members.remove(&session) {
            Some(known) if known.room == *room => (known.from, known.reader),
            elsewhere => {
                if let Some(member) = elsewhere {
                    self.leave(member);
                }
                (from, fresh)
            }
        };
        let member =
            Member { client: client.clone(), room: room.clone(), epoch: claimed.epoch, from, reader };
        self.members.insert(session, member);
        Some(from)
    }

    /// A claim was committed somewhere: lower ones for other rooms hold no longer. Returns who left.
    pub(crate) fn learn(&mut self, client: &ClientId, room: &RoomId, epoch: u64) -> Vec<(SessionId, RoomId)> {
        if self.claims.get(client).is_some_and(|(known, _)| *known >= epoch) {
            return Vec::new();
        }
        self.claims.insert(client.clone(), (epoch, room.clone()));
        self.remove_where(|_, member| {
            member.client == *client && member.room != *room && member.epoch < epoch
        })
    }

    /// Compares with the store: claims and ends that the bus lost.
    pub(crate) fn sweep(&mut self, store: &Store) -> Vec<(SessionId, RoomId)> {
        self.remove_where(|session, member| {
            store.records.get(&session).is_none_or(|record| record.room != member.room)
        })
    }

    pub(crate) fn remove_where(
        &mut self,
        gone: impl Fn(SessionId, &Member) -> bool,
    ) -> Vec<(SessionId, RoomId)> {
        let leaving: Vec<_> = self.members.extract_if(.., |session, member| gone(*session, member)).collect();
        let mut left = Vec::new();
        for (session, member) in leaving {
            left.push((session, member.room.clone()));
            self.leave(member);
        }
        left
    }

    fn leave(&mut self, member: Member) {
        if let Some(hub) = self.hubs.get_mut(&member.room) {
            hub.leave(member.reader);
        }
    }

    /// A message came over the bus.
    pub(crate) fn offer(&mut self, room: &RoomId, message: Message, now: Duration) {
        let Some(hub) = self.hubs.get_mut(room) else { return };
        let due = match hub.order.offer(message.number, message.number - 1, message) {
            Outcome::Deliver(first, then) => std::iter::once(first).chain(then).collect(),
            Outcome::Parked | Outcome::Duplicate => Vec::new(),
        };
        self.push(room, due, now);
    }

    /// Reads from the store what is missing before a parked message.
    pub(crate) fn fill_gaps(&mut self, store: &Store, now: Duration) {
        self.read(now, |room, order| {
            order.missing().map(|missing| store.range(room, *missing.start(), *missing.end()))
        });
    }

    /// Compares heads: what came last may have been lost, too.
    pub(crate) fn compare_heads(&mut self, store: &Store, now: Duration) {
        self.read(now, |room, order| order.base().map(|base| store.range(room, base + 1, store.head(room))));
    }

    fn read(
        &mut self,
        now: Duration,
        missing: impl Fn(&RoomId, &Sequencer<Message>) -> Option<Vec<Message>>,
    ) {
        let rooms: Vec<RoomId> = self.hubs.keys().cloned().collect();
        for room in rooms {
            let Some(hub) = self.hubs.get_mut(&room) else { continue };
            if let Some(found) = missing(&room, &hub.order) {
                let due = hub.order.fill(found.into_iter().map(|message| (message.number, message)));
                self.push(&room, due, now);
            }
        }
    }

    fn push(&mut self, room: &RoomId, due: Vec<Message>, now: Duration) {
        let Some(hub) = self.hubs.get_mut(room) else { return };
        for message in due {
            let members = self.members.iter_mut().filter(|(_, member)| member.room == *room);
            let for_whom = members.map(|(session, member)| {
                (&mut member.reader, message.number > member.from && message.by != *session)
            });
            hub.push(&message, for_whom, now);
        }
    }

    /// Takes from a member what is too much. Returns how many messages these are.
    pub(crate) fn shed(&mut self, session: SessionId, now: Duration) -> Result<u64, HighLost> {
        let Some((hub, member)) = self.member(session) else { return Ok(0) };
        hub.shed(&mut member.reader, now)
    }

    /// What goes to a member in one write, which sheds first.
    pub(crate) fn write(&mut self, session: SessionId, bytes: usize) -> Option<(RoomId, Vec<Message>)> {
        let (hub, member) = self.member(session)?;
        let messages = hub.write(&mut member.reader, bytes);
        let room = member.room.clone();
        let mut readers = self.members.values().filter(|member| member.room == room);
        if let Some(hub) = self.hubs.get_mut(&room)
            && readers.all(|member| hub.is_idle(&member.reader))
        {
            hub.clear();
        }
        Some((room, messages))
    }

    pub(crate) fn is_idle(&self, session: SessionId) -> bool {
        let member = self.members.get(&session);
        let hub = member.and_then(|member| self.hubs.get(&member.room));
        member.zip(hub).is_none_or(|(member, hub)| hub.is_idle(&member.reader))
    }

    pub(crate) fn check_accounts(&mut self, now: Duration) {
        for (room, hub) in &mut self.hubs {
            let members = self.members.values().filter(|member| member.room == *room);
            hub.check_account(members.map(|member| &member.reader), now);
        }
    }

    fn member(&mut self, session: SessionId) -> Option<(&mut Hub, &mut Member)> {
        let member = self.members.get_mut(&session)?;
        Some((self.hubs.get_mut(&member.room)?, member))
    }
}
