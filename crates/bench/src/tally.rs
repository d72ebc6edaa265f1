//! What receivers count of one run, message by message.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock,
    marker::Marker,
    order::{Findings, Key, Run},
    sequence::{Came, Sequences},
};

/// Messages of which the time to the last member is kept, at most.
const KEPT: usize = 300_000;

#[derive(Debug)]
pub(crate) struct Tally {
    run: Run,
    found: Findings,
    sequences: Sequences,
    rooms: usize,
    /// Of each publisher and level.
    messages: Vec<Stream>,
    kept: usize,
    /// Sampled members of each room; what all of them have is told.
    sampled: Vec<u32>,
    told: Vec<Key>,
}

/// The messages of one publisher and level.
#[derive(Debug, Clone, Default)]
struct Stream {
    /// The sequence of the first one of the window.
    first: u32,
    reached: Vec<Reached>,
    /// Sampled members who have it, from sequence 1.
    sampled: Vec<u32>,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    /// Who have it.
    members: u32,
    /// µs until the last of these had.
    last: u64,
    /// When it should have gone; 0 while nobody has it.
    intended: u64,
}

/// Who received something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who {
    pub(crate) member: usize,
    pub(crate) sampled: bool,
}

impl Tally {
    /// `sampled`: how many members of each room are.
    pub(crate) fn new(run: Run, members: usize, sampled: Vec<u32>) -> Self {
        let rooms = sampled.len();
        let seconds = Duration::from_micros(run.until - run.from).as_secs_f64().ceil() as usize;
        Self {
            run,
            found: Findings { seconds: vec![0; seconds], ..Findings::default() },
            sequences: Sequences::new(run.publishers, members, rooms, run.ordered),
            rooms,
            messages: vec![Stream::default(); usize::from(run.publishers) * 3],
            kept: 0,
            sampled,
            told: Vec::new(),
        }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// A message has come to a member.
    pub(crate) fn message(&mut self, who: Who, marker: &Marker, now: u64) {
        let level = usize::from(marker.level);
        if marker.publisher >= self.run.publishers {
            self.found.wrong += 1;
            return;
        }
        match self.sequences.came(who.member, marker) {
            Came::InOrder => {}
            Came::AfterGap(missed) => self.notice(marker, missed, now),
            Came::Behind => self.found.disordered[level] += 1,
            Came::Again => {
                self.found.repeated[level] += 1;
                return;
            }
        }
        self.found.received[level] += 1;
        let latency = now.saturating_sub(marker.intended);
        let measured = (self.run.from..self.run.until).contains(&marker.intended);
        if measured {
            self.found.delivered[level] += 1;
            self.found.latencies[level].record_micros(latency);
            self.reached(marker, latency);
        }
        if self.run.tell && who.sampled {
            self.sample(marker);
        }
    }

    /// A member has seen by this message that it misses an earlier one of its stream.
    fn notice(&mut self, marker: &Marker, missed: u32, now: u64) {
        let stream = &self.messages[usize::from(marker.publisher) * 3 + usize::from(marker.level)];
        let at = missed.checked_sub(stream.first).map(|at| at as usize);
        let missed = at.and_then(|at| stream.reached.get(at)).filter(|missed| missed.intended > 0);
        let after = missed.map(|missed| now.saturating_sub(missed.intended));
        self.found.noticed = self.found.noticed.max(after);
    }

    /// One more member has a message of the window.
    fn reached(&mut self, marker: &Marker, latency: u64) {
        let stream = &mut self.messages[usize::from(marker.publisher) * 3 + usize::from(marker.level)];
        if stream.reached.is_empty() {
            stream.first = marker.sequence;
        }
        // What is older than the first one that came is not kept, nor is what is too far ahead.
        let Some(at) = marker.sequence.checked_sub(stream.first) else { return };
        let at = at as usize;
        if at >= stream.reached.len() {
            let more = at + 1 - stream.reached.len();
            if self.kept + more > KEPT {
                return;
            }
            self.kept += more;
            stream.reached.resize(at + 1, Reached::default());
        }
        let reached = &mut stream.reached[at];
        reached.members += 1;
        reached.last = latency.max(reached.last);
        reached.intended = marker.intended;
    }

    fn sample(&mut self, marker: &Marker) {
        let room = usize::from(marker.publisher) % self.rooms;
        let stream = &mut self.messages[usize::from(marker.publisher) * 3 + usize::from(marker.level)];
        let at = marker.sequence as usize;
        if at >= stream.sampled.len() {
            stream.sampled.resize(at + 1, 0);
        }
        stream.sampled[at] += 1;
        if stream.sampled[at] == self.sampled[room] {
            self.told.push((marker.publisher, marker.level, marker.sequence));
        }
    }

    /// A read has brought so many frames of this run in so many bytes.
    pub(crate) fn read(&mut self, frames: u64, bytes: u64, now: u64) {
        self.found.reads += 1;
        self.found.bytes += bytes;
        if (self.run.from..self.run.until).contains(&now) {
            self.found.arrived += frames;
            let second = (now - self.run.from) / clock::micros(Duration::from_secs(1));
            self.found.seconds[second as usize] += frames;
        }
    }

    /// A frame was decoded.
    pub(crate) fn checked(&mut self, right: bool) {
        self.found.checked += 1;
        self.found.wrong += u64::from(!right);
    }

    pub(crate) fn received(&self) -> [u64; 3] {
        self.found.received
    }

    /// What all sampled members have since this was last asked.
    pub(crate) fn told(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.told)
    }

