//! Frames for one write: what is planned for the readers of a room, built once for all that read the same.

use std::time::Duration;

use grandstand_protocol::{ClientId, Level};
use grandstand_room::{account::Outcome, ring::Cursor, thinning::Keep};

use super::stage::{Count, Entry, LEVELS, Stage};
use crate::{
    gateway::outbox::{Batch, WRITE_BYTES},
    router::Style,
};

/// What one write from a position of the ring carries.
#[derive(Debug, Default)]
pub(super) struct Plan {
    start: Cursor,
    steps: Vec<Step>,
    /// When the oldest of it came.
    oldest: Option<Duration>,
}

#[derive(Debug)]
struct Step {
    level: Level,
    position: u64,
    entry: Entry,
    fate: Fate,
}

/// What becomes of an event for all of a shed class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Shown,
    /// A message that was recalled while it waited: its stub is shown.
    Stub,
    /// An edit of a message that these readers have not had yet: they get that one as it is now.
    Told,
    Thinned,
}

impl Fate {
    fn outcome(self) -> Outcome {
        match self {
            Self::Shown | Self::Told => Outcome::Written,
            Self::Stub => Outcome::Recalled,
            Self::Thinned => Outcome::Thinned,
        }
    }
}

impl Plan {
    /// Plans what is pending after `start`. The class decides what is left out while the node cannot keep up. `exempt`
    /// are positions that are not for these readers, ascending.
    pub(super) fn make(
        &mut self,
        stage: &Stage,
        start: Cursor,
        keep: Keep,
        class: u64,
        exempt: &[(Level, u64)],
    ) {
        self.start = start;
        self.oldest = stage.ring.oldest(&start);
        self.steps.clear();
        let is_shown = |level, position| keep.shows(level, position, class);
        stage.ring.gather(&start, WRITE_BYTES, is_shown, |level, position, entry| {
            // Whoever sent a message has it.
            let is_own = |at: (Level, u64)| exempt.binary_search(&at).is_ok();
            let has = |at: (Level, u64)| start.next(at.0) > at.1 || is_own(at);
            let fate = if !is_shown(level, position) {
                Fate::Thinned
            } else if entry.changes.is_some_and(|changed| !has(changed)) {
                Fate::Told
            } else if entry.broadcast.is_stub() {
                Fate::Stub
            } else {
                Fate::Shown
            };
            self.steps.push(Step { level, position, entry: entry.clone(), fate });
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn oldest(&self) -> Option<Duration> {
        self.oldest
    }

    /// Bytes of what is shown, about.
    pub(super) fn bytes(&self) -> usize {
        self.frames(false)
            .filter(|(_, is_shown)| *is_shown)
            .map(|(step, _)| step.entry.broadcast.size())
            .sum()
    }

    /// What a reader gets of this position, if it is planned.
    pub(super) fn outcome(&self, level: Level, position: u64) -> Option<Outcome> {
        let step = self.steps.iter().find(|step| step.level == level && step.position == position)?;
        Some(step.fate.outcome())
    }

    /// Where a reader stands that has taken so many of the steps.
    pub(super) fn after(&self, steps: usize) -> Cursor {
        let mut cursor = self.start;
        for step in &self.steps[..steps] {
            cursor.pass(step.level, step.position);
        }
        cursor
    }

    /// What `members` readers got that have taken so many of the steps.
    pub(super) fn count(&self, steps: usize, members: i64, counts: &mut Vec<Count>) {
        let end = self.after(steps);
        counts.extend(LEVELS.map(|level| {
            let (from, until) = (self.start.next(level), end.next(level));
            Count { level, from, until, outcome: Outcome::Written, members }
        }));
        for step in &self.steps[..steps] {
            let outcome = step.fate.outcome();
            if outcome == Outcome::Written {
                continue;
            }
            for (outcome, members) in [(Outcome::Written, -members), (outcome, members)] {
                counts.push(Count::one(step.level, step.position, outcome, members));
            }
        }
    }

    fn frames(&self, first_generation: bool) -> impl Iterator<Item = (&Step, bool)> {
        self.steps.iter().map(move |step| {
            let is_shown = matches!(step.fate, Fate::Shown | Fate::Stub);
            (step, is_shown && step.entry.broadcast.is_understood(first_generation))
        })
    }
}

/// A plan in bytes, with one end for each of its steps.
#[derive(Debug, Default)]
pub(super) struct Built {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    numbered: Vec<(usize, u64)>,
}

impl Built {
    /// Builds a plan for all readers of one style, or for one that needs its client id in each frame. `exempt` are
    /// positions that are not for this reader, ascending.
    pub(super) fn build(
        &mut self,
        plan: &Plan,
        style: Style,
        addressee: Option<&ClientId>,
        exempt: &[(Level, u64)],
    ) {
        self.bytes.clear();
        self.ends.clear();
        self.numbered.clear();
        for (at, (step, is_shown)) in plan.frames(style.first_generation).enumerate() {
            if is_shown && exempt.binary_search(&(step.level, step.position)).is_err() {
                step.entry.broadcast.append_to(&mut self.bytes, style.format, addressee);
                if let Some(number) = step.entry.broadcast.confirmed_number() {
                    self.numbered.push((at, number));
                }
            }
            self.ends.push(self.bytes.len());
        }
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { bytes: &self.bytes, ends: &self.ends, numbered: &self.numbered }
    }
}

/// A plan, built once for each style of readers that there is.
#[derive(Debug, Default)]
pub(super) struct Shared {
    built: Vec<(Option<Style>, Built)>,
}

impl Shared {
    /// The plan has changed.
    pub(super) fn clear(&mut self) {
        for (style, _) in &mut self.built {
            *style = None;
        }
    }

    pub(super) fn batch(&mut self, plan: &Plan, style: Style) -> Batch<'_> {
        let at = self.built.iter().position(|(known, _)| *known == Some(style));
        let at = at.unwrap_or_else(|| {
            let free = self.built.iter().position(|(known, _)| known.is_none());
            let at = free.unwrap_or_else(|| {
                self.built.push((None, Built::default()));
                self.built.len() - 1
            });
            self.built[at].0 = Some(style);
            self.built[at].1.build(plan, style, None, &[]);
            at
        });
        self.built[at].1.batch()
    }
}
