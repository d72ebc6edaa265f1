//! The ring against a naive model: every reader keeps a list of the frames that it is still to get.

use std::{collections::HashMap, time::Duration};

use grandstand_protocol::Level;
use grandstand_room::ring::{Cause, Cursor, Dropped, KEPT, Ring};
use proptest::prelude::*;

use crate::BOUNDS;

const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

#[derive(Debug, Clone)]
enum Step {
    Push(Level, usize),
    Join,
    /// Of the n-th reader: it loses what it must, and reads so many bytes.
    Read(usize, usize),
    Shed(usize),
    /// The n-th reader takes whatever it is given, and was not given it in time.
    Overrun(usize),
    /// The n-th frame, counted from the newest, if it is retained.
    Replace(usize),
    /// Once all have everything.
    Clear,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let level = prop_oneof![Just(Level::High), Just(Level::Normal), Just(Level::Low)];
    prop_oneof![
        12 => (level, prop_oneof![9 => 1..40_usize, 1 => 90..130_usize])
            .prop_map(|(level, size)| Step::Push(level, size)),
        1 => Just(Step::Join),
        4 => (0..8_usize, 1..150_usize).prop_map(|(reader, bytes)| Step::Read(reader, bytes)),
        2 => (0..8_usize).prop_map(Step::Shed),
        2 => (0..8_usize).prop_map(Step::Overrun),
        1 => (0..8_usize).prop_map(Step::Replace),
        1 => Just(Step::Clear),
        3 => (0..3_000_u64).prop_map(Step::Wait),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    level: Level,
    position: u64,
    size: usize,
    at: Duration,
}

#[derive(Debug, Default)]
struct Reader {
    cursor: Cursor,
    /// In order of arrival.
    pending: Vec<Frame>,
    /// How many it got or lost, or has pending.
    frames: usize,
    settled: usize,
}

impl Reader {
    fn bytes(&self, counts: impl Fn(&Frame) -> bool) -> usize {
        self.pending.iter().filter(|frame| counts(frame)).map(|frame| frame.size).sum()
    }

    /// One frame at a time, as the rules say it.
    fn shed(&mut self, now: Duration) -> Vec<(Level, u64, Cause)> {
        let mut lost = Vec::new();
        while self.bytes(|frame| frame.level != Level::High) > BOUNDS.rest_bytes {
            let victim = self.remove_first(|frame| frame.level == Level::Low);
            let victim = victim.or_else(|| self.remove_first(|frame| frame.level == Level::Normal));
            lost.extend(victim.map(|frame| (frame.level, frame.position, Cause::Behind)));
        }
        let is_old = |frame: &Frame, age: Duration| frame.at + age < now;
        let half = BOUNDS.rest_age / 2;
        let mut late = Vec::new();
        while let Some(frame) =
            self.remove_first(|frame| frame.level == Level::Normal && is_old(frame, BOUNDS.rest_age))
        {
            late.push(frame);
        }
        let no_low = !late.is_empty();
        while let Some(frame) =
            self.remove_first(|frame| frame.level == Level::Low && (no_low || is_old(frame, half)))
        {
            late.push(frame);
        }
        lost.extend(late.into_iter().map(|frame| (frame.level, frame.position, Cause::Late)));
        lost
    }

    /// What is forgotten goes, and all LOW with a NORMAL frame.
    fn overrun(&mut self, is_forgotten: impl Fn(&Frame) -> bool) -> Vec<(Level, u64, Cause)> {
        let no_low = self.pending.iter().any(|frame| frame.level == Level::Normal && is_forgotten(frame));
        let is_lost = |frame: &Frame| match frame.level {
            Level::High => false,
            Level::Normal => is_forgotten(frame),
            Level::Low => no_low || is_forgotten(frame),
        };
        let lost = self.pending.extract_if(.., |frame| is_lost(frame));
        lost.map(|frame| (frame.level, frame.position, Cause::Overrun)).collect()
    }

    fn remove_first(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let index = self.pending.iter().position(wanted)?;
        Some(self.pending.remove(index))
    }