    pub(crate) fn finish(&self, closed: BTreeMap<String, u32>) -> Findings {
        let mut last = Vec::new();
        for (index, stream) in self.messages.iter().enumerate() {
            for (sequence, reached) in (stream.first..).zip(&stream.reached) {
                let key = ((index / 3) as u16, (index % 3) as u8, sequence);
                last.push((key, reached.members, reached.last));
            }
        }
        let found = &self.found;
        Findings {
            received: found.received,
            repeated: found.repeated,
            disordered: found.disordered,
            disagreed: self.sequences.disagreed(),
            skipped: self.sequences.skipped(),
            noticed: found.noticed,
            delivered: found.delivered,
            latencies: found.latencies.clone(),
            arrived: found.arrived,
            seconds: found.seconds.clone(),
            bytes: found.bytes,
            checked: found.checked,
            wrong: found.wrong,
            reads: found.reads,
            closed,
            returned: 0,
            last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run = Run {
        id: 1,
        publishers: 2,
        size: 200,
        from: 1000,
        until: 2_001_000,
        verify: false,
        ordered: true,
        tell: true,
    };

    /// Two members of one room, of whom the second one is sampled.
    fn tally() -> Tally {
        Tally::new(RUN, 2, vec![1])
    }

    /// Messages that should go a µs one after the other.
    fn give(tally: &mut Tally, member: usize, sequences: &[u32]) {
        for &sequence in sequences {
            let marker =
                Marker { run: 1, publisher: 1, sequence, intended: 1000 + u64::from(sequence), level: 2 };
            tally.message(Who { member, sampled: member == 1 }, &marker, 5000);
        }
    }

    #[test]
    fn losses_and_repeats_do_not_cancel_out() {
        let mut tally = tally();
        give(&mut tally, 0, &[1, 2, 3, 4]);
        give(&mut tally, 1, &[1, 3, 3, 4]);
        let found = tally.finish(BTreeMap::new());
        assert_eq!((found.received, found.repeated), ([0, 0, 7], [0, 0, 1]));
        assert_eq!((found.skipped, found.noticed), ([0, 0, 1], Some(5000 - 1002)));
    }

    #[test]
    fn a_late_message_is_told_from_a_repeated_one() {
        let mut tally = tally();
        give(&mut tally, 0, &[1, 3, 2, 4]);
        let found = tally.finish(BTreeMap::new());
        assert_eq!((found.received, found.repeated, found.disordered), ([0, 0, 4], [0; 3], [0, 0, 1]));
        assert_eq!((found.skipped, found.noticed), ([0; 3], None), "nobody had it by then");
    }

    #[test]
    fn what_all_sampled_members_have_is_told_once() {
        let mut tally = tally();
        give(&mut tally, 0, &[1, 2]);
        assert_eq!(tally.told(), []);
        give(&mut tally, 1, &[1]);
        assert_eq!(tally.told(), [(1, 2, 1)]);
        assert_eq!(tally.told(), []);
    }

    #[test]
    fn the_window_is_by_intended_time_and_by_arrival() {
        let mut tally = tally();
        let marker = |sequence, intended| Marker { run: 1, publisher: 0, sequence, intended, level: 0 };
        for (sequence, intended) in [(1, 999), (2, 1000), (3, 2_000_999), (4, 2_001_000)] {
            tally.message(Who { member: 0, sampled: false }, &marker(sequence, intended), 3_000_000);
        }
        for now in [999, 1000, 1_001_000, 2_000_999, 2_001_000] {
            tally.read(1, 10, now);
        }
        let found = tally.finish(BTreeMap::new());
        assert_eq!((found.received, found.delivered), ([4, 0, 0], [2, 0, 0]));
        assert_eq!((found.arrived, found.seconds), (3, vec![1, 2]));
        assert_eq!(found.last, [((0, 0, 2), 1, 2_999_000), ((0, 0, 3), 1, 999_001)]);
    }
}
