//! A block of a room's members: who is where in the ring, and how they get on from there.

use std::{
    sync::{Arc, PoisonError, TryLockError},
    time::Duration,
};

use grandstand_protocol::Level;
use grandstand_room::{
    account::Outcome,
    ring::{Cause, Cursor, Shed},
    thinning::Keep,
};

use super::{
    batch::{Built, Plan, Shared},
    stage::{Count, LEVELS, Stage},
};
use crate::{
    gateway::{
        close::Close,
        outbox::{Batch, Outbox, Reader, Signal, Taken, Way},
    },
    router::{Hub, Session, Style},
    sync::{
        self, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// Members of a block. A visit of all of them takes about half a millisecond, in which nobody else gets at them.
pub(crate) const SEATS: usize = sync::bound(64, 2);

/// Members that are at one position of the ring, but for those that are behind. Also a shed class: what is left out
/// for one of them is left out for all, so that they share their frames.
#[derive(Debug)]
pub(crate) struct Block {
    /// Tells shed classes apart.
    class: u64,
    /// Something has entered the ring since the last visit that is not for one of its members.
    exempting: AtomicBool,
    seats: Mutex<Seats>,
}

#[derive(Debug)]
pub(crate) struct Seats {
    cursor: Cursor,
    members: Vec<Member>,
}

/// A session's stay in the room.
#[derive(Debug)]
struct Member {
    session: Arc<Session>,
    /// The session's, here once more: what a write touches costs it time.
    outbox: Arc<Outbox>,
    style: Style,
    epoch: u64,
    /// Where it is if it is not where the block is: its socket did not take everything, or it came later.
    own: Option<Box<Place>>,
}

/// Where a member is that reads for itself.
#[derive(Debug, Clone, Copy)]
struct Place {
    cursor: Cursor,
    /// Its socket has refused something since it last had everything.
    is_slow: bool,
}

/// What all members of a block meet at one moment.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    hub: &'a Hub,
    now: Duration,
    /// What is left out for this block while the node cannot keep up.
    keep: Keep,
    class: u64,
}

/// How far a member got that was behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has everything, or its socket takes no more for now, or it is not there any more.
    Done,
    /// It may get more at once.
    More,
}

/// What a visit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// Nothing is pending that could be written now.
    Idle,
    Wrote,
    /// Somebody else is at it.
    Busy,
}

/// Buffers of a flusher, used again for each block.
#[derive(Debug, Default)]
pub(super) struct Work {
    plan: Plan,
    shared: Shared,
    own_plan: Plan,
    own: Built,
    counts: Vec<Count>,
    pub(super) stats: Stats,
    /// The most events of one plan since somebody asked.
    pub(super) gathered: u64,
}

/// What a flusher has done since it last told.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) writes: u64,
    pub(super) bytes: u64,
}

impl Block {
    pub(crate) fn new(class: u64, cursor: Cursor) -> Self {
        let seats = Seats { cursor, members: Vec::new() };
        Self { class, exempting: AtomicBool::new(false), seats: Mutex::new(seats) }
    }

    /// Takes a member in that gets what comes after `head`. False when a flusher is here: try another block.
    pub(crate) fn try_enter(&self, hub: &Hub, session: &Arc<Session>, epoch: u64, head: Cursor) -> bool {
        let Some(mut seats) = self.try_lock() else { return false };
        seats.enter(hub, session, epoch, head);
        true
    }

    /// The same for a block that nobody else knows yet.
    pub(crate) fn enter(&self, hub: &Hub, session: &Arc<Session>, epoch: u64, head: Cursor) {
        self.lock().enter(hub, session, epoch, head);
    }

    /// A position has entered the ring that is not for one of the members.
    pub(crate) fn has_exempt(&self) {
        self.exempting.store(true, Ordering::Release);
    }

