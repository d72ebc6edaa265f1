//! The account under random load, joins, leaves, drops and recalls, against one counter for each delivery.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use grandstand_protocol::Level;
use grandstand_room::{
    account::{Account, FATE_AGE, Outcome, Outcomes, Totals, Withheld},
    ring::{Bounds, Cause, Cursor, Ring, Shed},
};
use proptest::prelude::*;

use crate::{id, message};

const BOUNDS: Bounds = Bounds { high_bytes: 200, rest_bytes: 100, rest_age: Duration::from_secs(10) };
const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];

#[derive(Debug, Clone)]
enum Step {
    Join,
    /// By the n-th member, if there are as many; otherwise by nobody here.
    Send(Level, usize),
    Event(Level),
    Withhold(Level, Withheld),
    /// One of all messages.
    Recall(usize),
    /// All members at the place of the n-th one get so many bytes.
    Write(usize, usize),
    /// They get no LOW message of those that are due.
    Thin(usize),
    Shed(usize),
    /// The n-th one was not given in time what it would take.
    Overrun(usize),
    Leave(usize),
    Replay(u64),
    Wait(u64),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let level = || prop_oneof![Just(Level::High), Just(Level::Normal), Just(Level::Low)];
    let cause = prop_oneof![Just(Withheld::RoomLimit), Just(Withheld::AppLimit)];
    prop_oneof![
        3 => Just(Step::Join),
        12 => (level(), 0..12_usize).prop_map(|(level, member)| Step::Send(level, member)),
        1 => level().prop_map(Step::Event),
        1 => (level(), cause).prop_map(|(level, cause)| Step::Withhold(level, cause)),
        2 => (0..1_000_usize).prop_map(Step::Recall),
        6 => (0..12_usize, 10..150_usize).prop_map(|(member, bytes)| Step::Write(member, bytes)),
        1 => (0..12_usize).prop_map(Step::Thin),
        3 => (0..12_usize).prop_map(Step::Shed),
        1 => (0..12_usize).prop_map(Step::Overrun),
        1 => (0..12_usize).prop_map(Step::Leave),
        1 => (0..60_u64).prop_map(Step::Replay),
        2 => (0..6_000_u64).prop_map(Step::Wait),
        1 => (0..400_000_u64).prop_map(Step::Wait),
        2 => Just(Step::Expire),
    ]
}

#[derive(Debug, Clone, Default)]
struct Member {
    cursor: Cursor,
    own: BTreeSet<(Level, u64)>,
}

/// One counter for each delivery.
#[derive(Debug, Clone)]
struct Record {
    number: Option<u64>,
    entered: Duration,
    eligible: u32,
    outcomes: Outcomes,
    replayed: u32,
    is_recalled: bool,
}

struct Room {
    ring: Ring<()>,
    account: Account,
    members: Vec<Member>,
    records: BTreeMap<(Level, u64), Record>,
    withheld: Vec<(Level, Withheld, Record)>,
    /// Replays of any message, known or not.
    replays: i64,
    expired_at: Duration,
    now: Duration,
    serial: u64,
}

