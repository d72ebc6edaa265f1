//! What one measurement found, and figures of several.

use std::time::Duration;

use crate::{
    latency::{Latencies, Summary},
    order::Findings,
    publishing::Published,
    report::per_second,
};

#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) found: Findings,
    pub(crate) published: Published,
    pub(crate) duration: Duration,
    /// CPU time of who serves, within the window.
    pub(crate) server: Option<Duration>,
    /// CPU time of each process of the load, this one first, within the window.
    pub(crate) load: Vec<Duration>,
    /// The cores that it could use.
    pub(crate) cores: u32,
    /// CPU time of other programs, within the window.
    pub(crate) others: Duration,
    /// Of each room.
    pub(crate) members: Vec<u32>,
}

impl Measured {
    /// Deliveries that there should be of the window's messages, by level.
    pub(crate) fn expected(&self) -> [u64; 3] {
        self.times_members(&self.published.measured)
    }

    /// Deliveries that never came, of the whole run, by level.
    pub(crate) fn missing(&self) -> [u64; 3] {
        let mut missing = self.times_members(&self.published.sent);
        for (missing, received) in missing.iter_mut().zip(self.found.received) {
            *missing = missing.saturating_sub(received);
        }
        missing
    }

    fn times_members(&self, sent: &[[u32; 3]]) -> [u64; 3] {
        let mut sum = [0; 3];
        for (publisher, sent) in sent.iter().enumerate() {
            let members = u64::from(self.members[publisher % self.members.len()]);
            for (sum, sent) in sum.iter_mut().zip(sent) {
                *sum += u64::from(*sent) * members;
            }
        }
        sum
    }

    /// How much of what should have been delivered was.
    pub(crate) fn delivered(&self) -> f64 {
        let expected: u64 = self.expected().iter().sum();
        let delivered: u64 = self.found.delivered.iter().sum();
        if expected == 0 { 0.0 } else { delivered as f64 / expected as f64 }
    }

    /// Messages of the window.
    pub(crate) fn messages(&self) -> u64 {
        self.published.measured.iter().flatten().map(|&sent| u64::from(sent)).sum()
    }

    pub(crate) fn per_second(&self) -> f64 {
        per_second(self.found.arrived, self.duration)
    }

    /// Of all deliveries.
    pub(crate) fn latencies(&self) -> Latencies {
        let mut all = Latencies::new();
        self.found.latencies.iter().for_each(|level| all.add(level));
        all
    }

    /// Until the last member had each message.
    pub(crate) fn to_the_last(&self) -> Summary {
        let last = self.found.last_of(|publisher| self.members[usize::from(publisher) % self.members.len()]);
        last.summary()
    }

    /// µs of the server's CPU for each delivery.
    pub(crate) fn cpu_per_delivery(&self) -> Option<f64> {
        let cpu = self.server.filter(|_| self.found.arrived > 0)?;
        Some(cpu.as_secs_f64() * 1e6 / self.found.arrived as f64)
    }

    /// CPU time of all processes of the load.
    pub(crate) fn load(&self) -> Duration {
        self.load.iter().sum()
    }

    /// How near to its limit the load was: the busiest of its processes, which have one thread each that matters, or
    /// all of them on their cores.
    pub(crate) fn bound(&self) -> f64 {
        let most = self.load.iter().max().copied().unwrap_or_default().as_secs_f64();
        let shared = self.load().as_secs_f64() / f64::from(self.cores);
        most.max(shared) / self.duration.as_secs_f64()
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rooms of 3 and 2 members; each publisher sent 10 messages, 5 of them in the window.
    fn measured(received: u64, delivered: u64) -> Measured {
        let found = Findings {
            received: [0, received, 0],
            delivered: [0, delivered, 0],
            arrived: 10,
            ..Findings::default()
        };
        let published =
            Published { sent: vec![[0, 10, 0]; 2], measured: vec![[0, 5, 0]; 2], ..Published::default() };
        let duration = Duration::from_secs(2);
        let server = Some(Duration::from_millis(1));
        let load = vec![duration / 2, duration / 2, duration / 4];
        let (cores, others, members) = (1, Duration::ZERO, vec![3, 2]);
        Measured { found, published, duration, server, load, cores, others, members }
    }

    #[test]
    fn each_member_expects_the_messages_of_its_room() {
        let measured = measured(49, 25);
        assert_eq!(measured.expected(), [0, 25, 0]);
        assert_eq!(measured.missing(), [0, 1, 0]);
        assert!((measured.delivered() - 1.0).abs() < 1e-9);
        assert_eq!(measured.cpu_per_delivery(), Some(100.0));
        assert!((measured.bound() - 1.25).abs() < 1e-9, "together they are more than their core");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }
}