    /// A member comes again, by a later claim.
    pub(crate) fn renew(&self, session: &Arc<Session>, epoch: u64) {
        for member in self.lock().members.iter_mut().filter(|member| Arc::ptr_eq(&member.session, session)) {
            member.epoch = epoch;
        }
    }

    /// Takes a member out; returns where it was.
    pub(crate) fn leave(&self, hub: &Hub, session: &Arc<Session>) -> Option<Cursor> {
        let mut seats = self.lock();
        let at = seats.members.iter().position(|member| Arc::ptr_eq(&member.session, session))?;
        let member = seats.members.swap_remove(at);
        if seats.members.is_empty() {
            seats.members = Vec::new();
        }
        let Some(own) = member.own else { return Some(seats.cursor) };
        hub.one_less_alone();
        Some(own.cursor)
    }

    /// Whether nothing before `head` is left to a flusher: each member has it, or its connection is about to fetch it.
    ///
    /// That all of them are alone does not say so: who came where the block was not waits for a visit, too.
    pub(crate) fn has_all(&self, head: Cursor) -> bool {
        let seats = self.lock();
        seats.members.is_empty() || seats.cursor == head
    }

    /// Events between where the block is and `head`; none if somebody else is at it.
    pub(crate) fn pending(&self, head: Cursor) -> u64 {
        self.try_lock().map_or(0, |seats| {
            LEVELS.iter().map(|level| head.next(*level).saturating_sub(seats.cursor.next(*level))).sum()
        })
    }

    /// Writes what is pending to every member whose socket takes it.
    pub(super) fn visit(&self, hub: &Hub, work: &mut Work) -> Visit {
        let Some(mut seats) = self.try_lock() else { return Visit::Busy };
        let Seats { cursor, members } = &mut *seats;
        if members.is_empty() {
            return Visit::Idle;
        }
        let moment @ Moment { now, keep, .. } = self.moment(hub);
        let start = *cursor;
        let (shed, reached) = {
            let stage = hub.stage();
            if start == stage.head() && members.iter().all(|member| member.own.is_none()) {
                return Visit::Idle;
            }
            // Their sockets take everything: if they are late, the node is.
            let shed = stage.ring.overrun(cursor);
            let reached = *cursor;
            if shed.high_lost {
                *cursor = stage.head();
            }
            work.plan.make(&stage, *cursor, keep, self.class, &[]);
            work.shared.clear();
            (shed, reached)
        };
        // After the plan was made: whatever is in it and not for its sender is known by now.
        if self.exempting.swap(false, Ordering::Acquire) {
            for member in members.iter_mut().filter(|member| member.session.has_exempt()) {
                member.go_alone(hub, start, false);
            }
        }
        let in_step =
            i64::try_from(members.iter().filter(|member| member.own.is_none()).count()).unwrap_or(0);
        count_dropped(&shed, in_step, &[], &mut work.counts);
        if shed.high_lost {
            // All of them have to go, and get nothing behind what they lack.
            members.iter_mut().for_each(|member| member.go_alone(hub, reached, false));
        }
        work.gathered = work.gathered.max(work.plan.len() as u64);
        let mut all = 0;
        for member in members.iter_mut() {
            if member.own.is_some() {
                if member.catch_up(moment, work, false) == Progress::More {
                    // The next round may pass this block over.
                    member.outbox.fetch_later(&member.session);
                }
                continue;
            }
            match member.write(work, now) {
                Taken::All => all += 1,
                Taken::Frames(steps) => {
                    work.plan.count(steps, 1, &mut work.counts);
                    member.go_alone(hub, work.plan.after(steps), true);
                }
                Taken::Nothing => member.go_alone(hub, work.plan.after(0), false),
            }
        }
        work.plan.count(work.plan.len(), all, &mut work.counts);
        *cursor = work.plan.after(work.plan.len());
        let end = *cursor;
        members.iter_mut().for_each(|member| member.fall_in(hub, end));
        hub.stage().count(work.counts.drain(..));
        if let Some(lag) = work.plan.oldest().map(|at| now.saturating_sub(at)) {
            hub.engine().observe(lag, work.plan.bytes(), now);
        }
        if work.plan.is_empty() { Visit::Idle } else { Visit::Wrote }
    }

