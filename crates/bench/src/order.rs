//! What the tool's processes say to each other: one JSON object a line.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{endpoint::Endpoint, latency::Latencies};

/// To a load process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Connect the members. The first order.
    Join(Box<Plan>),
    /// Count the messages of this run, and nothing of what came before.
    Begin(Run),
    /// How the members read from now on.
    Read(Reading),
    /// Members who have lost their connection come back to their session.
    Return(Box<Endpoint>),
    /// Say how much has come so far.
    Status,
    /// Say what was found.
    Finish,
}

/// From a load process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// So many members are in by now.
    Progress(u32),
    /// All are in. So many are sampled, in each room.
    Joined {
        sampled: Vec<u32>,
    },
    Begun,
    Reading,
    Returning,
    /// All sampled members of this process have these messages: publisher, level, sequence.
    Seen(Vec<Key>),
    Status {
        received: [u64; 3],
        closed: u32,
    },
    Found(Box<Findings>),
    Failed(String),
}

/// A message of a run: publisher, level, sequence.
pub(crate) type Key = (u16, u8, u32);

/// Members of one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) crew: Crew,
    /// Numbers of the members: from here …
    pub(crate) first: u32,
    /// … so many. Member n is in room n modulo the rooms.
    pub(crate) count: u32,
}

/// Who joins what: the members of all processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Crew {
    pub(crate) host: Host,
    pub(crate) members: u32,
    /// Ids.
    pub(crate) rooms: Vec<String>,
    /// Sampled members, of all rooms.
    pub(crate) sample: u32,
    /// Client ids begin so.
    pub(crate) name: String,
    pub(crate) per_address: u32,
    /// Members of other fleets who have taken source addresses before these.
    pub(crate) before: u32,
    /// Connections that each process is making at one time.
    pub(crate) parallel: u32,
    /// `SO_RCVBUF` of the members.
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) reading: Reading,
}

/// Whom members connect to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Host {
    /// A server: handshake, open, join.
    Server(Endpoint),
    /// The floor: nothing but a connection.
    Floor(SocketAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reading {
    All,
    Never,
    /// This share of what a member is sent, as far as it is known: bytes per second for each member.
    Bytes(u64),
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: u32,
    pub(crate) publishers: u16,
    /// Bytes of text.
    pub(crate) size: u32,
    /// In µs of the common clock: messages that should go in it are measured.
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// Decode every frame.
    pub(crate) verify: bool,
    /// All members of a room have its messages in the same order.
    pub(crate) ordered: bool,
    /// Say which messages all sampled members have.
    pub(crate) tell: bool,
}

/// What the receivers of a process found. Levels are in the order HIGH, NORMAL, LOW.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// In the whole run, each counted once for each member.
    pub(crate) received: [u64; 3],
    /// Came again to the same member.
    pub(crate) repeated: [u64; 3],
    /// Came for the first time, behind a later one of their publisher and level.
    pub(crate) disordered: [u64; 3],
    /// Came to members of a room in different orders; means nothing when something is missing.
    pub(crate) disagreed: [u64; 3],
    /// Have not come though later ones of their publisher and level have: so members see that they miss something.
    pub(crate) skipped: [u64; 3],
    /// µs from when a message should have gone until a member saw that it misses it: the longest. Known of messages of
    /// the window that other members have.
    pub(crate) noticed: Option<u64>,
    /// Of the messages that should have gone in the window.
    pub(crate) delivered: [u64; 3],
    /// Of those as well.
    pub(crate) latencies: [Latencies; 3],
    /// How many came within the window, whenever they were sent …
    pub(crate) arrived: u64,
    /// … and in each second of it.
    pub(crate) seconds: Vec<u64>,
    /// Frames with a message of this run, headers included.
    pub(crate) bytes: u64,
    /// Frames that were decoded and checked, and those that were not as sent.
    pub(crate) checked: u64,
    pub(crate) wrong: u64,
    /// Reads that brought something.
    pub(crate) reads: u64,
    /// Members who lost their connection, by reason, since they joined.
    pub(crate) closed: BTreeMap<String, u32>,
    /// Of those, how many have come back.
    pub(crate) returned: u32,
    /// Of messages of the window: how many members have it, and µs until the last of them had.
    pub(crate) last: Vec<(Key, u32, u64)>,
}

impl Findings {
    /// Adds what another process found.
    pub(crate) fn add(&mut self, other: Self) {
        for level in 0..3 {
            self.received[level] += other.received[level];
            self.repeated[level] += other.repeated[level];
            self.disordered[level] += other.disordered[level];
            self.disagreed[level] += other.disagreed[level];
            self.skipped[level] += other.skipped[level];
            self.delivered[level] += other.delivered[level];
            self.latencies[level].add(&other.latencies[level]);
        }
        self.noticed = self.noticed.max(other.noticed);
        self.arrived += other.arrived;
        self.seconds.resize(self.seconds.len().max(other.seconds.len()), 0);
        for (sum, count) in self.seconds.iter_mut().zip(other.seconds) {
            *sum += count;
        }
        self.bytes += other.bytes;
        self.checked += other.checked;
        self.wrong += other.wrong;
        self.reads += other.reads;
        for (reason, count) in other.closed {
            *self.closed.entry(reason).or_default() += count;
        }
        self.returned += other.returned;
        self.last.extend(other.last);
    }

    /// µs until the last of all members had it, for each message of the window that all of them have.
    pub(crate) fn last_of(&self, members: impl Fn(u16) -> u32) -> Latencies {
        let mut messages: BTreeMap<Key, (u32, u64)> = BTreeMap::new();
        for &(key, count, micros) in &self.last {
            let (counted, last) = messages.entry(key).or_default();
            (*counted, *last) = (*counted + count, micros.max(*last));
        }
        let mut latencies = Latencies::new();
        for ((publisher, ..), (count, micros)) in messages {
            if count >= members(publisher) {
                latencies.record_micros(micros);
            }
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(last: Vec<(Key, u32, u64)>) -> Findings {
        Findings { received: [1, 2, 3], seconds: vec![1; last.len()], last, ..Findings::default() }
    }

    #[test]
    fn the_last_member_of_all_processes_counts() {
        let mut found_here = found(vec![((0, 1, 1), 3, 500), ((0, 1, 2), 3, 700)]);
        found_here.add(found(vec![((0, 1, 1), 2, 900), ((0, 1, 2), 1, 100), ((1, 0, 1), 5, 300)]));
        let summary = found_here.last_of(|_| 5).summary();
        assert_eq!(summary.count, 2, "one has not reached everybody");
        assert_eq!(summary.max.as_micros(), 900);
        assert_eq!((found_here.received, found_here.seconds), ([2, 4, 6], vec![2, 2, 1]));
    }

    #[test]
    fn findings_cross_to_another_process() {
        let mut sent = found(vec![((0, 1, 1), 3, 500)]);
        sent.latencies[1].record_micros(1234);
        let line = serde_json::to_string(&Word::Found(Box::new(sent))).unwrap();
        let Word::Found(read) = serde_json::from_str(&line).unwrap() else { panic!("another word") };
        assert_eq!(read.last, [((0, 1, 1), 3, 500)]);
        assert_eq!(read.latencies[1].summary().count, 1);
        assert_eq!(read.latencies[1].summary().max.as_micros(), 1234);
    }
}
