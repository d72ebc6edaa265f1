//! One lane of a ring: frames in order of arrival, with the bytes up to each.

use std::{collections::VecDeque, time::Duration};

#[derive(Debug)]
pub(super) struct Lane<T> {
    slots: VecDeque<Slot<T>>,
    /// Position of the first slot.
    first: u64,
    /// Bytes ever pushed.
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Slot<T> {
    pub(super) frame: T,
    pub(super) size: usize,
    /// Orders the frames of all lanes.
    pub(super) arrival: u64,
    pub(super) at: Duration,
    /// Bytes ever pushed before it: the bytes between two slots are one subtraction.
    before: u64,
}

impl<T> Lane<T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new(), first: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, frame: T, size: usize, arrival: u64, now: Duration) -> u64 {
        // Whoever pushes may have looked at the clock a moment before it was their turn.
        let at = self.slots.back().map_or(now, |newest| newest.at.max(now));
        self.slots.push_back(Slot { frame, size, arrival, at, before: self.bytes });
        self.bytes += size as u64;
        self.end() - 1
    }

    /// Forgets frames with more than so many bytes behind them.
    pub(super) fn forget_behind(&mut self, bytes: usize) {
        while self.slots.get(1).is_some_and(|second| self.bytes - second.before > bytes as u64) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.slots = VecDeque::new();
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The position of the oldest frame that is not forgotten.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The position that the next frame will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The first retained position at or after `position`; the end if there is none.
    pub(super) fn retained(&self, position: u64) -> u64 {
        position.clamp(self.first, self.end())
    }

    /// Whether a reader whose next position is this one has missed something.
    pub(super) fn has_forgotten(&self, position: u64) -> bool {
        position < self.first
    }

    pub(super) fn get(&self, position: u64) -> Option<&Slot<T>> {
        self.slots.get(self.index(position)?)
    }

    pub(super) fn get_mut(&mut self, position: u64) -> Option<&mut Slot<T>> {
        let index = self.index(position)?;
        self.slots.get_mut(index)
    }

    /// The first retained slot at or after `position`.
    pub(super) fn first_from(&self, position: u64) -> Option<(u64, &Slot<T>)> {
        let position = self.retained(position);
        self.get(position).map(|slot| (position, slot))
    }

    /// Bytes of the retained frames at or after `position`.
    pub(super) fn bytes_from(&self, position: u64) -> usize {
        let bytes = self.first_from(position).map_or(0, |(_, slot)| self.bytes - slot.before);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The first retained position at or after `position` from which on no more than so many bytes are retained.
    pub(super) fn fitting(&self, position: u64, bytes: usize) -> u64 {
        if self.bytes_from(position) <= bytes {
            return self.retained(position);
        }
        self.first + self.slots.partition_point(|slot| self.bytes - slot.before > bytes as u64) as u64
    }

    /// The first retained position at or after `position` whose frame came at `oldest` or later.
    pub(super) fn since(&self, position: u64, oldest: Duration) -> u64 {
        if self.first_from(position).is_none_or(|(_, slot)| slot.at >= oldest) {
            return self.retained(position);
        }
        self.first + self.slots.partition_point(|slot| slot.at < oldest) as u64
    }

    /// The retained slots at or after `position`.
    pub(super) fn from(&self, position: u64) -> impl Iterator<Item = (u64, &Slot<T>)> {
        let position = self.retained(position);
        let index = self.index(position).unwrap_or(0);
        (position..).zip(self.slots.range(index..))
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &Slot<T>)> {
        (self.first..self.end()).rev().zip(self.slots.iter().rev())
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.first)?).ok()
    }
}