    /// Gives a member that is behind what its socket takes.
    fn catch_up(&self, hub: &Hub, session: &Arc<Session>, work: &mut Work) -> Progress {
        let mut seats = self.lock();
        let Seats { cursor, members } = &mut *seats;
        let Some(member) = members.iter_mut().find(|member| Arc::ptr_eq(&member.session, session)) else {
            return Progress::Done;
        };
        let progress = member.catch_up(self.moment(hub), work, true);
        member.fall_in(hub, *cursor);
        hub.stage().count(work.counts.drain(..));
        progress
    }

    fn moment<'a>(&self, hub: &'a Hub) -> Moment<'a> {
        let now = hub.engine().now();
        Moment { hub, now, keep: hub.engine().keep(now), class: self.class }
    }

    /// `None` while somebody else is at it.
    fn try_lock(&self) -> Option<MutexGuard<'_, Seats>> {
        match self.seats.try_lock() {
            Ok(seats) => Some(seats),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Nobody comes, goes or gets anything while the guard is held.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Who is here, and where each is.
    pub(crate) fn readers(&self) -> impl Iterator<Item = (&Session, Cursor)> {
        let place = |member: &Member| member.own.as_ref().map_or(self.cursor, |own| own.cursor);
        self.members.iter().map(move |member| (&*member.session, place(member)))
    }

    /// The lowest position of a level that somebody here reads next.
    pub(crate) fn last_in(&self, level: Level) -> Option<u64> {
        self.readers().map(|(_, cursor)| cursor.next(level)).min()
    }

    fn enter(&mut self, hub: &Hub, session: &Arc<Session>, epoch: u64, head: Cursor) {
        if self.members.is_empty() {
            self.cursor = head;
        }
        let (outbox, style) = (Arc::clone(&session.outbox), session.style);
        let mut member = Member { session: Arc::clone(session), outbox, style, epoch, own: None };
        if self.cursor != head {
            member.go_alone(hub, head, false);
        }
        self.members.push(member);
    }
}

/// Gives a member that is behind what its socket takes; the connection's own task does so when it takes more.
pub(crate) fn catch_up(session: &Arc<Session>) -> Progress {
    let Some((hub, block)) = session.seat() else { return Progress::Done };
    let mut work = Work::default();
    let progress = block.catch_up(&hub, session, &mut work);
    hub.engine().tell(&mut work.stats);
    hub.settle();
    progress
}

impl Member {
    /// Writes the block's plan.
    fn write(&self, work: &mut Work, now: Duration) -> Taken {
        let batch = if self.outbox.omits_peer() {
            work.shared.batch(&work.plan, self.style)
        } else {
            work.own.build(&work.plan, self.style, self.session.addressee(), &[]);
            work.own.batch()
        };
        self.hand_over(batch, now, &mut work.stats)
    }

    fn hand_over(&self, batch: Batch<'_>, now: Duration, stats: &mut Stats) -> Taken {
        if batch.bytes.is_empty() {
            return Taken::All;
        }
        stats.writes += 1;
        stats.bytes += batch.bytes.len() as u64;
        let reader = Reader { session: &self.session, epoch: self.epoch };
        self.outbox.write(batch, reader, now)
    }

    /// From now on it is where it is, and not where its block is.
    fn go_alone(&mut self, hub: &Hub, cursor: Cursor, is_slow: bool) {
        if self.own.is_none() {
            self.own = Some(Box::new(Place { cursor, is_slow }));
            hub.one_more_alone();
        }
    }

    /// It goes on with its block if it is where that is.
    fn fall_in(&mut self, hub: &Hub, cursor: Cursor) {
        // Who has something ahead that is not for it has to read for itself.
        if self.own.as_ref().is_some_and(|own| own.cursor == cursor) && !self.session.has_exempt() {
            self.own = None;
            hub.one_less_alone();
        }
    }

