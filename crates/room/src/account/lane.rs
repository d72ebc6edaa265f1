//! The remembered fates of one level, as differences: what a position has is the sum of all before it.

use std::{collections::VecDeque, ops::Range, time::Duration};

use grandstand_protocol::MessageId;

use super::{Message, Outcome, Outcomes};

#[derive(Debug, Default)]
pub(super) struct Lane {
    fates: VecDeque<(Outcomes, Entry)>,
    /// Position of the first fate.
    first: u64,
    /// The difference at the position that comes next: what ends with the newest fate.
    last_difference: Outcomes,
    /// The highest message number that entered.
    highest: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    message: Option<Message>,
    /// The highest number up to here: rises with the position, where events have no number of their own.
    highest: u64,
    pub(super) eligible: u32,
    pub(super) entered: Duration,
    pub(super) replayed: u32,
}

impl Entry {
    pub(super) fn new(message: Option<Message>, eligible: u32, entered: Duration) -> Self {
        Self { message, highest: 0, eligible, entered, replayed: 0 }
    }

    pub(super) fn id(&self) -> Option<&MessageId> {
        self.message.as_ref().map(|message| &message.id)
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.message.as_ref()?.number
    }
}

impl Lane {
    pub(super) fn push(&mut self, mut entry: Entry) {
        self.highest = entry.number().unwrap_or(0).max(self.highest);
        entry.highest = self.highest;
        self.fates.push_back((std::mem::take(&mut self.last_difference), entry));
    }

    pub(super) fn count(&mut self, positions: Range<u64>, outcome: Outcome, members: i64) {
        debug_assert!(positions.end <= self.end(), "{positions:?} have not entered");
        // What is forgotten takes no part; the sum of all differences stays 0.
        let (start, end) = (positions.start.max(self.first), positions.end);
        if start < end {
            self.difference_at(start).add(outcome, members);
            self.difference_at(end).add(outcome, -members);
        }
    }

    /// The message's position, what became of it, and what else is known.
    pub(super) fn by_id(&self, id: &MessageId) -> Option<(u64, Outcomes, &Entry)> {
        let mut sum = Outcomes::default();
        for (position, (difference, entry)) in (self.first..).zip(&self.fates) {
            sum += *difference;
            if entry.id() == Some(id) {
                return Some((position, sum, entry));
            }
        }
        None
    }

    pub(super) fn by_number(&mut self, number: u64) -> Option<&mut Entry> {
        let index = self.fates.partition_point(|(_, entry)| entry.highest < number);
        let (_, entry) = self.fates.get_mut(index)?;
        Some(entry).filter(|entry| entry.number() == Some(number))
    }

    pub(super) fn oldest(&self) -> Option<Duration> {
        self.fates.front().map(|(_, entry)| entry.entered)
    }

    /// The next one goes on from the sum so far.
    pub(super) fn forget_oldest(&mut self) {
        let Some((difference, _)) = self.fates.pop_front() else { return };
        self.first += 1;
        *self.difference_at(self.first) += difference;
        if self.fates.is_empty() {
            self.fates = VecDeque::new();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.fates.len()
    }

    fn end(&self) -> u64 {
        self.first + self.fates.len() as u64
    }

    fn difference_at(&mut self, position: u64) -> &mut Outcomes {
        let index = usize::try_from(position - self.first).unwrap_or(usize::MAX);
        match self.fates.get_mut(index) {
            Some((difference, _)) => difference,
            None => &mut self.last_difference,
        }
    }
}
