//! The account of a room: what became of every frame, for every member that it was for.

mod lane;
mod totals;

use std::{collections::VecDeque, ops::Range, time::Duration};

use grandstand_protocol::{Level, MessageId};

use self::lane::{Entry, Lane};
pub use self::totals::{LevelTotals, Outcomes, Totals};

/// How long the fate of a message can be asked for.
pub const FATE_AGE: Duration = Duration::from_mins(10);

/// How many frames of a room can be asked for, all levels and those withheld together.
pub const MAX_FATES: usize = 10_000;

/// What became of a frame for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Written,
    /// It was recalled, and the stub was written in its place.
    Recalled,
    /// Left out because the node could not keep up.
    Thinned,
    /// Left out because too many bytes were behind: the member is slow.
    Behind,
    /// Left out because it was too old.
    Late,
    /// Left out because the node came round so late that the ring had forgotten it, or, if it is LOW, a NORMAL one.
    Overrun,
    /// The member left before it.
    Left,
}

/// Why a message was shown to nobody on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Withheld {
    RoomLimit,
    AppLimit,
}

/// What a frame is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    /// Its number in the room, if it is stored.
    pub number: Option<u64>,
}

/// What became of one message. `eligible` = all of `outcomes` + withheld + pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub level: Level,
    pub entered: Duration,
    /// Where it is in the ring's lane; `None` if it was withheld.
    pub position: Option<u64>,
    /// Members that it was for.
    pub eligible: u32,
    pub outcomes: Outcomes,
    /// Then all of `eligible` are withheld.
    pub withheld: Option<Withheld>,
    /// How often a member got it again, or at last, when it returned. Beside the sum.
    pub replayed: u32,
}

impl Fate {
    /// Members for which nothing is decided yet: as many as there are cursors at or before its position.
    #[must_use]
    pub fn pending(&self) -> i64 {
        if self.withheld.is_some() { 0 } else { i64::from(self.eligible) - self.outcomes.sum() }
    }
}

/// Counts what became of the frames of a room by ranges of positions, so that a write to many members that carries many
/// frames is one step.
///
/// Frames that carry no message (patches, changes of the room) are counted as all others. An empty account holds no
/// memory beside the totals.
#[derive(Debug, Default)]
pub struct Account {
    lanes: [Lane; 3],
    withheld: VecDeque<(Level, Withheld, Entry)>,
    totals: Totals,
}

impl Account {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A frame takes the next position of its level, in the ring as here.
    pub fn enter(&mut self, level: Level, message: Option<Message>, eligible: u32, now: Duration) {
        let totals = self.totals.level_mut(level);
        totals.frames += 1;
        totals.eligible += i64::from(eligible);
        self.lanes[level as usize].push(Entry::new(message, eligible, now));
        self.keep_to_maximum();
    }

    /// A frame is shown to nobody here: it never gets a position.
    pub fn withhold(
        &mut self,
        level: Level,
        message: Option<Message>,
        eligible: u32,
        cause: Withheld,
        now: Duration,
    ) {
        let totals = self.totals.level_mut(level);
        totals.frames += 1;
        totals.eligible += i64::from(eligible);
        match cause {
            Withheld::RoomLimit => totals.room_limit += i64::from(eligible),
            Withheld::AppLimit => totals.app_limit += i64::from(eligible),
        }
        self.withheld.push_back((level, cause, Entry::new(message, eligible, now)));
        self.keep_to_maximum();
    }

    /// So many members passed these positions with this outcome. A negative number takes back what was counted before.
    pub fn count(&mut self, level: Level, positions: Range<u64>, outcome: Outcome, members: i64) {
        let frames = i64::try_from(positions.end.saturating_sub(positions.start)).unwrap_or(i64::MAX);
        self.totals.level_mut(level).outcomes.add(outcome, members * frames);
        self.lanes[level as usize].count(positions, outcome, members);
    }

    /// A member got the stored message of this number when it returned. Only HIGH ones are delivered again.
    pub fn replayed(&mut self, number: u64) {
        self.totals.level_mut(Level::High).replayed += 1;
        let withheld = self.withheld.iter_mut().map(|(_, _, entry)| entry);
        let entry = match self.lanes[Level::High as usize].by_number(number) {
            None => withheld.rev().find(|entry| entry.number() == Some(number)),
            found => found,
        };
        if let Some(entry) = entry {
            entry.replayed += 1;
        }
    }

    /// What became of a message so far; `None` if it is not remembered.
    #[must_use]
    pub fn fate(&self, id: &MessageId) -> Option<Fate> {
        let of_lane = |level: Level| {
            let (position, outcomes, entry) = self.lanes[level as usize].by_id(id)?;
            Some(Fate {
                level,
                entered: entry.entered,
                position: Some(position),
                eligible: entry.eligible,
                outcomes,
                withheld: None,
                replayed: entry.replayed,
            })
        };
        let of_withheld = || {
            let (level, cause, entry) = self.withheld.iter().find(|(_, _, entry)| entry.id() == Some(id))?;
            Some(Fate {
                level: *level,
                entered: entry.entered,
                position: None,
                eligible: entry.eligible,
                outcomes: Outcomes::default(),
                withheld: Some(*cause),
                replayed: entry.replayed,
            })
        };
        [Level::High, Level::Normal, Level::Low].into_iter().find_map(of_lane).or_else(of_withheld)
    }

    /// All frames since the beginning.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Forgets fates that are too old. The totals stay.
    pub fn expire(&mut self, now: Duration) {
        let oldest_kept = now.saturating_sub(FATE_AGE);
        while self.oldest().is_some_and(|(_, entered)| entered < oldest_kept) {
            self.forget_oldest();
        }
    }

    /// Whether no fate is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum::<usize>() + self.withheld.len()
    }

    fn keep_to_maximum(&mut self) {
        if self.len() > MAX_FATES {
            self.forget_oldest();
        }
    }

    /// Where the oldest fate is, and when it came.
    fn oldest(&self) -> Option<(Oldest, Duration)> {
        let lanes = self.lanes.iter().enumerate();
        let of_lanes = lanes.filter_map(|(at, lane)| Some((Oldest::Lane(at), lane.oldest()?)));
        let withheld = self.withheld.front().map(|(_, _, entry)| (Oldest::Withheld, entry.entered));
        of_lanes.chain(withheld).min_by_key(|(_, entered)| *entered)
    }

    fn forget_oldest(&mut self) {
        match self.oldest() {
            Some((Oldest::Lane(at), _)) => self.lanes[at].forget_oldest(),
            Some((Oldest::Withheld, _)) => {
                self.withheld.pop_front();
                if self.withheld.is_empty() {
                    self.withheld = VecDeque::new();
                }
            }
            None => {}
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Oldest {
    Lane(usize),
    Withheld,
}