    /// Drops what is too far behind, writes what the socket takes.
    ///
    /// Only a full socket is closed for the HIGH frames that wait: before any other there may be just a reply of this
    /// moment, or more than one write carries.
    fn catch_up(&mut self, moment: Moment<'_>, work: &mut Work, is_fetching: bool) -> Progress {
        let Moment { hub, now, keep, class } = moment;
        let Some(own) = &mut self.own else { return Progress::Done };
        let way = self.outbox.way();
        let (is_clear, is_full) = (way == Way::Clear, way == Way::Full);
        let (shed, head, exempt) = {
            let stage = hub.stage();
            let mut shed = own.shed(&stage, now, is_fetching, is_full);
            shed.high_lost &= is_full || stage.ring.has_lost_high(&own.cursor);
            let exempt = self.session.exempt();
            if is_clear && !shed.high_lost {
                work.own_plan.make(&stage, own.cursor, keep, class, &exempt);
            }
            (shed, stage.head(), exempt)
        };
        count_dropped(&shed, 1, &exempt, &mut work.counts);
        if shed.high_lost {
            // Nothing more: what would be confirmed behind a hole would hide it.
            self.outbox.signal(Signal::Close(Close::COME_BACK));
            return Progress::Done;
        }
        if !is_clear {
            self.session.forget_exempt(own.cursor);
            self.outbox.fetch_later(&self.session);
            return Progress::Done;
        }
        work.own.build(&work.own_plan, self.style, self.session.addressee(), &exempt);
        let taken = self.hand_over(work.own.batch(), now, &mut work.stats);
        let steps = match taken {
            Taken::All => work.own_plan.len(),
            Taken::Frames(steps) => steps,
            Taken::Nothing => 0,
        };
        work.own_plan.count(steps, 1, &mut work.counts);
        let end = work.own_plan.after(steps);
        for &(level, position) in exempt.iter().filter(|(level, position)| end.next(*level) > *position) {
            if let Some(outcome) = work.own_plan.outcome(level, position) {
                work.counts.push(Count::one(level, position, outcome, -1));
            }
        }
        if let Some(own) = &mut self.own {
            own.cursor = end;
            own.is_slow = matches!(taken, Taken::Frames(_)) || (own.is_slow && end != head);
        }
        self.session.forget_exempt(end);
        if taken == Taken::All && end != head { Progress::More } else { Progress::Done }
    }
}

impl Place {
    /// Drops what is too far behind. The member is to blame for that if its socket has refused something since it last
    /// had everything; else the node is.
    fn shed(&mut self, stage: &Stage, now: Duration, is_fetching: bool, is_full: bool) -> Shed {
        self.is_slow |= is_full;
        let is_behind = is_fetching || is_full;
        let cursor = &mut self.cursor;
        let mut shed = if is_behind { stage.ring.shed(cursor, now) } else { stage.ring.overrun(cursor) };
        if !self.is_slow {
            shed.dropped.iter_mut().for_each(|dropped| dropped.cause = Cause::Overrun);
        }
        shed
    }
}

/// `members` readers lose this; none of them what it sent itself.
fn count_dropped(shed: &Shed, members: i64, exempt: &[(Level, u64)], counts: &mut Vec<Count>) {
    for dropped in &shed.dropped {
        let outcome = match dropped.cause {
            Cause::Behind => Outcome::Behind,
            Cause::Late => Outcome::Late,
            Cause::Overrun => Outcome::Overrun,
        };
        let (level, positions) = (dropped.level, &dropped.positions);
        counts.push(Count { level, from: positions.start, until: positions.end, outcome, members });
        let own = exempt.iter().filter(|(of, position)| *of == level && positions.contains(position));
        counts.extend(own.map(|(_, position)| Count::one(level, *position, outcome, -members)));
    }
}
