//! What a reader loses that is behind: LOW first, then NORMAL, never HIGH.

use std::{ops::Range, time::Duration};

use grandstand_protocol::Level;

use super::{Cursor, Ring};

/// What a reader lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shed {
    /// LOW before NORMAL; at most two ranges of each. Nothing lost, nothing allocated.
    pub dropped: Vec<Dropped>,
    /// It is too far behind in HIGH frames and has to go: it gets them when it returns.
    pub high_lost: bool,
}

/// Positions that a reader will never get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub level: Level,
    pub positions: Range<u64>,
    pub cause: Cause,
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Too many bytes were behind.
    Behind,
    /// It was too old, or LOW while an older NORMAL one was.
    Late,
    /// The ring had forgotten it before this reader, which takes whatever it is given, was given it; or it is LOW, and a
    /// NORMAL one was forgotten.
    Overrun,
}

impl Shed {
    fn drop_until(&mut self, cursor: &mut Cursor, level: Level, until: u64, cause: Cause) {
        let positions = cursor.next(level)..until;
        if !positions.is_empty() {
            cursor.advance(level, until);
            self.dropped.push(Dropped { level, positions, cause });
        }
    }
}

impl<T> Ring<T> {
    /// What this reader loses now; moves its cursor.
    ///
    /// Of NORMAL and LOW frames no more than `rest_bytes` stay: the oldest LOW ones go, then the oldest NORMAL ones. By
    /// age go NORMAL ones older than `rest_age`, LOW ones older than half of it. No NORMAL frame goes before all LOW
    /// ones have gone, whatever the cause. HIGH frames stay, however many there are.
    pub fn shed(&self, cursor: &mut Cursor, now: Duration) -> Shed {
        let mut shed = Shed { dropped: Vec::new(), high_lost: self.is_high_lost(cursor) };
        let (normal, low) = (self.lane(Level::Normal), self.lane(Level::Low));
        let (next_normal, next_low) = (cursor.next(Level::Normal), cursor.next(Level::Low));
        let (bytes, age) = (self.bounds.rest_bytes, self.bounds.rest_age);

        let normal_behind = normal.fitting(next_normal, bytes);
        let normal_late = normal.since(next_normal, now.saturating_sub(age));
        let (low_behind, low_late) = if normal_behind > next_normal {
            (low.end(), low.end())
        } else {
            let behind = low.fitting(next_low, bytes - normal.bytes_from(next_normal));
            let is_normal_late = normal_late > next_normal;
            let oldest = if is_normal_late { Duration::MAX } else { now.saturating_sub(age / 2) };
            (behind, low.since(next_low, oldest))
        };

        for (level, behind, late) in
            [(Level::Low, low_behind, low_late), (Level::Normal, normal_behind, normal_late)]
        {
            shed.drop_until(cursor, level, behind, Cause::Behind);
            shed.drop_until(cursor, level, late, Cause::Late);
        }
        shed
    }

    /// What a reader loses that takes whatever it is given and was not given it in time: only what is forgotten. If that
    /// is NORMAL, all LOW goes, too. Moves its cursor.
    pub fn overrun(&self, cursor: &mut Cursor) -> Shed {
        let (normal, low) = (self.lane(Level::Normal), self.lane(Level::Low));
        let mut shed = Shed { dropped: Vec::new(), high_lost: self.has_lost_high(cursor) };
        let is_normal_lost = normal.has_forgotten(cursor.next(Level::Normal));
        let low_until = if is_normal_lost { low.end() } else { low.first() };
        shed.drop_until(cursor, Level::Low, low_until, Cause::Overrun);
        shed.drop_until(cursor, Level::Normal, normal.first(), Cause::Overrun);
        shed
    }

    /// Whether HIGH frames that this reader has not passed are forgotten.
    #[must_use]
    pub fn has_lost_high(&self, cursor: &Cursor) -> bool {
        self.lane(Level::High).has_forgotten(cursor.next(Level::High))
    }

    fn is_high_lost(&self, cursor: &Cursor) -> bool {
        let (lane, next) = (self.lane(Level::High), cursor.next(Level::High));
        // One frame always fits: otherwise a frame above the bound would close the connection again and again.
        let is_over = lane.bytes_from(next) > self.bounds.high_bytes && next + 1 < lane.end();
        is_over || self.has_lost_high(cursor)
    }
}
