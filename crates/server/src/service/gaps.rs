//! What returning members missed, read once for many: when a room's members come back together, the first asks the
//! store, and the others share what it found, frames included.

mod page;
mod source;
mod span;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use grandstand_protocol::{AppId, Event, Level, RoomId};
use grandstand_room::clock::Millis;
use tokio::{sync::Mutex as Gate, time::Instant};
use tracing::warn;

pub(crate) use self::span::Missed;
pub(super) use self::span::{Gap, Own};
use self::{
    page::Page,
    source::Source,
    span::{High, Span},
};
use crate::{
    cluster::{Except, RoomNews},
    config::Limits,
    fanout::Broadcast,
    store::{Most, StoreError, StoredMessage},
};

/// How long what was read may be used: retention and other nodes change messages, too.
const LIFE: Duration = Duration::from_secs(5);

/// Of a room, this many times what one member may get is read, because members leave out their own, and are not at one
/// place; a page that is extended may become twice as large.
const SPARE: usize = 2;

/// So many times `limits.high_backlog` may wait for a member that is closed then, and that is to have all of it again.
const BACKLOGS: usize = 4;

/// The bytes of so many reads may be in memory. Beyond that, a page is kept no longer than somebody waits for it or has a
/// part of it to get, and the oldest ones are given up after [`GRACE`].
const PAGES: usize = 4;

/// Where memory is short, whoever returned has this long to take what it missed. More than [`LIFE`].
const GRACE: Duration = Duration::from_secs(10);

/// Patches replayed at most, and how far back, in milliseconds (protocol.md section 10, row 23).
const PATCHES: u32 = 100;
const PATCHES_BACK: i64 = 30 * 60 * 1000;

type RoomPage = Page<High<Arc<Broadcast>>>;

/// What members of all rooms missed, for some seconds.
#[derive(Debug)]
pub(crate) struct Gaps {
    rooms: Mutex<HashMap<(AppId, RoomId), Arc<RoomGap>>>,
    /// Of one read.
    most: Most,
    /// Bytes of pages that may be in memory before any are given up.
    budget: usize,
    /// Bytes of those that are.
    alive: Arc<AtomicUsize>,
    /// All of them, the oldest first.
    pages: Mutex<VecDeque<(Instant, Weak<RoomPage>)>>,
}

#[derive(Debug)]
struct RoomGap {
    made_at: Instant,
    state: Mutex<State>,
    /// Whose turn it is to read for all who wait.
    turn: Gate<()>,
}

#[derive(Debug, Default)]
struct State {
    /// A message of the room was changed: what was read before that is void.
    changes: u64,
    high: Option<Known>,
    /// The page of it, for those who wait, and longer if there is memory for it. Without, it lives as long as somebody
    /// has something to get from it, and is shared that long.
    held: Option<Arc<RoomPage>>,
    /// How many wait, or read for those who do.
    callers: usize,
    /// What those who wait want together.
    wanted: Option<(u64, u64)>,
    /// The newest patches with their times.
    patches: Option<Vec<(Millis, Arc<Broadcast>)>>,
}

/// A span, if somebody still has its page.
#[derive(Debug)]
struct Known {
    after: u64,
    last: u64,
    cut: bool,
    page: Weak<RoomPage>,
}

/// One who waits, or reads for those who do.
struct Caller<'a> {
    gaps: &'a Gaps,
    place: Arc<RoomGap>,
}

/// The next read of a room.
#[derive(Debug)]
struct Next {
    after: u64,
    last: u64,
    /// What it goes on from.
    known: Option<Span<Arc<Broadcast>>>,
    /// How often the room was changed before.
    changes: u64,
}

impl Gaps {
    pub(crate) fn new(limits: &Limits) -> Self {
        let messages = limits.replay as usize;
        let small = messages.saturating_mul(Broadcast::AROUND_BODY);
        let bytes = limits.high_backlog.saturating_mul(BACKLOGS).max(small).saturating_mul(SPARE);
        Self {
            rooms: Mutex::default(),
            most: Most { messages: messages.saturating_mul(SPARE), bytes },
            budget: bytes.saturating_mul(PAGES),
            alive: Arc::default(),
            pages: Mutex::default(),
        }
    }