impl Room {
    fn new() -> Self {
        Self {
            ring: Ring::new(BOUNDS),
            account: Account::new(),
            members: Vec::new(),
            records: BTreeMap::new(),
            withheld: Vec::new(),
            replays: 0,
            expired_at: Duration::ZERO,
            now: Duration::ZERO,
            serial: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        self.serial += 1;
        match *step {
            Step::Join => {
                self.members.push(Member { cursor: self.ring.head(), own: BTreeSet::new() });
            }
            Step::Send(level, sender) => self.send(level, Some(self.serial), Some(sender)),
            Step::Event(level) => self.send(level, None, None),
            Step::Withhold(level, cause) => {
                let record = self.record(Some(self.serial), None);
                let message = Some(message(self.serial));
                self.account.withhold(level, message, record.eligible, cause, self.now);
                self.withheld.push((level, cause, record));
            }
            Step::Recall(which) => {
                let which = which % self.records.len().max(1);
                if let Some(record) = self.records.values_mut().nth(which) {
                    record.is_recalled = true;
                }
            }
            Step::Write(member, bytes) => self.write(member, bytes),
            Step::Thin(member) => self.thin(member),
            Step::Shed(member) => {
                self.shed(member);
            }
            Step::Overrun(member) => self.overrun(member),
            Step::Leave(member) => self.leave(member),
            Step::Replay(number) => self.replay(number),
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Expire => {
                self.account.expire(self.now);
                self.expired_at = self.now;
            }
        }
    }

    fn record(&self, number: Option<u64>, sender: Option<usize>) -> Record {
        let is_here = sender.is_some_and(|sender| sender < self.members.len());
        Record {
            number,
            entered: self.now,
            eligible: (self.members.len() - usize::from(is_here)) as u32,
            outcomes: Outcomes::default(),
            replayed: 0,
            is_recalled: false,
        }
    }

    fn send(&mut self, level: Level, number: Option<u64>, sender: Option<usize>) {
        let record = self.record(number, sender);
        let position = self.ring.push(level, (), 10, self.now);
        self.account.enter(level, number.map(message), record.eligible, self.now);
        self.records.insert((level, position), record);
        if let Some(sender) = sender.and_then(|sender| self.members.get_mut(sender)) {
            sender.own.insert((level, position));
        }
    }

    /// Whole ranges for the account, one position for one member at a time for the records.
    fn pass(&mut self, members: &[usize], level: Level, positions: Range<u64>, outcome: Outcome) {
        self.account.count(level, positions.clone(), outcome, members.len() as i64);
        for position in positions {
            let of_record = &self.records[&(level, position)];
            let is_stub = outcome == Outcome::Written && of_record.is_recalled;
            let actual = if is_stub { Outcome::Recalled } else { outcome };
            for index in members {
                let member = &mut self.members[*index];
                member.cursor.pass(level, position);
                let here = position..position + 1;
                if member.own.contains(&(level, position)) {
                    self.account.count(level, here, outcome, -1);
                    continue;
                }
                if is_stub {
                    self.account.count(level, here.clone(), outcome, -1);
                    self.account.count(level, here, actual, 1);
                }
                let record = self.records.get_mut(&(level, position)).expect("it entered");
                record.outcomes.add(actual, 1);
            }
        }
    }

    /// Those that stand where this one does, itself among them; none if there is no such member.
    fn block(&self, member: usize) -> Vec<usize> {
        let Some(Member { cursor, .. }) = self.members.get(member) else { return Vec::new() };
        (0..self.members.len()).filter(|other| self.members[*other].cursor == *cursor).collect()
    }

    fn write(&mut self, member: usize, bytes: usize) {
        if !self.shed(member) {
            return;
        }
        let block = self.block(member);
        let Some(first) = block.first() else { return };
        let cursor = self.members[*first].cursor;
        let mut end = cursor;
        self.ring.gather(&cursor, bytes, |_, _| true, |level, position, ()| end.pass(level, position));
        for level in LEVELS {
            self.pass(&block, level, cursor.next(level)..end.next(level), Outcome::Written);
        }
    }

    fn thin(&mut self, member: usize) {
        let block = self.block(member);
        let Some(first) = block.first() else { return };
        let positions = self.members[*first].cursor.next(Level::Low)..self.ring.head().next(Level::Low);
        self.pass(&block, Level::Low, positions, Outcome::Thinned);
    }

    /// Whether the member is there, and stays.
    fn shed(&mut self, member: usize) -> bool {
        let Some(mut cursor) = self.members.get(member).map(|member| member.cursor) else { return false };
        let shed = self.ring.shed(&mut cursor, self.now);
        self.lose(member, cursor, shed)
    }

    fn overrun(&mut self, member: usize) {
        let Some(mut cursor) = self.members.get(member).map(|member| member.cursor) else { return };
        let shed = self.ring.overrun(&mut cursor);
        self.lose(member, cursor, shed);
    }

    /// Whether the member stays.
    fn lose(&mut self, member: usize, cursor: Cursor, shed: Shed) -> bool {
        for dropped in shed.dropped {
            let outcome = match dropped.cause {
                Cause::Behind => Outcome::Behind,
                Cause::Late => Outcome::Late,
                Cause::Overrun => Outcome::Overrun,
            };
            self.pass(&[member], dropped.level, dropped.positions, outcome);
        }
        assert_eq!(self.members[member].cursor, cursor);
        if shed.high_lost {
            self.leave(member);
        }
        !shed.high_lost
    }

    fn leave(&mut self, member: usize) {
        let Some(Member { cursor, .. }) = self.members.get(member).cloned() else { return };
        let head = self.ring.head();
        for level in LEVELS {
            self.pass(&[member], level, cursor.next(level)..head.next(level), Outcome::Left);
        }
        self.members.remove(member);
    }

    fn replay(&mut self, number: u64) {
        self.account.replayed(number);
        self.replays += 1;
        let high = self.records.range_mut((Level::High, 0)..(Level::Normal, 0)).map(|(_, record)| record);
        let withheld = self.withheld.iter_mut().map(|(_, _, record)| record);
        if let Some(record) = high.chain(withheld).find(|record| record.number == Some(number)) {
            record.replayed += 1;
        }
    }

    fn is_remembered(&self, record: &Record) -> bool {
        record.entered + FATE_AGE >= self.expired_at
    }

    fn pending(&self, level: Level, position: u64) -> i64 {
        let waits = |member: &&Member| {
            member.cursor.next(level) <= position && !member.own.contains(&(level, position))
        };
        self.members.iter().filter(waits).count() as i64
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let mut sums = Sums::default();
        for ((level, position), record) in &self.records {
            let pending = self.pending(*level, *position);
            prop_assert_eq!(
                i64::from(record.eligible),
                record.outcomes.sum() + pending,
                "the model is wrong"
            );
            sums.add(*level, record, pending);
            let Some(number) = record.number else { continue };
            let fate = self.account.fate(&id(number));
            prop_assert_eq!(fate.is_some(), self.is_remembered(record));
            let Some(fate) = fate else { continue };
            prop_assert_eq!((fate.level, fate.position), (*level, Some(*position)));
            prop_assert_eq!((fate.entered, fate.eligible), (record.entered, record.eligible));
            prop_assert_eq!((fate.outcomes, fate.replayed), (record.outcomes, record.replayed));
            prop_assert_eq!(fate.pending(), pending);
        }
        for (level, cause, record) in &self.withheld {
            sums.add(*level, record, 0);
            let fate = self.account.fate(&id(record.number.expect("it has one")));
            prop_assert_eq!(fate.is_some(), self.is_remembered(record));
            let Some(fate) = fate else { continue };
            prop_assert_eq!((fate.level, fate.position, fate.withheld), (*level, None, Some(*cause)));
            prop_assert_eq!((fate.eligible, fate.replayed), (record.eligible, record.replayed));
        }
        let mut all = self.records.values().chain(self.withheld.iter().map(|(_, _, record)| record));
        prop_assert_eq!(self.account.is_empty(), !all.any(|record| self.is_remembered(record)));
        self.check_totals(&sums)
    }

    fn check_totals(&self, sums: &Sums) -> Result<(), TestCaseError> {
        let totals: &Totals = self.account.totals();
        for level in LEVELS {
            let (total, (frames, eligible, outcomes, pending)) =
                (totals.level(level), sums.levels[level as usize]);
            prop_assert_eq!((total.frames, total.eligible, total.outcomes), (frames, eligible, outcomes));
            prop_assert_eq!(total.pending(), pending);
            for (cause, of_cause) in
                [(Withheld::RoomLimit, total.room_limit), (Withheld::AppLimit, total.app_limit)]
            {
                let withheld = self.withheld.iter().filter(|(at, why, _)| (*at, *why) == (level, cause));
                let members: i64 = withheld.map(|(_, _, record)| i64::from(record.eligible)).sum();
                prop_assert_eq!(of_cause, members);
            }
        }
        prop_assert_eq!(totals.level(Level::High).replayed, self.replays);
        Ok(())
    }
}

/// Frames, eligible, outcomes and pending of each level.
#[derive(Default)]
struct Sums {
    levels: [(i64, i64, Outcomes, i64); 3],
}

impl Sums {
    fn add(&mut self, level: Level, record: &Record, pending: i64) {
        let (frames, eligible, outcomes, all_pending) = &mut self.levels[level as usize];
        *frames += 1;
        *eligible += i64::from(record.eligible);
        *outcomes += record.outcomes;
        *all_pending += pending;
    }
}

proptest! {
    #[test]
    fn the_sum_closes_for_every_message_and_in_the_totals(
        steps in proptest::collection::vec(step(), 0..250),
    ) {
        let mut room = Room::new();
        for (number, step) in steps.iter().enumerate() {
            room.step(step);
            if number % 8 == 0 {
                room.check()?;
            }
        }
        room.check()?;
    }
}
