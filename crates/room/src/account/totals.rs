//! Sums of the account: what became of all frames of a room, by level.

use std::ops::{Add, AddAssign, Sub};

use grandstand_protocol::Level;

use super::Outcome;

/// Members by outcome. Signed, because these are also differences between two such sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    pub written: i64,
    pub recalled: i64,
    pub thinned: i64,
    pub behind: i64,
    pub late: i64,
    pub overrun: i64,
    pub left: i64,
}

impl Outcomes {
    pub fn add(&mut self, outcome: Outcome, members: i64) {
        *match outcome {
            Outcome::Written => &mut self.written,
            Outcome::Recalled => &mut self.recalled,
            Outcome::Thinned => &mut self.thinned,
            Outcome::Behind => &mut self.behind,
            Outcome::Late => &mut self.late,
            Outcome::Overrun => &mut self.overrun,
            Outcome::Left => &mut self.left,
        } += members;
    }

    #[must_use]
    pub fn sum(&self) -> i64 {
        self.written + self.recalled + self.thinned + self.behind + self.late + self.overrun + self.left
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            written: with(self.written, other.written),
            recalled: with(self.recalled, other.recalled),
            thinned: with(self.thinned, other.thinned),
            behind: with(self.behind, other.behind),
            late: with(self.late, other.late),
            overrun: with(self.overrun, other.overrun),
            left: with(self.left, other.left),
        }
    }
}

/// All frames of one level. `eligible` = all of `outcomes` + `room_limit` + `app_limit` + pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelTotals {
    /// Messages and events, those withheld too. All other fields count members: one for each frame and member.
    pub frames: i64,
    pub eligible: i64,
    pub outcomes: Outcomes,
    /// Withheld by the limit of the room.
    pub room_limit: i64,
    /// Withheld by the limit of the app.
    pub app_limit: i64,
    /// Delivered at a return. Beside the sum.
    pub replayed: i64,
}

impl LevelTotals {
    /// For which nothing is decided yet.
    #[must_use]
    pub fn pending(&self) -> i64 {
        self.eligible - self.outcomes.sum() - self.room_limit - self.app_limit
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            frames: with(self.frames, other.frames),
            eligible: with(self.eligible, other.eligible),
            outcomes: self.outcomes.zip(other.outcomes, &with),
            room_limit: with(self.room_limit, other.room_limit),
            app_limit: with(self.app_limit, other.app_limit),
            replayed: with(self.replayed, other.replayed),
        }
    }
}

/// All frames of a room, or of many. What came between two looks is their difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    levels: [LevelTotals; 3],
}

impl Totals {
    #[must_use]
    pub fn level(&self, level: Level) -> &LevelTotals {
        &self.levels[level as usize]
    }

    pub(super) fn level_mut(&mut self, level: Level) -> &mut LevelTotals {
        &mut self.levels[level as usize]
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        let ([high, normal, low], others) = (self.levels, other.levels);
        Self { levels: [high.zip(others[0], &with), normal.zip(others[1], &with), low.zip(others[2], &with)] }
    }
}

impl AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        *self = self.zip(other, |one, two| one + two);
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, |one, two| one + two)
    }
}

impl Sub for Totals {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.zip(other, |one, two| one - two)
    }
}