    /// HIGH messages that a member missed. Whoever calls is in the room already: patches made from now on reach it.
    pub(super) async fn high(
        &self,
        store: &(impl Source + ?Sized),
        (app, room): (&AppId, &RoomId),
        gap: Gap<'_>,
        now: Millis,
    ) -> Result<Missed, StoreError> {
        if gap.after >= gap.last {
            return Ok(Missed::new(Arc::default(), 0..0, gap.own, false));
        }
        let place = self.place(app, room);
        if let Some(missed) = place.known(gap, self.most) {
            return Ok(missed);
        }
        place.lock().want((gap.after, gap.last));
        let caller = Caller::new(self, place);
        let place = &caller.place;
        let _turn = place.turn.lock().await;
        if let Some(missed) = place.known(gap, self.most) {
            return Ok(missed);
        }
        loop {
            let next = place.lock().next_read(gap);
            let (changes, range) = (next.changes, (next.after, next.last));
            let read = self.read(store, (app, room), range, now).await?;
            let is_changed = place.lock().changes != changes;
            let span = match next.known {
                // What it should go on from is void, or given up.
                Some(_) if is_changed => None,
                Some(known) => known.extended(read, self.most),
                None => Some(read),
            };
            if let Some(span) = span
                && let Some(missed) = span.missed(gap)
            {
                if place.share(&span, changes) {
                    self.note(&span.page);
                }
                return Ok(missed);
            }
            place.lock().want(range);
        }
    }

    /// Edits and recalls of the room since `known`, oldest first, of the last half hour at most. Not all are for everybody.
    pub(super) async fn patches(
        &self,
        store: &(impl Source + ?Sized),
        (app, room): (&AppId, &RoomId),
        known: Millis,
        now: Millis,
    ) -> Result<Vec<Arc<Broadcast>>, StoreError> {
        let back = now.plus(-PATCHES_BACK);
        let after = known.max(back);
        let place = self.place(app, room);
        if let Some(patches) = place.lock().patches_after(after) {
            return Ok(patches);
        }
        let _turn = place.turn.lock().await;
        if let Some(patches) = place.lock().patches_after(after) {
            return Ok(patches);
        }
        let changes = place.lock().changes;
        let read = store.patches((app, room), back, PATCHES).await?;
        let patches: Vec<_> = read
            .into_iter()
            .map(|message| {
                let time = message.patched_at.unwrap_or_default();
                let except = Except::Nobody.and_all_but(message.audience_of_changes());
                (time, broadcast(app, room, (message.into_patch(room), except), None, now))
            })
            .collect();
        let due = since(&patches, after);
        let mut state = place.lock();
        if state.changes == changes {
            state.patches = Some(patches);
        }
        Ok(due)
    }

    /// A message of the room was edited or recalled. Comes before the news of it: whoever enters the room after that
    /// must not find the message as it was.
    pub(crate) fn changed(&self, app: &AppId, room: &RoomId) {
        let place = self.rooms().get(&(app.clone(), room.clone())).cloned();
        if let Some(place) = place {
            let mut state = place.lock();
            state.changes += 1;
            state.high = None;
            state.patches = None;
            let void = state.held.take();
            drop(state);
            drop(void);
        }
    }

    /// Forgets what is old. Where too much is in memory, members do not take what they missed: the oldest pages are given
    /// up, and those members have to come back for the rest. Called once a second.
    pub(crate) fn forget_old(&self) {
        let old: Vec<_> = self.rooms().extract_if(|_, place| place.made_at.elapsed() >= LIFE).collect();
        // Outside the lock: pages are long.
        drop(old);
        let mut pages = self.pages();
        pages.retain(|(_, page)| page.strong_count() > 0);
        while self.is_full()
            && let Some((_, page)) = pages.pop_front_if(|(made_at, _)| made_at.elapsed() >= GRACE)
        {
            if let Some(page) = page.upgrade() {
                warn!(
                    bytes = page.bytes(),
                    "members that came back do not take what they missed; they are closed"
                );
                drop(page.give_up());
            }
        }
    }

    fn is_full(&self) -> bool {
        self.alive.load(Ordering::Relaxed) > self.budget
    }

    /// So that it can be given up.
    fn note(&self, page: &Arc<RoomPage>) {
        self.pages().push_back((Instant::now(), Arc::downgrade(page)));
    }

    async fn read(
        &self,
        store: &(impl Source + ?Sized),
        (app, room): (&AppId, &RoomId),
        (after, last): (u64, u64),
        now: Millis,
    ) -> Result<Span<Arc<Broadcast>>, StoreError> {
        metrics::counter!("grandstand_gap_reads_total").increment(1);
        let read = store.gap((app, room), after, last, self.most).await?;
        let count = read.len();
        let messages = read.into_iter().filter_map(|message| high(app, room, message, now)).collect();
        let page = Arc::new(Page::new(messages, &self.alive));
        let cut = count >= self.most.messages || page.bytes() >= self.most.bytes;
        Ok(Span { after, last, cut, page })
    }

