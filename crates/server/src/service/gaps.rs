//! What returning members missed, read once for many: when a room's members come back together, the first asks the
//! store, and the others share what it found, frames included.

mod page;
mod source;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, Event, Level, RoomId};
use grandstand_room::{clock::Millis, session::SessionId};
use tokio::{sync::Mutex as Gate, time::Instant};

use self::{page::Page, source::Source};
use crate::{
    cluster::{Except, RoomNews},
    fanout::Broadcast,
    store::{StoreError, StoredMessage},
};

/// How long what was read may be used: retention and other nodes change messages, too.
const LIFE: Duration = Duration::from_secs(5);

/// Messages kept of all rooms together; what is read beyond that serves those who wait for it, and is not kept.
const KEPT: usize = 100_000;

/// Of a room, this many times the messages that one member may get are read, because they leave out its own; up to twice
/// as many are kept.
const SPARE: usize = 2;

/// Patches replayed at most, and how far back, in milliseconds (protocol.md section 10, row 23).
const PATCHES: u32 = 100;
const PATCHES_BACK: i64 = 30 * 60 * 1000;

/// What members of all rooms missed, for some seconds.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    rooms: Mutex<HashMap<(AppId, RoomId), Arc<RoomGap>>>,
    kept: AtomicUsize,
}

/// A gap of one member: HIGH messages after `after`, up to `last`, that are not its `own`; the newest `limit`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap<'a> {
    pub(super) after: u64,
    pub(super) last: u64,
    pub(super) own: &'a Own,
    pub(super) limit: usize,
}

/// Whose messages a member does not get back.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) sessions: [SessionId; 2],
    pub(super) client: ClientId,
    /// What its other sessions sent counts as its own, too.
    pub(super) all_sessions: bool,
}

/// A gap as read: a stretch of what the members of a room share.
#[derive(Debug)]
pub(crate) struct Missed<T = Arc<Broadcast>> {
    page: Arc<Page<High<T>>>,
    next: usize,
    end: usize,
    own: Own,
    /// Whether there may be older ones beyond the limit.
    pub(super) cut: bool,
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
    high: Option<Span<Arc<Broadcast>>>,
    /// What those who wait want together.
    wanted: Option<(u64, u64)>,
    /// The newest patches with their times.
    patches: Option<Vec<(Millis, Arc<Broadcast>)>>,
}

/// The next read of a room.
#[derive(Debug)]
struct Next {
    after: u64,
    last: u64,
    /// Whether it goes on from what is known.
    goes_on: bool,
    /// How often the room was changed before.
    changes: u64,
}

/// The HIGH messages of a range of numbers, or the newest of them.
#[derive(Debug)]
struct Span<T> {
    after: u64,
    last: u64,
    /// Whether older ones of the range were left out.
    cut: bool,
    /// Ascending.
    page: Arc<Page<High<T>>>,
}

#[derive(Debug, Clone)]
struct High<T> {
    number: u64,
    sender: Option<SessionId>,
    from: String,
    message: T,
}

impl Gaps {
    /// HIGH messages that a member missed. Whoever calls is in the room already: patches made from now on reach it.
    pub(super) async fn high(
        &self,
        store: &(impl Source + ?Sized),
        (app, room): (&AppId, &RoomId),
        gap: Gap<'_>,
        now: Millis,
    ) -> Result<Missed, StoreError> {
        if gap.after >= gap.last {
            let (page, own) = (Arc::default(), gap.own.clone());
            return Ok(Missed { page, next: 0, end: 0, own, cut: false });
        }
        let place = self.place(app, room);
        if let Some(missed) = place.lock().known_or_wanted(gap) {
            return Ok(missed);
        }
        let _turn = place.turn.lock().await;
        if let Some(missed) = place.lock().known(gap) {
            return Ok(missed);
        }
        loop {
            let next = place.lock().next_read(gap);
            let read = read(store, (app, room), &next, gap.limit * SPARE, now).await?;
            let mut state = place.lock();
            let known = state.high.take();
            let before = known.as_ref().map_or(0, |known| known.page.len());
            let span = match known {
                Some(known) if next.goes_on => known.extended(read, gap.limit * SPARE),
                // What it should go on from was changed meanwhile.
                None if next.goes_on => continue,
                _ => read,
            };
            let missed = span.missed(gap);
            if state.changes == next.changes && self.may_keep(before, span.page.len()) {
                state.high = Some(span);
            }
            return Ok(missed);
        }
    }

