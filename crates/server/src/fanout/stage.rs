//! What a room shows: its recent events in order, and the account of what became of them.

use std::{sync::Arc, time::Duration};

use grandstand_protocol::Level;
use grandstand_room::{
    account::{Account, Outcome, Totals, Withheld},
    budget::RoomCap,
    pace::Pass,
    ring::{Bounds, Cursor, Ring},
};

use super::Broadcast;

/// One per room on this node. Every event enters here once, whatever the number of members.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(super) ring: Ring<Entry>,
    account: Account,
    /// What of the account the node's figures have already.
    told: Totals,
    pub(super) cap: RoomCap,
    /// Tasks that go round the members now.
    pub(super) flushers: usize,
    /// The last time that a flusher went round and wrote something.
    pub(crate) last_pass: Option<Pass>,
}

/// An event in the ring.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) broadcast: Arc<Broadcast>,
    /// Of an edit or a recall: where the message is that it changes. Who has not passed it gets it as it is now.
    pub(super) changes: Option<(Level, u64)>,
}

/// So many members passed these positions in one way.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) level: Level,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) outcome: Outcome,
    pub(super) members: i64,
}

impl Count {
    pub(super) fn one(level: Level, position: u64, outcome: Outcome, members: i64) -> Self {
        Self { level, from: position, until: position + 1, outcome, members }
    }
}

pub(crate) const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

impl Stage {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            ring: Ring::new(bounds),
            account: Account::new(),
            told: Totals::default(),
            cap: RoomCap::default(),
            flushers: 0,
            last_pass: None,
        }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Behind everything that has entered.
    pub(crate) fn head(&self) -> Cursor {
        self.ring.head()
    }

    /// Takes an event in, for so many members; returns its level and position.
    pub(super) fn enter(&mut self, broadcast: &Arc<Broadcast>, eligible: u32, now: Duration) -> (Level, u64) {
        let changes = self.amend(broadcast);
        let level = broadcast.level();
        let entry = Entry { broadcast: Arc::clone(broadcast), changes };
        self.account.enter(level, broadcast.account_entry(), eligible, now);
        (level, self.ring.push(level, entry, broadcast.size(), now))
    }

    /// Of an edit or a recall: whoever has not got the message yet gets it as it is now. Returns where that is.
    pub(crate) fn amend(&mut self, broadcast: &Broadcast) -> Option<(Level, u64)> {
        let is_wanted = |entry: &Entry| broadcast.changes(&entry.broadcast);
        let (level, position) = if broadcast.is_patch() { self.ring.find(is_wanted)? } else { return None };
        if let Some(waiting) = self.ring.get(level, position)
            && let Some(edited) = broadcast.edited(&waiting.broadcast)
        {
            let entry = Entry { broadcast: Arc::new(edited), changes: None };
            self.ring.replace(level, position, entry);
        }
        Some((level, position))
    }

    /// An event that nobody is shown.
    pub(super) fn withhold(&mut self, broadcast: &Broadcast, eligible: u32, cause: Withheld, now: Duration) {
        self.account.withhold(broadcast.level(), broadcast.account_entry(), eligible, cause, now);
    }

    /// A member left that had got this far; what it sent itself was not for it.
    pub(crate) fn left(&mut self, cursor: &Cursor, exempt: &[(Level, u64)]) {
        let head = self.head();
        self.count(LEVELS.map(|level| {
            let (from, until) = (cursor.next(level), head.next(level));
            Count { level, from, until, outcome: Outcome::Left, members: 1 }
        }));
        let own = exempt.iter().filter(|(level, position)| cursor.next(*level) <= *position);
        self.count(own.map(|(level, position)| Count::one(*level, *position, Outcome::Left, -1)));
    }

    /// Whether one more flusher may set out, of so many.
    pub(crate) fn take_flusher(&mut self, most: usize) -> bool {
        let may = self.flushers < most;
        self.flushers += usize::from(may);
        may
    }

    /// Whether a flusher may go that found nothing to do since the stage stood there.
    pub(crate) fn retire_flusher(&mut self, head: Cursor) -> bool {
        let may = self.head() == head;
        self.flushers -= usize::from(may);
        may
    }

    /// A flusher is gone that did not finish.
    pub(super) fn lose_flusher(&mut self) {
        self.flushers = self.flushers.saturating_sub(1);
    }

    /// Frees the ring, if no flusher is under way: everybody who is not alone has everything then.
    pub(crate) fn clear_if_idle(&mut self) {
        if self.flushers == 0 {
            self.ring.clear();
        }
    }

    /// How full the HIGH lane of a reader at this position is, as a share of what may wait.
    pub(crate) fn high_fill(&self, next: u64) -> f64 {
        self.ring.fill(Level::High, next)
    }

    /// A member got the stored message of this number when it returned.
    pub(crate) fn replayed(&mut self, number: u64) {
        self.account.replayed(number);
    }

    /// Forgets messages that nobody may ask for any more.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.account.expire(now);
    }

    /// What was counted since the last time.
    pub(super) fn take_news(&mut self) -> Totals {
        let all = *self.account.totals();
        all - std::mem::replace(&mut self.told, all)
    }

    pub(super) fn count(&mut self, counts: impl IntoIterator<Item = Count>) {
        for Count { level, from, until, outcome, members } in counts {
            if from < until && members != 0 {
                self.account.count(level, from..until, outcome, members);
            }
        }
    }
}
