//! A model of a node: who is in which room here, by claims that arrive in any order, and the order of messages.

use std::collections::BTreeMap;

use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    sequence::{Outcome, Sequencer},
    session::SessionId,
};

use crate::store::{Claimed, Message, Store};

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) client: ClientId,
    pub(crate) room: RoomId,
    pub(crate) epoch: u64,
    /// Messages up to this number went out before it came.
    pub(crate) from: u64,
}

/// What a member is to get.
pub(crate) type Delivery = (SessionId, RoomId, Message);

#[derive(Default)]
pub(crate) struct Node {
    pub(crate) members: BTreeMap<SessionId, Member>,
    rooms: BTreeMap<RoomId, Sequencer<Message>>,
    /// The highest claim seen of each client id. Only higher ones are obeyed.
    claims: BTreeMap<ClientId, (u64, RoomId)>,
}

impl Node {
    /// Before a claim: events of the room are kept from now on.
    pub(crate) fn listen(&mut self, room: &RoomId) {
        self.rooms.entry(room.clone()).or_insert_with(|| Sequencer::new(64));
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
        let order = self.rooms.get_mut(room)?;
        // Those that waited for the base came before this member.
        order.set_base(claimed.head);
        let from = order.base().map_or(claimed.head, |base| base.max(claimed.head));
        let known = self.members.get(&session).filter(|member| member.room == *room);
        let from = known.map_or(from, |member| member.from);
        let member = Member { client: client.clone(), room: room.clone(), epoch: claimed.epoch, from };
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
        let leaving = self.members.iter().filter(|(session, member)| gone(**session, member));
        let left: Vec<_> = leaving.map(|(session, member)| (*session, member.room.clone())).collect();
        for (session, _) in &left {
            self.members.remove(session);
        }
        left
    }

    /// A message came over the bus.
    pub(crate) fn offer(&mut self, room: &RoomId, message: Message) -> Vec<Delivery> {
        let Some(order) = self.rooms.get_mut(room) else { return Vec::new() };
        let due = match order.offer(message.number, message.number - 1, message) {
            Outcome::Deliver(first, then) => std::iter::once(first).chain(then).collect(),
            Outcome::Parked | Outcome::Duplicate => Vec::new(),
        };
        self.to_members(room, due)
    }

    /// Reads from the store what is missing before a parked message.
    pub(crate) fn fill_gaps(&mut self, store: &Store) -> Vec<Delivery> {
        self.read(|room, order| {
            order.missing().map(|missing| store.range(room, *missing.start(), *missing.end()))
        })
    }

    /// Compares heads: what came last may have been lost, too.
    pub(crate) fn compare_heads(&mut self, store: &Store) -> Vec<Delivery> {
        self.read(|room, order| order.base().map(|base| store.range(room, base + 1, store.head(room))))
    }

    fn read(
        &mut self,
        missing: impl Fn(&RoomId, &Sequencer<Message>) -> Option<Vec<Message>>,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let rooms: Vec<RoomId> = self.rooms.keys().cloned().collect();
        for room in rooms {
            let Some(order) = self.rooms.get_mut(&room) else { continue };
            if let Some(found) = missing(&room, order) {
                let due = order.fill(found.into_iter().map(|message| (message.number, message)));
                deliveries.append(&mut self.to_members(&room, due));
            }
        }
        deliveries
    }

    fn to_members(&self, room: &RoomId, due: Vec<Message>) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for message in due {
            for (session, member) in &self.members {
                if member.room == *room && message.number > member.from && message.by != *session {
                    deliveries.push((*session, room.clone(), message.clone()));
                }
            }
        }
        deliveries
    }
}
