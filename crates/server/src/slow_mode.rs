//! Slow mode on this node: whose turn it is in rooms where everybody speaks seldom.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    rates::Wait,
    slow_mode::{Speakers, Spoke, Turn as Granted},
};

use crate::clock::Clock;

/// Speakers remembered for one app: ten rooms of 20,000, in 6.5 MB.
const SPEAKERS: usize = 200_000;

/// One per node. Leaving and rejoining a room, or another device, changes nothing here; a restart does.
pub(crate) struct SlowModes {
    clock: Clock,
    started_at: tokio::time::Instant,
    /// Hashes with a key of this process: nobody can choose a client id that takes somebody else's turn.
    keys: RandomState,
    apps: Mutex<HashMap<AppId, Speakers>>,
}

/// A turn to speak. Dropped without a word said, it is given back.
pub(crate) struct Turn<'a> {
    slow: &'a SlowModes,
    app: AppId,
    speaker: u64,
    mark: Option<NonZeroU32>,
    seconds: u32,
    /// What to return to; `None` when nothing was taken, because it is the same message again.
    taken: Option<(Option<Spoke>, Spoke)>,
}

impl std::fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

impl SlowModes {
    pub(crate) fn new(clock: Clock) -> Self {
        let started_at = clock.now();
        Self { clock, started_at, keys: RandomState::new(), apps: Mutex::default() }
    }

    /// The turn of a client that may speak every so many seconds in a room. `mark` is the message's own: with the same
    /// one again it is a retry, which counts once.
    pub(crate) fn take(
        &self,
        app: &AppId,
        room: &RoomId,
        client: &ClientId,
        mark: Option<&str>,
        seconds: u32,
    ) -> Result<Turn<'_>, Wait> {
        let speaker = self.keys.hash_one((room, client));
        let mark = mark.and_then(|mark| NonZeroU32::new(self.keys.hash_one(mark) as u32));
        let now = self.now();
        let taken = match of(&mut self.lock(), app).take(speaker, mark, seconds, now)? {
            Granted::Taken { before, now } => Some((before, now)),
            Granted::Again => None,
        };
        Ok(Turn { slow: self, app: app.clone(), speaker, mark, seconds, taken })
    }

    /// Forgets what holds nobody back any more.
    pub(crate) fn forget_old(&self) {
        let now = self.now();
        self.lock().retain(|_, speakers| {
            speakers.forget_old(now);
            !speakers.is_empty()
        });
    }

    /// How many are remembered in all.
    pub(crate) fn speakers(&self) -> usize {
        self.lock().values().map(Speakers::len).sum()
    }

    fn now(&self) -> Duration {
        self.clock.now().duration_since(self.started_at)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppId, Speakers>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of<'a>(apps: &'a mut HashMap<AppId, Speakers>, app: &AppId) -> &'a mut Speakers {
    apps.entry(app.clone()).or_insert_with(|| Speakers::new(SPEAKERS))
}

impl Turn<'_> {
    /// It was used just now: the wait for the next one begins.
    pub(crate) fn said(mut self) {
        self.taken = None;
        let now = self.slow.now();
        of(&mut self.slow.lock(), &self.app).said(self.speaker, self.mark, self.seconds, now);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some((before, taken)) = self.taken else { return };
        if let Some(speakers) = self.slow.lock().get_mut(&self.app) {
            speakers.give_back(self.speaker, before, taken);
        }
    }
}
