//! What receivers count of one run, message by message.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock,
    marker::Marker,
    order::{Findings, Key, Run},
    seen::Seen,
};

/// Messages of which the time to the last member is kept, at most.
const KEPT: usize = 300_000;

#[derive(Debug)]
pub(crate) struct Tally {
    run: Run,
    found: Findings,
    /// For each member and stream (a publisher's messages of one level): the last sequence that came.
    latest: Vec<u32>,
    streams: usize,
    rooms: usize,
    /// With `verify`: all that came, for each member and stream.
    seen: Vec<Seen>,
    /// Of each stream of the run: its messages.
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
    /// Members who have it, and µs until the last of these had.
    last: Vec<(u32, u64)>,
    /// Sampled members who have it, from sequence 1.
    sampled: Vec<u32>,
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
        let streams = usize::from(run.publishers).div_ceil(rooms) * 3;
        let seconds = Duration::from_micros(run.until - run.from).as_secs_f64().ceil() as usize;
        Self {
            run,
            found: Findings { seconds: vec![0; seconds], ..Findings::default() },
            latest: vec![0; members * streams],
            streams,
            rooms,
            seen: if run.verify { vec![Seen::default(); members * streams] } else { Vec::new() },
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
        if !self.is_first(who, marker) {
            self.found.repeated[level] += 1;
            return;
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

    fn is_first(&mut self, who: Who, marker: &Marker) -> bool {
        let level = usize::from(marker.level);
        let stream = usize::from(marker.publisher) / self.rooms * 3 + level;
        let at = who.member * self.streams + stream;
        let latest = &mut self.latest[at];
        let later = marker.sequence > *latest;
        let first = match self.seen.get_mut(at) {
            Some(seen) => seen.insert(marker.sequence),
            None => later,
        };
        if later {
            *latest = marker.sequence;
        } else if first {
            self.found.disordered[level] += 1;
        }
        first
    }

    /// One more member has a message of the window.
    fn reached(&mut self, marker: &Marker, latency: u64) {
        let stream = &mut self.messages[usize::from(marker.publisher) * 3 + usize::from(marker.level)];
        if stream.last.is_empty() {
            stream.first = marker.sequence;
        }
        // What is older than the first one that came is not kept, nor is what is too far ahead.
        let Some(at) = marker.sequence.checked_sub(stream.first) else { return };
        let at = at as usize;
        if at >= stream.last.len() {
            let more = at + 1 - stream.last.len();
            if self.kept + more > KEPT {
                return;
            }
            self.kept += more;
            stream.last.resize(at + 1, (0, 0));
        }
        let (count, last) = &mut stream.last[at];
        (*count, *last) = (*count + 1, latency.max(*last));
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
            for (sequence, &(count, micros)) in (stream.first..).zip(&stream.last) {
                last.push((((index / 3) as u16, (index % 3) as u8, sequence), count, micros));
            }
        }
        let found = &self.found;
        Findings {
            received: found.received,
            repeated: found.repeated,
            disordered: found.disordered,
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

    const RUN: Run =
        Run { id: 1, publishers: 2, size: 200, from: 1000, until: 2_001_000, verify: false, tell: true };

    /// Two members of one room, of whom the second one is sampled.
    fn tally(verify: bool) -> Tally {
        Tally::new(Run { verify, ..RUN }, 2, vec![1])
    }

    fn give(tally: &mut Tally, member: usize, sequences: &[u32]) {
        for &sequence in sequences {
            let marker =
                Marker { run: 1, publisher: 1, sequence, intended: 1000 + u64::from(sequence), level: 2 };
            tally.message(Who { member, sampled: member == 1 }, &marker, 5000);
        }
    }

    #[test]
    fn losses_and_repeats_do_not_cancel_out() {
        for verify in [false, true] {
            let mut tally = tally(verify);
            give(&mut tally, 0, &[1, 3, 3, 4]);
            give(&mut tally, 1, &[1, 2, 3, 4]);
            let found = tally.finish(BTreeMap::new());
            assert_eq!((found.received, found.repeated), ([0, 0, 7], [0, 0, 1]), "{verify}");
        }
    }

    #[test]
    fn only_verifying_tells_a_late_message_from_a_repeated_one() {
        for (verify, expected) in
            [(false, ([0, 0, 3], [0, 0, 1], [0; 3])), (true, ([0, 0, 4], [0; 3], [0, 0, 1]))]
        {
            let mut tally = tally(verify);
            give(&mut tally, 0, &[1, 3, 2, 4]);
            let found = tally.finish(BTreeMap::new());
            assert_eq!((found.received, found.repeated, found.disordered), expected, "{verify}");
        }
    }

    #[test]
    fn what_all_sampled_members_have_is_told_once() {
        let mut tally = tally(false);
        give(&mut tally, 0, &[1, 2]);
        assert_eq!(tally.told(), []);
        give(&mut tally, 1, &[1]);
        assert_eq!(tally.told(), [(1, 2, 1)]);
        assert_eq!(tally.told(), []);
    }

    #[test]
    fn the_window_is_by_intended_time_and_by_arrival() {
        let mut tally = tally(false);
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