    /// Edits and recalls of the room since `known`, oldest first, of the last half hour at most.
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
                (time, broadcast(app, room, message.into_patch(room), None, now))
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
        }
    }

    /// Forgets what is old. Called once a second.
    pub(crate) fn forget_old(&self) {
        let mut rooms = self.rooms();
        rooms.retain(|_, place| place.made_at.elapsed() < LIFE);
        let kept = rooms.values().map(|place| place.lock().high.as_ref().map_or(0, |span| span.page.len()));
        self.kept.store(kept.sum(), Ordering::Relaxed);
    }

    /// Whether a room may keep so many messages instead of those that it kept before.
    fn may_keep(&self, before: usize, now: usize) -> bool {
        let others = self.kept.load(Ordering::Relaxed).saturating_sub(before);
        let fits = others + now <= KEPT;
        // Readers of several rooms may miscount each other here; the count is made anew every second.
        self.kept.store(others + if fits { now } else { 0 }, Ordering::Relaxed);
        fits
    }

    fn place(&self, app: &AppId, room: &RoomId) -> Arc<RoomGap> {
        let mut rooms = self.rooms();
        let key = (app.clone(), room.clone());
        if let Some(place) = rooms.get(&key).filter(|place| place.made_at.elapsed() < LIFE) {
            return Arc::clone(place);
        }
        let place =
            Arc::new(RoomGap { made_at: Instant::now(), state: Mutex::default(), turn: Gate::default() });
        rooms.insert(key, Arc::clone(&place));
        place
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<(AppId, RoomId), Arc<RoomGap>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomGap {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn known(&self, gap: Gap<'_>) -> Option<Missed> {
        self.high.as_ref().filter(|span| span.answers(gap)).map(|span| span.missed(gap))
    }

    /// What is known, or else a note of what is wanted, for whoever reads next.
    fn known_or_wanted(&mut self, gap: Gap<'_>) -> Option<Missed> {
        let known = self.known(gap);
        if known.is_none() {
            let (after, last) = self.wanted.unwrap_or((gap.after, gap.last));
            self.wanted = Some((after.min(gap.after), last.max(gap.last)));
        }
        known
    }

    /// What to read for all who wait.
    fn next_read(&mut self, gap: Gap<'_>) -> Next {
        let (after, last) = self.wanted.take().unwrap_or((gap.after, gap.last));
        let (after, last) = (after.min(gap.after), last.max(gap.last));
        let known = self.high.as_ref().filter(|known| known.after <= after && known.last < last);
        Next {
            after: known.map_or(after, |known| known.last),
            last,
            goes_on: known.is_some(),
            changes: self.changes,
        }
    }

    fn patches_after(&self, after: Millis) -> Option<Vec<Arc<Broadcast>>> {
        self.patches.as_ref().map(|patches| since(patches, after))
    }
}

impl Own {
    fn has<T>(&self, high: &High<T>) -> bool {
        match high.sender {
            Some(sender) if self.sessions.contains(&sender) => true,
            Some(_) if !self.all_sessions => false,
            // What the back end sent in its name is for none of its sessions.
            _ => self.client.as_str() == high.from,
        }
    }
}

impl<T: Clone> Missed<T> {
    /// The next message, and its number.
    pub(crate) fn next(&mut self) -> Option<(u64, T)> {
        let messages = self.page.read();
        let due = messages[self.next..self.end].iter().position(|high| !self.own.has(high));
        let at = self.next + due?;
        self.next = at + 1;
        let high = &messages[at];
        Some((high.number, high.message.clone()))
    }
}

impl<T: Clone> Span<T> {
    /// Whether everything that belongs to the gap is here.
    fn answers(&self, gap: Gap<'_>) -> bool {
        let messages = self.page.read();
        let is_whole = (self.after <= gap.after && !self.cut) || self.reaches(&messages, gap.after);
        gap.last <= self.last && (is_whole || due(&messages, gap).count() > gap.limit)
    }

    /// Of a span that was cut: whether it holds everything after this number.
    fn reaches(&self, messages: &[High<T>], after: u64) -> bool {
        self.cut && messages.first().is_some_and(|oldest| oldest.number <= after)
    }

    fn missed(&self, gap: Gap<'_>) -> Missed<T> {
        let messages = self.page.read();
        let end = end(&messages, gap);
        let mut due = due(&messages, gap);
        let next = due.by_ref().take(gap.limit).last().unwrap_or(end);
        let cut = due.next().is_some() || (self.cut && !self.reaches(&messages, gap.after));
        Missed { page: Arc::clone(&self.page), next, end, own: gap.own.clone(), cut }
    }

    /// With what came after it, on the same page: who has a stretch of that shares what comes next, too. Where it would
    /// hold more than twice `most`, the newest `most` begin a new one.
    fn extended(mut self, newer: Self, most: usize) -> Self {
        if newer.cut {
            // What lies between is not known.
            return Self { after: self.after, ..newer };
        }
        self.last = newer.last;
        if self.page.len() + newer.page.len() > most * 2 {
            self.page = Arc::new(self.page.newest(most.saturating_sub(newer.page.len())));
            self.cut = true;
        }
        self.page.append(newer.page.take());
        self
    }
}

/// Places of what is due to a member, the newest first.
fn due<T>(messages: &[High<T>], gap: Gap<'_>) -> impl Iterator<Item = usize> {
    let places = (0..end(messages, gap)).rev();
    let of_gap = places.take_while(move |at| messages[*at].number > gap.after);
    of_gap.filter(move |at| !gap.own.has(&messages[*at]))
}

/// Behind the last message of the gap.
fn end<T>(messages: &[High<T>], gap: Gap<'_>) -> usize {
    messages.partition_point(|high| high.number <= gap.last)
}

async fn read(
    store: &(impl Source + ?Sized),
    (app, room): (&AppId, &RoomId),
    &Next { after, last, .. }: &Next,
    limit: usize,
    now: Millis,
) -> Result<Span<Arc<Broadcast>>, StoreError> {
    metrics::counter!("grandstand_gap_reads_total").increment(1);
    let read = store.gap((app, room), after, last, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let cut = read.len() >= limit;
    let messages = read.into_iter().filter_map(|message| high(app, room, message, now)).collect();
    Ok(Span { after, last, cut, page: Arc::new(Page::new(messages)) })
}

fn since(patches: &[(Millis, Arc<Broadcast>)], after: Millis) -> Vec<Arc<Broadcast>> {
    patches.iter().filter(|(time, _)| *time > after).map(|(_, patch)| Arc::clone(patch)).collect()
}

fn high(app: &AppId, room: &RoomId, message: StoredMessage, now: Millis) -> Option<High<Arc<Broadcast>>> {
    let (number, sender) = (u64::try_from(message.number).ok()?, message.session);
    let from = message.from.clone();
    let message = broadcast(app, room, message.into_push(room), Some(number), now);
    Some(High { number, sender, from, message })
}

fn broadcast(app: &AppId, room: &RoomId, event: Event, number: Option<u64>, now: Millis) -> Arc<Broadcast> {
    let (app, room) = (app.clone(), room.clone());
    let news = RoomNews { app, room, event, level: Level::High, number, except: Except::Nobody };
    Arc::new(Broadcast::new(news, now))
}

#[cfg(test)]
mod storm;
#[cfg(test)]
mod tests;
