//! A model of a room on a node: the order of its messages, the ring of the recent ones, and the account.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use grandstand_protocol::{Level, MessageId};
use grandstand_room::{
    account::{self, Account, Outcome},
    ring::{Bounds, Cause, Cursor, Ring},
    sequence::Sequencer,
};

use crate::store::Message;

const BOUNDS: Bounds = Bounds { high_bytes: 250, rest_bytes: 300, rest_age: Duration::from_secs(20) };
pub(crate) const FRAME_BYTES: usize = 50;
const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

pub(crate) struct Hub {
    pub(crate) order: Sequencer<Message>,
    ring: Ring<Message>,
    account: Account,
}

/// Where a member stands in the ring.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    cursor: Cursor,
    /// Positions that are not for it: its own messages, and those of before it came.
    skips: BTreeSet<(Level, u64)>,
}

/// A member is too far behind in HIGH messages, and has to go.
pub(crate) struct HighLost;

impl Hub {
    pub(crate) fn new() -> Self {
        Self { order: Sequencer::new(64), ring: Ring::new(BOUNDS), account: Account::new() }
    }

    pub(crate) fn admit(&self) -> Reader {
        Reader { cursor: self.ring.head(), skips: BTreeSet::new() }
    }

    /// `for_whom`: every member here, and whether the message is for it.
    pub(crate) fn push<'a>(
        &mut self,
        message: &Message,
        for_whom: impl Iterator<Item = (&'a mut Reader, bool)>,
        now: Duration,
    ) {
        let level = message.level;
        let position = self.ring.push(level, message.clone(), FRAME_BYTES, now);
        let mut eligible = 0;
        for (reader, is_for_it) in for_whom {
            if is_for_it {
                eligible += 1;
            } else {
                reader.skips.insert((level, position));
            }
        }
        let entered = account::Message { id: id(message), number: Some(message.number) };
        self.account.enter(level, Some(entered), eligible, now);
    }

    /// Takes from a member what it may not get any more. Returns how many messages these are.
    pub(crate) fn shed(&mut self, reader: &mut Reader, now: Duration) -> Result<u64, HighLost> {
        let mut cursor = reader.cursor;
        let shed = self.ring.shed(&mut cursor, now);
        let mut lost = 0;
        for dropped in shed.dropped {
            let outcome = match dropped.cause {
                Cause::Behind => Outcome::Behind,
                Cause::Late => Outcome::Late,
                Cause::Overrun => Outcome::Overrun,
            };
            lost += dropped.positions.end - dropped.positions.start;
            self.pass(reader, dropped.level, dropped.positions, outcome);
        }
        assert_eq!(reader.cursor, cursor);
        if shed.high_lost { Err(HighLost) } else { Ok(lost) }
    }

    /// What goes to a member in one write.
    pub(crate) fn write(&mut self, reader: &mut Reader, bytes: usize) -> Vec<Message> {
        let from = reader.cursor;
        let mut end = from;
        let mut messages = Vec::new();
        self.ring.gather(
            &from,
            bytes,
            |_, _| true,
            |level, position, message| {
                assert_eq!(position, end.next(level), "a hole");
                end.pass(level, position);
                if !reader.skips.contains(&(level, position)) {
                    messages.push(message.clone());
                }
            },
        );
        for level in LEVELS {
            self.pass(reader, level, from.next(level)..end.next(level), Outcome::Written);
        }
        messages
    }

    pub(crate) fn leave(&mut self, mut reader: Reader) {
        let (from, head) = (reader.cursor, self.ring.head());
        for level in LEVELS {
            self.pass(&mut reader, level, from.next(level)..head.next(level), Outcome::Left);
        }
    }

    pub(crate) fn is_idle(&self, reader: &Reader) -> bool {
        reader.cursor == self.ring.head()
    }

    /// Everybody has everything.
    pub(crate) fn clear(&mut self) {
        self.ring.clear();
    }

    /// The account closes: all that is undecided waits for one of these members.
    pub(crate) fn check_account<'a>(&mut self, readers: impl Iterator<Item = &'a Reader>, now: Duration) {
        let readers: Vec<&Reader> = readers.collect();
        let head = self.ring.head();
        for level in LEVELS {
            let waits = |reader: &&Reader, position: u64| !reader.skips.contains(&(level, position));
            let pending = |reader: &&Reader| {
                (reader.cursor.next(level)..head.next(level)).filter(|at| waits(reader, *at)).count() as i64
            };
            let pending: i64 = readers.iter().map(pending).sum();
            assert_eq!(self.account.totals().level(level).pending(), pending, "{level:?} does not close");
        }
        self.account.expire(now);
    }

    fn pass(&mut self, reader: &mut Reader, level: Level, positions: Range<u64>, outcome: Outcome) {
        let Some(last) = positions.clone().last() else { return };
        reader.cursor.pass(level, last);
        self.account.count(level, positions.clone(), outcome, 1);
        let range = (level, positions.start)..(level, positions.end);
        let skipped: Vec<u64> = reader.skips.range(range).map(|(_, position)| *position).collect();
        for position in skipped {
            self.account.count(level, position..position + 1, outcome, -1);
            reader.skips.remove(&(level, position));
        }
    }
}

fn id(message: &Message) -> MessageId {
    MessageId::new(message.number.to_string())
}
