//! The recent frames of a room, kept once: whoever reads them is a position in each of three lanes.

mod lane;
mod shed;

use std::time::Duration;

use grandstand_protocol::Level;

use self::lane::{Lane, Slot};
pub use self::shed::{Cause, Dropped, Shed};

/// The ring keeps so many times what a reader may be behind.
pub const KEPT: usize = 4;

const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

/// How much one reader may be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of HIGH frames. A reader further behind has to go: no HIGH frame is ever left out.
    pub high_bytes: usize,
    /// Bytes of NORMAL and LOW frames together.
    pub rest_bytes: usize,
    /// How old a NORMAL frame may get; a LOW one half of it.
    pub rest_age: Duration,
}

/// Where a reader stands: the next position of each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    next: [u64; 3],
}

impl Cursor {
    /// The position that it reads next.
    #[must_use]
    pub fn next(&self, level: Level) -> u64 {
        self.next[level as usize]
    }

    /// It has this position, and all before it.
    pub fn pass(&mut self, level: Level, position: u64) {
        self.advance(level, position + 1);
    }

    fn advance(&mut self, level: Level, next: u64) {
        let own = &mut self.next[level as usize];
        *own = next.max(*own);
    }
}

/// The frames of a room that some reader may still need, in a lane for each level.
///
/// Positions rise from 0 in each lane and are never used twice. A reader calls [`Self::shed`] before [`Self::gather`] if
/// it is behind by its own fault, else [`Self::overrun`]: what the ring has forgotten meanwhile is told there, and only
/// there. An empty ring holds no memory.
#[derive(Debug)]
pub struct Ring<T> {
    bounds: Bounds,
    /// Arrival of the next frame: the order between lanes.
    clock: u64,
    lanes: [Lane<T>; 3],
}

impl<T> Ring<T> {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, clock: 0, lanes: [Lane::new(), Lane::new(), Lane::new()] }
    }

    /// Behind everything: where a reader starts that wants only what comes.
    #[must_use]
    pub fn head(&self) -> Cursor {
        Cursor { next: LEVELS.map(|level| self.lane(level).end()) }
    }

    /// Takes a frame of `size` bytes and returns its position. Forgets what is so far behind that no reader should need
    /// it: several times what one may be behind, because a reader that takes everything may still come round late. The
    /// newest frame of a lane always stays.
    pub fn push(&mut self, level: Level, frame: T, size: usize, now: Duration) -> u64 {
        let arrival = self.clock;
        self.clock += 1;
        let bound = self.bound(level);
        let lane = &mut self.lanes[level as usize];
        let position = lane.push(frame, size, arrival, now);
        lane.forget_behind(bound.saturating_mul(KEPT));
        position
    }

    /// How many frames are retained.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }

    /// Whether no frame is retained.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.len() == 0)
    }

    /// Bytes of the retained frames that this reader has not passed.
    #[must_use]
    pub fn pending_bytes(&self, cursor: &Cursor) -> usize {
        LEVELS.iter().map(|level| self.lane(*level).bytes_from(cursor.next(*level))).sum()
    }

    /// How full this level is for a reader at this position, as a share of its bound. A single frame may be above it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    pub fn fill(&self, level: Level, position: u64) -> f64 {
        self.lane(level).bytes_from(position) as f64 / self.bound(level).max(1) as f64
    }

    /// When the oldest retained frame came that this reader has not passed.
    #[must_use]
    pub fn oldest(&self, cursor: &Cursor) -> Option<Duration> {
        let pending = LEVELS.iter().filter_map(|level| self.lane(*level).first_from(cursor.next(*level)));
        pending.map(|(_, slot)| slot.at).min()
    }

    /// Visits what goes into one write of about `max_bytes`: at least one frame if any is pending, and no more than fit.
    ///
    /// What fits into one write goes in order of arrival; only where the reader is behind do HIGH frames overtake the
    /// rest. No lane has holes, so whoever visits a frame passes it. What the reader is not shown takes no room.
    pub fn gather(
        &self,
        cursor: &Cursor,
        max_bytes: usize,
        is_shown: impl Fn(Level, u64) -> bool,
        mut visit: impl FnMut(Level, u64, &T),
    ) {
        debug_assert!(LEVELS.iter().all(|level| !self.lane(*level).has_forgotten(cursor.next(*level))));
        let in_order = self.pending_bytes(cursor) <= max_bytes;
        let mut lanes = LEVELS.map(|level| self.lane(level).from(cursor.next(level)));
        let mut due = lanes.each_mut().map(Iterator::next);
        let mut bytes = 0;
        let mut is_first = true;
        while let Some(level) = next_due(&due, in_order)
            && let Some((position, slot)) = due[level as usize]
        {
            if is_shown(level, position) {
                bytes += slot.size;
                if !is_first && bytes > max_bytes {
                    break;
                }
                is_first = false;
            }
            visit(level, position, &slot.frame);
            due[level as usize] = lanes[level as usize].next();
        }
    }

    /// The newest frame of this kind.
    #[must_use]
    pub fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<(Level, u64)> {
        let mut lanes = LEVELS.map(|level| self.lane(level).newest_first().peekable());
        loop {
            let arrivals = LEVELS.map(|level| lanes[level as usize].peek().map(|(_, slot)| slot.arrival));
            let level = LEVELS.into_iter().max_by_key(|level| arrivals[*level as usize])?;
            let (position, slot) = lanes[level as usize].next()?;
            if wanted(&slot.frame) {
                return Some((level, position));
            }
        }
    }

    /// A retained frame.
    #[must_use]
    pub fn get(&self, level: Level, position: u64) -> Option<&T> {
        self.lane(level).get(position).map(|slot| &slot.frame)
    }

    /// Puts another frame in the place of a retained one, which is returned. For the bounds it counts as much as the
    /// one before.
    pub fn replace(&mut self, level: Level, position: u64, frame: T) -> Option<T> {
        let slot = self.lanes[level as usize].get_mut(position)?;
        Some(std::mem::replace(&mut slot.frame, frame))
    }

    /// Every reader has everything: gives the memory back. Positions go on.
    pub fn clear(&mut self) {
        self.lanes.iter_mut().for_each(Lane::clear);
    }

    fn bound(&self, level: Level) -> usize {
        match level {
            Level::High => self.bounds.high_bytes,
            Level::Normal | Level::Low => self.bounds.rest_bytes,
        }
    }

    fn lane(&self, level: Level) -> &Lane<T> {
        &self.lanes[level as usize]
    }
}

/// Which of the frames that are first in their lanes goes next.
fn next_due<T>(due: &[Option<(u64, &Slot<T>)>; 3], in_order: bool) -> Option<Level> {
    let arrival = |level: Level| due[level as usize].map_or(u64::MAX, |(_, slot)| slot.arrival);
    let earlier = |one: Level, other: Level| if arrival(other) < arrival(one) { other } else { one };
    let high_overtakes = !in_order && due[Level::High as usize].is_some();
    let next =
        if high_overtakes { Level::High } else { earlier(Level::High, earlier(Level::Normal, Level::Low)) };
    due[next as usize].map(|_| next)
}
