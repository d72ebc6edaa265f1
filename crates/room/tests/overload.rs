//! A model of a node with more messages than it can write: what is shown then, how late HIGH comes, and what follows.

use std::time::Duration;

use grandstand_protocol::Level;
use grandstand_room::{pace::Pass, thinning::Thinning};

const LEVELS: [Level; 3] = [Level::High, Level::Normal, Level::Low];
const MEMBERS_OF_A_BLOCK: u64 = 64;
/// What a write costs, and each frame in it, in nanoseconds: a machine somewhat slower than that of the benchmark page.
const WRITE: u64 = 9_000;
const FRAME: u64 = 110;
const FRAME_BYTES: usize = 330;
const WRITE_BYTES: usize = 64 * 1024;
const SECOND: u64 = 1_000_000_000;

/// What became of the messages of one second.
#[derive(Default, Clone, Debug)]
struct Second {
    offered: [u64; 3],
    shown: [u64; 3],
    /// How late HIGH came, in milliseconds.
    high: Vec<u64>,
}

impl Second {
    fn shares(&self) -> [f64; 3] {
        [0, 1, 2].map(|level| self.shown[level] as f64 / self.offered[level].max(1) as f64)
    }

    fn p99(&self) -> u64 {
        let mut sorted = self.high.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0)
    }
}

/// One worker that goes round the blocks of a room.
struct Node {
    thinning: Thinning,
    /// When each message arrived, by lane.
    arrivals: [Vec<u64>; 3],
    cursors: Vec<[usize; 3]>,
    now: u64,
    seconds: Vec<Second>,
}

impl Node {
    fn new(blocks: usize) -> Self {
        Self {
            thinning: Thinning::new(Duration::from_millis(150), 42),
            arrivals: Default::default(),
            cursors: vec![[0; 3]; blocks],
            now: 0,
            seconds: Vec::new(),
        }
    }

    /// Messages per second that no pacing and no thinning could write.
    fn capacity(&self) -> u64 {
        SECOND / (self.cursors.len() as u64 * MEMBERS_OF_A_BLOCK * FRAME)
    }

    /// So many messages a second, one part HIGH, three NORMAL, six LOW.
    fn run(&mut self, rate: u64, seconds: u64) {
        let from = self.seconds.len() as u64 * SECOND;
        for (arrivals, parts) in self.arrivals.iter_mut().zip([1, 3, 6]) {
            let rate = rate * parts / 10;
            arrivals.extend((0..rate * seconds).map(|n| from + n * SECOND / rate));
        }
        let end = from + seconds * SECOND;
        self.seconds.resize((end / SECOND) as usize, Second::default());
        while self.now < end {
            let began = self.now;
            for block in 0..self.cursors.len() {
                self.visit(block);
            }
            let [began, took] = [began, self.now - began].map(Duration::from_nanos);
            let pass = Pass { began, ended: began + took, gathered: 0 };
            let next = pass.next(began + took, 0, Duration::from_millis(20)).as_nanos() as u64;
            self.now = self.now.max(next).max(self.now + 100_000);
        }
    }

    /// Writes what is pending, HIGH first, as much as a write may carry.
    fn visit(&mut self, block: usize) {
        let keep = self.thinning.keep(Duration::from_nanos(self.now));
        let (mut frames, mut oldest) = (0, self.now);
        for (lane, level) in LEVELS.into_iter().enumerate() {
            let cursor = &mut self.cursors[block][lane];
            while let Some(at) = self.arrivals[lane].get(*cursor).filter(|at| **at <= self.now) {
                if (frames + 1) * FRAME_BYTES > WRITE_BYTES {
                    break;
                }
                let second = &mut self.seconds[(at / SECOND) as usize];
                second.offered[lane] += 1;
                if keep.shows(level, *cursor as u64, block as u64) {
                    second.shown[lane] += 1;
                    frames += 1;
                    oldest = oldest.min(*at);
                    if lane == 0 {
                        second.high.push((self.now - at) / 1_000_000);
                    }
                }
                *cursor += 1;
            }
        }
        if frames > 0 {
            let [lag, now] = [self.now - oldest, self.now].map(Duration::from_nanos);
            self.thinning.observe(lag, frames * FRAME_BYTES, now);
            self.now += MEMBERS_OF_A_BLOCK * (WRITE + frames as u64 * FRAME);
        }
    }
}

/// A node after three calm seconds, and how late HIGH came then.
fn calm(blocks: usize) -> (Node, u64) {
    let mut node = Node::new(blocks);
    node.run(node.capacity() / 10, 3);
    assert!(node.seconds.iter().all(|second| second.offered == second.shown && second.offered[0] > 0));
    let unloaded = node.seconds[2].p99();
    (node, unloaded)
}

#[test]
fn at_three_times_its_capacity_a_node_shows_what_it_can_and_all_of_high_in_time() {
    for blocks in [16, 80, 313] {
        let (mut node, unloaded) = calm(blocks);
        let capacity = node.capacity();
        node.run(capacity * 3, 10);
        for (n, second) in node.seconds.iter().enumerate().skip(5) {
            let [high, normal, low] = second.shares();
            let told = format!("{blocks} blocks, second {n}: {high} {normal} {low}, p99 {} ms", second.p99());
            assert!(high >= 1.0 && second.p99() <= 500 && second.p99() <= 2 * unloaded, "{told}");
            assert!(normal < 0.7 && low <= 0.0, "the fault happened, and NORMAL only after LOW: {told}");
            let shown = second.shown.iter().sum::<u64>() / blocks as u64;
            assert!(shown > capacity / 4, "it still does its work: {told}");
        }
    }
}

#[test]
fn a_little_too_much_costs_low_alone() {
    let (mut node, unloaded) = calm(80);
    node.run(node.capacity(), 10);
    for second in &node.seconds[4..] {
        let [high, normal, low] = second.shares();
        assert!(high >= 1.0 && normal >= 1.0 && low < 0.9, "{high} {normal} {low}");
        assert!(second.p99() <= 2 * unloaded, "{} ms, {unloaded} before", second.p99());
    }
}

#[test]
fn below_its_capacity_a_node_leaves_nothing_out() {
    for blocks in [16, 80] {
        let (mut node, _) = calm(blocks);
        node.run(node.capacity() * 6 / 10, 10);
        assert!(node.seconds.iter().all(|second| second.offered == second.shown));
    }
}

#[test]
fn after_an_overload_everything_comes_back_within_ten_seconds() {
    let (mut node, unloaded) = calm(80);
    node.run(node.capacity() * 3, 5);
    node.run(node.capacity() / 10, 12);
    let [first, .., last] = &node.seconds[8..] else { panic!("twelve seconds") };
    assert!(first.shares()[1] < 0.5 && first.shares()[2] <= 0.0, "slowly: {:?}", first.shares());
    assert!(node.seconds[18..].iter().all(|second| second.offered == second.shown));
    assert!(last.p99() <= unloaded + 1, "{} ms, {unloaded} before", last.p99());
}
