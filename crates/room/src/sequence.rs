//! The order of a room's events on a node: the bus may lose, delay and swap them, members see them by number.

use std::{collections::BTreeMap, ops::RangeInclusive};

/// What to do with an event that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<E> {
    /// Deliver this one, then those that had waited for it.
    Deliver(E, Vec<E>),
    /// It waits for an earlier one, or for the base.
    Parked,
    /// It was delivered, parked or passed over already.
    Duplicate,
}

/// Puts the numbered events of one room in order. Events without a number (transient ones) go past it.
///
/// Until a member's claim tells the room's head, nothing is delivered: the base is unknown.
#[derive(Debug)]
pub struct Sequencer<E> {
    /// The last number delivered or passed over.
    base: Option<u64>,
    parked: BTreeMap<u64, Parked<E>>,
    capacity: usize,
}

#[derive(Debug)]
struct Parked<E> {
    previous: u64,
    event: E,
}

impl<E> Sequencer<E> {
    /// `capacity`: how many events may wait. Beyond it the oldest are given up, to be read from the store.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { base: None, parked: BTreeMap::new(), capacity: capacity.max(1) }
    }

    /// The last number delivered or passed over, once it is known.
    #[must_use]
    pub fn base(&self) -> Option<u64> {
        self.base
    }

    /// The first claim of a member on this node says where the room is: later events are delivered from here.
    /// Returns those that waited. Later claims change nothing: events up to their head are still on their way.
    pub fn set_base(&mut self, head: u64) -> Vec<E> {
        if self.base.is_some() {
            return Vec::new();
        }
        self.base = Some(head);
        self.drain()
    }

    /// Takes an event that came over the bus. `previous` is the number of the room's event before it.
    pub fn offer(&mut self, number: u64, previous: u64, event: E) -> Outcome<E> {
        match self.base {
            Some(base) if number <= base => Outcome::Duplicate,
            Some(base) if previous <= base => {
                self.base = Some(number);
                Outcome::Deliver(event, self.drain())
            }
            _ if self.parked.contains_key(&number) => Outcome::Duplicate,
            _ => {
                self.parked
                    .insert(number, Parked { previous: previous.min(number.saturating_sub(1)), event });
                if self.parked.len() > self.capacity {
                    // The oldest, because what follows it names it as missing.
                    self.parked.pop_first();
                }
                Outcome::Parked
            }
        }
    }

    /// What the parked events wait for: to be read from the store, when it did not come in time.
    #[must_use]
    pub fn missing(&self) -> Option<RangeInclusive<u64>> {
        let base = self.base?;
        let (_, first) = self.parked.first_key_value()?;
        Some(base + 1..=first.previous)
    }

    /// Takes events that were read from the store, in ascending order. Returns what to deliver.
    pub fn fill(&mut self, events: impl IntoIterator<Item = (u64, E)>) -> Vec<E> {
        let mut ready = Vec::new();
        for (number, event) in events {
            if self.base.is_some_and(|base| number > base) {
                self.base = Some(number);
                ready.push(event);
                ready.append(&mut self.drain());
            }
        }
        ready
    }

    /// Gives up on what is missing up to `number`: the store does not have it. Returns what to deliver.
    pub fn skip_to(&mut self, number: u64) -> Vec<E> {
        let mut ready = Vec::new();
        while let Some(entry) = self.parked.first_entry().filter(|entry| *entry.key() <= number) {
            self.base = self.base.max(Some(*entry.key()));
            ready.push(entry.remove().event);
        }
        self.base = self.base.max(Some(number));
        ready.append(&mut self.drain());
        ready
    }

    /// The parked events that follow the base without a gap.
    fn drain(&mut self) -> Vec<E> {
        let mut ready = Vec::new();
        let Some(mut base) = self.base else { return ready };
        while let Some(entry) = self.parked.first_entry() {
            let number = *entry.key();
            if number <= base {
                entry.remove();
            } else if entry.get().previous <= base {
                base = number;
                ready.push(entry.remove().event);
            } else {
                break;
            }
        }
        self.base = Some(base);
        ready
    }
}