    fn place(&self, app: &AppId, room: &RoomId) -> Arc<RoomGap> {
        let mut rooms = self.rooms();
        let key = (app.clone(), room.clone());
        if let Some(place) = rooms.get(&key).filter(|place| place.made_at.elapsed() < LIFE) {
            return Arc::clone(place);
        }
        let place =
            Arc::new(RoomGap { made_at: Instant::now(), state: Mutex::default(), turn: Gate::default() });
        let former = rooms.insert(key, Arc::clone(&place));
        drop(rooms);
        // Outside the lock: its page is long.
        drop(former);
        place
    }

    fn pages(&self) -> MutexGuard<'_, VecDeque<(Instant, Weak<RoomPage>)>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<(AppId, RoomId), Arc<RoomGap>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomGap {
    /// Counted outside the lock: a page is long.
    fn known(&self, gap: Gap<'_>, most: Most) -> Option<Missed> {
        let span = self.lock().span()?;
        if span.answers(gap, most) { span.missed(gap) } else { None }
    }

    /// Gives a span to those who wait, and to those who come, if it is not void. Whether it has a page of its own.
    fn share(&self, span: &Span<Arc<Broadcast>>, changes: u64) -> bool {
        let &Span { after, last, cut, ref page } = span;
        let mut state = self.lock();
        let is_known = |known: &Known| known.page.as_ptr() == Arc::as_ptr(page);
        let is_new = !state.high.as_ref().is_some_and(is_known);
        if state.changes == changes {
            state.high = Some(Known { after, last, cut, page: Arc::downgrade(page) });
            let former = state.held.replace(Arc::clone(page));
            drop(state);
            // Outside the lock: it may be long.
            drop(former);
        }
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Caller<'a> {
    fn new(gaps: &'a Gaps, place: Arc<RoomGap>) -> Self {
        place.lock().callers += 1;
        Self { gaps, place }
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        let mut state = self.place.lock();
        state.callers -= 1;
        let is_let_go = state.callers == 0 && self.gaps.is_full();
        let page = state.held.take_if(|_| is_let_go);
        drop(state);
        drop(page);
    }
}

impl State {
    fn span(&self) -> Option<Span<Arc<Broadcast>>> {
        let Known { after, last, cut, page } = self.high.as_ref()?;
        let page = page.upgrade().filter(|page| !page.is_given_up())?;
        Some(Span { after: *after, last: *last, cut: *cut, page })
    }

    /// Notes what is wanted, for whoever reads next.
    fn want(&mut self, (after, last): (u64, u64)) {
        let (first, end) = self.wanted.unwrap_or((after, last));
        self.wanted = Some((first.min(after), end.max(last)));
    }

    /// What to read for all who wait.
    fn next_read(&mut self, gap: Gap<'_>) -> Next {
        let (after, last) = self.wanted.take().unwrap_or((gap.after, gap.last));
        let (after, last) = (after.min(gap.after), last.max(gap.last));
        let known = self.span().filter(|known| known.after <= after && known.last < last);
        let after = known.as_ref().map_or(after, |known| known.last);
        Next { after, last, known, changes: self.changes }
    }

    fn patches_after(&self, after: Millis) -> Option<Vec<Arc<Broadcast>>> {
        self.patches.as_ref().map(|patches| since(patches, after))
    }
}

fn since(patches: &[(Millis, Arc<Broadcast>)], after: Millis) -> Vec<Arc<Broadcast>> {
    patches.iter().filter(|(time, _)| *time > after).map(|(_, patch)| Arc::clone(patch)).collect()
}

fn high(app: &AppId, room: &RoomId, message: StoredMessage, now: Millis) -> Option<High<Arc<Broadcast>>> {
    let (number, sender) = (u64::try_from(message.number).ok()?, message.session);
    let (from, bytes) = (message.from.clone(), message.size());
    let audience = message.audience.clone();
    let message = broadcast(app, room, (message.into_push(room), Except::Nobody), Some(number), now);
    Some(High { number, sender, from, audience, bytes, message })
}

fn broadcast(
    app: &AppId,
    room: &RoomId,
    (event, except): (Event, Except),
    number: Option<u64>,
    now: Millis,
) -> Arc<Broadcast> {
    let (app, room) = (app.clone(), room.clone());
    let news = RoomNews { app, room, event, level: Level::High, number, except };
    Arc::new(Broadcast::new(news, now))
}

#[cfg(test)]
mod storm;
#[cfg(test)]
mod tests;
