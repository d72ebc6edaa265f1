//! A room on this node: its members, and the order in which its messages reach them.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    sequence::{Outcome, Sequencer},
    session::SessionId,
    switches::Counted,
};
use indexmap::IndexMap;

use super::member::Session;
use crate::fanout::Broadcast;

/// The members of a room on this node.
#[derive(Debug)]
pub struct Hub {
    pub room: RoomId,
    state: Mutex<State>,
}

/// Messages that may wait for one before them; the oldest of more are read from the store again.
const PARKED: usize = 1024;

#[derive(Debug)]
struct State {
    members: IndexMap<SessionId, Member>,
    /// How many sessions each client id has here.
    clients: HashMap<ClientId, u32>,
    order: Sequencer<Arc<Broadcast>>,
}

/// A session's stay in the room.
#[derive(Debug)]
struct Member {
    session: Arc<Session>,
    epoch: u64,
}

/// What became of a numbered message.
#[derive(Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Delivered, or known already.
    Done,
    /// It waits for messages before it.
    Waiting,
}

impl Hub {
    pub(super) fn new(room: RoomId) -> Self {
        let (members, clients) = (IndexMap::new(), HashMap::new());
        Self { room, state: Mutex::new(State { members, clients, order: Sequencer::new(PARKED) }) }
    }

    /// Takes a member in; returns the number of the newest message that went out before.
    pub(super) fn insert(&self, session: &Arc<Session>, epoch: u64, head: u64) -> u64 {
        let mut state = self.lock();
        let due = state.order.set_base(head);
        // Those that waited for the base came before this member.
        state.deliver_all(due);
        let member = Member { session: Arc::clone(session), epoch };
        if state.members.insert(session.identity.session, member).is_none() {
            *state.clients.entry(session.identity.client.clone()).or_default() += 1;
        }
        state.order.base().unwrap_or(head)
    }

    pub(super) fn remove(&self, session: &Arc<Session>) {
        let mut state = self.lock();
        let id = &session.identity.session;
        if !state.members.get(id).is_some_and(|known| Arc::ptr_eq(&known.session, session)) {
            return;
        }
        state.members.swap_remove(id);
        let client = &session.identity.client;
        if let Some(count) = state.clients.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                state.clients.remove(client);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().members.is_empty()
    }

    pub fn members(&self) -> Vec<Arc<Session>> {
        self.lock().members.values().map(|member| Arc::clone(&member.session)).collect()
    }

    /// Some of the distinct client ids here.
    pub fn some_clients(&self, limit: usize) -> Vec<String> {
        self.lock().clients.keys().take(limit).map(ToString::to_string).collect()
    }

    pub fn count(&self, counted: Counted) -> usize {
        let state = self.lock();
        match counted {
            Counted::Clients => state.clients.len(),
            Counted::Sessions => state.members.len(),
        }
    }

    /// Delivers at once: things without a number.
    pub fn deliver(&self, broadcast: &Broadcast) {
        self.lock().deliver(broadcast);
    }

    /// Delivers a numbered message in its turn.
    pub fn offer(&self, number: u64, broadcast: Arc<Broadcast>) -> Ordered {
        let mut state = self.lock();
        match state.order.offer(number, number.saturating_sub(1), broadcast) {
            Outcome::Deliver(first, due) => {
                state.deliver(&first);
                state.deliver_all(due);
                Ordered::Done
            }
            Outcome::Parked => Ordered::Waiting,
            Outcome::Duplicate => Ordered::Done,
        }
    }

    /// The numbers that messages wait for.
    pub fn missing(&self) -> Option<RangeInclusive<u64>> {
        self.lock().order.missing()
    }

    /// Fills a gap with what the store has; numbers it lacks are given up.
    pub fn fill(&self, missing: &RangeInclusive<u64>, found: Vec<(u64, Arc<Broadcast>)>) {
        let mut state = self.lock();
        let due = state.order.fill(found);
        state.deliver_all(due);
        let due = state.order.skip_to(*missing.end());
        state.deliver_all(due);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver_all(&self, due: Vec<Arc<Broadcast>>) {
        for broadcast in due {
            self.deliver(&broadcast);
        }
    }

    fn deliver(&self, broadcast: &Broadcast) {
        for member in self.members.values() {
            broadcast.send_to(&member.session, member.epoch);
        }
    }
}