    /// What one write of so many bytes takes.
    fn read(&mut self, max_bytes: usize) -> Vec<Frame> {
        let mut order = self.pending.clone();
        if self.bytes(|_| true) > max_bytes {
            order.sort_by_key(|frame| frame.level != Level::High);
        }
        let mut bytes = 0;
        order.retain(|frame| {
            bytes += frame.size;
            bytes <= max_bytes || bytes == frame.size
        });
        self.pending.retain(|frame| !order.contains(frame));
        order
    }
}

/// The ring, its readers, and what they should see.
struct World {
    ring: Ring<u64>,
    readers: Vec<Reader>,
    all: Vec<Frame>,
    /// What stands at each position now.
    contents: HashMap<(Level, u64), u64>,
    now: Duration,
    serial: u64,
}

impl World {
    fn new() -> Self {
        Self {
            ring: Ring::new(BOUNDS),
            readers: vec![Reader::default()],
            all: Vec::new(),
            contents: HashMap::new(),
            now: Duration::ZERO,
            serial: 0,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        self.serial += 1;
        match *step {
            Step::Push(level, size) => self.push(level, size),
            Step::Join => {
                self.readers.push(Reader { cursor: self.ring.head(), ..Reader::default() });
                Ok(())
            }
            Step::Read(reader, bytes) => {
                if self.shed(reader)? {
                    self.read(reader, bytes)
                } else {
                    Ok(())
                }
            }
            Step::Shed(reader) => self.shed(reader).map(|_| ()),
            Step::Overrun(reader) => self.overrun(reader),
            Step::Replace(back) => self.replace(back),
            Step::Clear => self.clear(),
            Step::Wait(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                Ok(())
            }
        }
    }

    fn push(&mut self, level: Level, size: usize) -> Result<(), TestCaseError> {
        let position = self.ring.push(level, self.serial, size, self.now);
        prop_assert_eq!(position, self.all.iter().filter(|frame| frame.level == level).count() as u64);
        let frame = Frame { level, position, size, at: self.now };
        self.all.push(frame);
        self.contents.insert((level, position), self.serial);
        for reader in &mut self.readers {
            reader.pending.push(frame);
            reader.frames += 1;
        }
        Ok(())
    }

    /// `false` when the reader had to go.
    fn shed(&mut self, index: usize) -> Result<bool, TestCaseError> {
        let index = index % self.readers.len();
        let reader = &mut self.readers[index];
        let is_high = |frame: &Frame| frame.level == Level::High;
        let expected_high_lost = reader.bytes(is_high) > BOUNDS.high_bytes
            && reader.pending.iter().filter(|frame| is_high(frame)).count() > 1;
        let mut expected = reader.shed(self.now);

        let shed = self.ring.shed(&mut reader.cursor, self.now);
        prop_assert_eq!(shed.high_lost, expected_high_lost);
        let dropped = one_by_one(shed.dropped)?;
        expected.sort_by_key(in_order);
        prop_assert_eq!(&dropped, &expected);
        reader.settled += dropped.len();

        prop_assert!(reader.bytes(|frame| !is_high(frame)) <= BOUNDS.rest_bytes);
        let lost_normal = dropped.iter().any(|(level, ..)| *level == Level::Normal);
        prop_assert!(!lost_normal || reader.bytes(|frame| frame.level == Level::Low) == 0);
        if shed.high_lost {
            self.readers[index] = Reader { cursor: self.ring.head(), ..Reader::default() };
            return Ok(false);
        }
        prop_assert_eq!(self.ring.pending_bytes(&reader.cursor), reader.bytes(|_| true));
        Ok(true)
    }

    fn overrun(&mut self, index: usize) -> Result<(), TestCaseError> {
        let index = index % self.readers.len();
        let reader = &mut self.readers[index];
        let is_forgotten = |frame: &Frame| {
            let is_behind = |other: &&Frame| other.level == frame.level && other.position > frame.position;
            let behind: usize = self.all.iter().filter(is_behind).map(|other| other.size).sum();
            let is_high = frame.level == Level::High;
            behind > KEPT * if is_high { BOUNDS.high_bytes } else { BOUNDS.rest_bytes }
        };
        let expected_high_lost =
            reader.pending.iter().any(|frame| frame.level == Level::High && is_forgotten(frame));
        let mut expected = reader.overrun(is_forgotten);

        let shed = self.ring.overrun(&mut reader.cursor);
        prop_assert_eq!(shed.high_lost, expected_high_lost);
        let dropped = one_by_one(shed.dropped)?;
        expected.sort_by_key(in_order);
        prop_assert_eq!(&dropped, &expected);
        reader.settled += dropped.len();
        if shed.high_lost {
            *reader = Reader { cursor: self.ring.head(), ..Reader::default() };
            return Ok(());
        }
        prop_assert_eq!(self.ring.pending_bytes(&reader.cursor), reader.bytes(|_| true));
        Ok(())
    }

    fn read(&mut self, index: usize, bytes: usize) -> Result<(), TestCaseError> {
        let index = index % self.readers.len();
        let reader = &mut self.readers[index];
        let mut visited = Vec::new();
        self.ring.gather(
            &reader.cursor,
            bytes,
            |_, _| true,
            |level, position, content| {
                visited.push((level, position, *content));
            },
        );
        let expected: Vec<(Level, u64, u64)> = reader
            .read(bytes)
            .iter()
            .map(|frame| (frame.level, frame.position, self.contents[&(frame.level, frame.position)]))
            .collect();
        prop_assert_eq!(&visited, &expected);
        for (level, position, _) in &visited {
            prop_assert_eq!(*position, reader.cursor.next(*level), "twice, or a hole");
            reader.cursor.pass(*level, *position);
        }
        reader.settled += visited.len();
        Ok(())
    }

    fn replace(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(Frame { level, position, .. }) = self.all.iter().rev().nth(back).copied() else {
            return Ok(());
        };
        let known = self.contents[&(level, position)];
        if let Some(former) = self.ring.replace(level, position, self.serial) {
            prop_assert_eq!(former, known);
            prop_assert_eq!(self.ring.find(|content| *content == self.serial), Some((level, position)));
            self.contents.insert((level, position), self.serial);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), TestCaseError> {
        for index in 0..self.readers.len() {
            if self.shed(index)? {
                self.read(index, usize::MAX)?;
            }
        }
        self.ring.clear();
        prop_assert!(self.ring.is_empty());
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let retained = |frame: &&Frame| self.ring.get(frame.level, frame.position).is_some();
        prop_assert_eq!(self.ring.len(), self.all.iter().filter(retained).count());
        for level in LEVELS {
            let bound = if level == Level::High { BOUNDS.high_bytes } else { BOUNDS.rest_bytes };
            let of_level = self.all.iter().filter(retained).filter(|frame| frame.level == level);
            let behind_the_oldest: usize = of_level.skip(1).map(|frame| frame.size).sum();
            prop_assert!(behind_the_oldest <= KEPT * bound);
        }
        for reader in &self.readers {
            let mine: Vec<&Frame> = reader.pending.iter().filter(retained).collect();
            let bytes: usize = mine.iter().map(|frame| frame.size).sum();
            prop_assert_eq!(self.ring.pending_bytes(&reader.cursor), bytes);
            prop_assert_eq!(self.ring.oldest(&reader.cursor), mine.first().map(|frame| frame.at));
            prop_assert_eq!(reader.frames, reader.settled + reader.pending.len());
        }
        Ok(())
    }
}

fn in_order(lost: &(Level, u64, Cause)) -> (Level, u64) {
    (lost.0, lost.1)
}

fn one_by_one(ranges: Vec<Dropped>) -> Result<Vec<(Level, u64, Cause)>, TestCaseError> {
    let mut dropped = Vec::new();
    for range in ranges {
        prop_assert!(range.level != Level::High && !range.positions.is_empty());
        dropped.extend(range.positions.map(|position| (range.level, position, range.cause)));
    }
    dropped.sort_by_key(in_order);
    Ok(dropped)
}

proptest! {
    #[test]
    fn readers_get_what_a_list_of_their_own_would_give_them(
        steps in proptest::collection::vec(step(), 0..250),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
            world.check()?;
        }
    }
}
