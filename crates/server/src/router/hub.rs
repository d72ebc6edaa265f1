//! A room on this node: its members, the order in which its messages reach them, and what is pending for them.

mod account;
mod patches;

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, PoisonError},
};

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    pace::Pass,
    ring::Cursor,
    sequence::{Outcome, Sequencer},
    session::SessionId,
    switches::Counted,
};
use rand::seq::IteratorRandom;

use self::patches::Patches;
use super::member::Session;
use crate::{
    cluster::Except,
    fanout::{self, Block, Broadcast, Engine, SEATS, Stage},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use account::{MessageAccount, Reach, RoomAccount};

/// The members of a room on this node.
///
/// Locks are taken in this order: roster, block, stage.
#[derive(Debug)]
pub struct Hub {
    pub app: AppId,
    pub room: RoomId,
    engine: Arc<Engine>,
    roster: Mutex<Roster>,
    stage: Mutex<Stage>,
    /// The block that a flusher visits next.
    next_block: AtomicUsize,
    /// Members that are not where their block is.
    alone: AtomicUsize,
}

/// Messages that may wait for one before them; the oldest of more are read from the store again.
const PARKED: usize = 1024;

#[derive(Debug)]
struct Roster {
    blocks: Vec<Row>,
    members: HashMap<SessionId, Placed>,
    /// How many sessions each client id has here.
    clients: HashMap<ClientId, u32>,
    order: Sequencer<Arc<Broadcast>>,
    patches: Patches,
}

/// A block and how many of its seats are taken.
#[derive(Debug)]
struct Row {
    block: Arc<Block>,
    taken: usize,
}

#[derive(Debug)]
struct Placed {
    session: Arc<Session>,
    /// Index of its block.
    row: usize,
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
    pub(super) fn new(app: AppId, room: RoomId, engine: Arc<Engine>) -> Self {
        let order = Sequencer::new(PARKED);
        let roster = Roster {
            blocks: Vec::new(),
            members: HashMap::new(),
            clients: HashMap::new(),
            order,
            patches: Patches::default(),
        };
        Self {
            app,
            room,
            stage: Mutex::new(engine.stage()),
            engine,
            roster: Mutex::new(roster),
            next_block: AtomicUsize::new(0),
            alone: AtomicUsize::new(0),
        }
    }

    /// Takes a member in; returns its block, and the number of the newest message that went out before.
    pub(super) fn insert(
        self: &Arc<Self>,
        session: &Arc<Session>,
        epoch: u64,
        head: u64,
    ) -> (Arc<Block>, u64) {
        let mut roster = self.roster();
        let due = roster.order.set_base(head);
        // Those that waited for the base came before this member.
        self.deliver_all(&mut roster, due);
        let delivered = roster.order.base().unwrap_or(head);
        if let Some(known) = roster.members.get(&session.identity.session) {
            let block = &roster.blocks[known.row].block;
            block.renew(session, epoch);
            return (Arc::clone(block), delivered);
        }
        let row = self.seat(&mut roster, session, epoch);
        let block = Arc::clone(&roster.blocks[row].block);
        let placed = Placed { session: Arc::clone(session), row };
        roster.members.insert(session.identity.session, placed);
        *roster.clients.entry(session.identity.client.clone()).or_default() += 1;
        (block, delivered)
    }

    /// A free seat in a block that nobody visits now, or in a new one.
    fn seat(&self, roster: &mut Roster, session: &Arc<Session>, epoch: u64) -> usize {
        let head = self.stage().head();
        let free = roster
            .blocks
            .iter()
            .rposition(|row| row.taken < SEATS && row.block.try_enter(self, session, epoch, head));
        let row = free.unwrap_or_else(|| {
            let block = Block::new(roster.blocks.len() as u64, head);
            block.enter(self, session, epoch, head);
            roster.blocks.push(Row { block: Arc::new(block), taken: 0 });
            roster.blocks.len() - 1
        });
        roster.blocks[row].taken += 1;
        row
    }

    pub(super) fn remove(&self, session: &Arc<Session>) {
        let mut roster = self.roster();
        let id = &session.identity.session;
        if !roster.members.get(id).is_some_and(|known| Arc::ptr_eq(&known.session, session)) {
            return;
        }
        let Some(placed) = roster.members.remove(id) else { return };
        let row = &mut roster.blocks[placed.row];
        row.taken -= 1;
        if let Some(cursor) = row.block.leave(self, session) {
            self.stage().left(&cursor, &session.exempt());
        }
        session.forget_all_exempt();
        while roster.blocks.pop_if(|row| row.taken == 0).is_some() {}
        let client = &session.identity.client;
        if let Some(count) = roster.clients.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                roster.clients.remove(client);
            }
        }
        drop(roster);
        self.settle();
    }

    /// Whether nobody is here, and no message can be asked for any more.
    pub(super) fn is_empty(&self) -> bool {
        self.roster().members.is_empty() && self.stage().account().is_empty()
    }

    pub fn members(&self) -> Vec<Arc<Session>> {
        self.roster().members.values().map(|placed| Arc::clone(&placed.session)).collect()
    }

    /// Some of the distinct client ids here.
    pub fn some_clients(&self, limit: usize) -> Vec<String> {
        self.roster().clients.keys().take(limit).map(ToString::to_string).collect()
    }

    /// Whether a session of this client id is here.
    pub(crate) fn holds(&self, client: &ClientId) -> bool {
        self.roster().clients.contains_key(client)
    }

    /// Distinct client ids, drawn by chance.
    pub fn sample_clients(&self, limit: usize) -> Vec<String> {
        let roster = self.roster();
        roster.clients.keys().sample(&mut rand::rng(), limit).into_iter().map(ToString::to_string).collect()
    }

    pub fn count(&self, counted: Counted) -> usize {
        let roster = self.roster();
        match counted {
            Counted::Clients => roster.clients.len(),
            Counted::Sessions => roster.members.len(),
        }
    }

    /// Delivers at once: things without a number.
    pub fn deliver(self: &Arc<Self>, broadcast: &Arc<Broadcast>) {
        self.enter(&mut self.roster(), broadcast);
    }

    /// An edit or a recall that nobody is told of: it changes the message for those who have not got it yet.
    pub(crate) fn amend(&self, patch: &Arc<Broadcast>) {
        let mut roster = self.roster();
        if roster.patches.up_to_date(patch).is_some() {
            self.stage().amend(patch);
        }
    }

    /// Delivers a numbered message in its turn.
    pub fn offer(self: &Arc<Self>, number: u64, broadcast: Arc<Broadcast>) -> Ordered {
        let mut roster = self.roster();
        match roster.order.offer(number, number.saturating_sub(1), broadcast) {
            Outcome::Deliver(first, due) => {
                self.enter(&mut roster, &first);
                self.deliver_all(&mut roster, due);
                Ordered::Done
            }
            Outcome::Parked => Ordered::Waiting,
            Outcome::Duplicate => Ordered::Done,
        }
    }

    /// The numbers that messages wait for.
    pub fn missing(&self) -> Option<RangeInclusive<u64>> {
        self.roster().order.missing()
    }

    /// Fills a gap with what the store has; numbers it lacks are given up.
    pub fn fill(self: &Arc<Self>, missing: &RangeInclusive<u64>, found: Vec<(u64, Arc<Broadcast>)>) {
        let mut roster = self.roster();
        let due = roster.order.fill(found);
        self.deliver_all(&mut roster, due);
        let due = roster.order.skip_to(*missing.end());
        self.deliver_all(&mut roster, due);
    }

    fn deliver_all(self: &Arc<Self>, roster: &mut Roster, due: Vec<Arc<Broadcast>>) {
        for broadcast in due {
            self.enter(roster, &broadcast);
        }
    }

    /// An event enters the stage, for everybody who is here now, and flushers set out.
    fn enter(self: &Arc<Self>, roster: &mut Roster, broadcast: &Arc<Broadcast>) {
        let Some(broadcast) = &roster.patches.up_to_date(broadcast) else { return };
        let exempt = roster.left_out(broadcast.except());
        let eligible = u32::try_from(roster.members.len() - exempt.len()).unwrap_or(u32::MAX);
        if eligible == 0 {
            return;
        }
        let mut stage = self.stage();
        let Some((level, position)) = self.engine.admit(&self.app, &mut stage, broadcast, eligible) else {
            return;
        };
        for placed in exempt {
            placed.session.add_exempt(level, position);
            roster.blocks[placed.row].block.has_exempt();
        }
        if stage.take_flusher(fanout::flushers(roster.blocks.len(), self.engine.workers())) {
            self.engine.spawn(fanout::flush(Arc::clone(self)));
        }
    }

    /// Called once a minute.
    pub(super) fn forget_old_patches(&self) {
        self.roster().patches.forget_old();
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn block_count(&self) -> usize {
        self.roster().blocks.len()
    }

    /// The next block on the round.
    pub(crate) fn next_block(&self) -> Option<Arc<Block>> {
        let roster = self.roster();
        let at = self.next_block.fetch_add(1, Ordering::Relaxed) % roster.blocks.len().max(1);
        roster.blocks.get(at).map(|row| Arc::clone(&row.block))
    }

    /// A flusher found nothing to do since the stage stood at `head`: true when it may go.
    pub(crate) fn retire(&self, head: Cursor) -> bool {
        let roster = self.roster();
        // Blocks may have come and gone during the round, so that it passed one over.
        let has_all = roster.blocks.iter().all(|row| row.block.has_all(head));
        let retired = has_all && self.stage().retire_flusher(head);
        drop(roster);
        if retired {
            self.settle();
        }
        retired
    }

    /// The last round of a flusher in which it wrote something.
    pub(crate) fn last_pass(&self) -> Option<Pass> {
        self.stage().last_pass
    }

    pub(crate) fn note_pass(&self, pass: Pass) {
        self.stage().last_pass = Some(pass);
    }

    /// Events that the next write of a flusher would carry.
    pub(crate) fn pending(&self) -> u64 {
        let next = {
            let roster = self.roster();
            let at = self.next_block.load(Ordering::Relaxed) % roster.blocks.len().max(1);
            roster.blocks.get(at).map(|row| Arc::clone(&row.block))
        };
        let head = self.stage().head();
        next.map_or(0, |block| block.pending(head))
    }

    /// Forgets what everybody has.
    pub(crate) fn settle(&self) {
        if self.alone() > 0 {
            return;
        }
        let mut stage = self.stage();
        // Once more: a flusher may have come and gone meanwhile, and left somebody behind.
        if self.alone() == 0 {
            stage.clear_if_idle();
        }
    }

    pub(crate) fn one_more_alone(&self) {
        self.alone.fetch_add(1, Ordering::Relaxed);
    }

    /// Members that are not where their block is.
    pub(crate) fn alone(&self) -> usize {
        self.alone.load(Ordering::Relaxed)
    }

    pub(crate) fn one_less_alone(&self) {
        self.alone.fetch_sub(1, Ordering::Relaxed);
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hub {
    /// What it has counted is the node's.
    fn drop(&mut self) {
        let stage = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.engine.take_over(stage);
    }
}

impl Roster {
    /// Members that an event is not for.
    fn left_out(&self, except: &Except) -> Vec<&Placed> {
        match except {
            Except::Nobody => Vec::new(),
            Except::Session(sender) => self.members.get(sender).into_iter().collect(),
            Except::Client(sender) if self.clients.contains_key(sender) => {
                self.members.values().filter(|placed| placed.session.identity.client == *sender).collect()
            }
            Except::Client(_) => Vec::new(),
            Except::AllBut { .. } => {
                self.members.values().filter(|placed| except.leaves_out(&placed.session)).collect()
            }
        }
    }
}
