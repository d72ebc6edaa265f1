//! What the members of a storm found, together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::latency::Latencies;

/// HIGH messages of one storm, at most: as many as bits fit into a member's note of what it has.
pub(super) const GIFTS: u32 = 128;

pub(super) struct Tally {
    members: u32,
    found: Mutex<Found>,
    /// Rises with whatever somebody waits for.
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    cut: u32,
    back: u32,
    received: u64,
    has_ended: bool,
}

#[derive(Debug)]
pub(super) struct Found {
    /// From the cut to the open session, of each member once.
    pub(super) opened: Latencies,
    /// Sessions opened in each second after the cut.
    pub(super) opened_in: Vec<u64>,
    /// From the cut to the first HIGH message, of each member once.
    pub(super) back: Latencies,
    /// Messages, each of each member once.
    pub(super) received: u64,
    pub(super) doubled: u64,
    /// By cause.
    pub(super) failures: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new(members: u32) -> Self {
        let found = Found {
            opened: Latencies::new(),
            opened_in: Vec::new(),
            back: Latencies::new(),
            received: 0,
            doubled: 0,
            failures: BTreeMap::new(),
        };
        Self { members, found: Mutex::new(found), progress: watch::Sender::new(Progress::default()) }
    }

    pub(super) fn members(&self) -> u32 {
        self.members
    }

    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cut(&self) {
        self.progress.send_modify(|progress| progress.cut += 1);
    }

    pub(super) fn failed(&self, cause: &str) {
        *self.found().failures.entry(cause.to_owned()).or_default() += 1;
    }

    pub(super) fn opened(&self, after: Duration) {
        let mut found = self.found();
        found.opened.record(after);
        let second = usize::try_from(after.as_secs()).unwrap_or(usize::MAX);
        if found.opened_in.len() <= second {
            found.opened_in.resize(second + 1, 0);
        }
        found.opened_in[second] += 1;
    }

    /// Message `number` came to a member that has `seen` others, one bit for each.
    pub(super) fn given(&self, number: u32, seen: &mut u128, lost: Instant) {
        let mut found = self.found();
        let Some(bit) = 1_u128.checked_shl(number) else { return };
        if *seen & bit != 0 {
            found.doubled += 1;
            return;
        }
        let is_first = *seen == 0;
        *seen |= bit;
        found.received += 1;
        if is_first {
            found.back.record(lost.elapsed());
        }
        drop(found);
        self.progress.send_modify(|progress| {
            progress.back += u32::from(is_first);
            progress.received += 1;
        });
    }

    /// Members that got something since the cut.
    pub(super) fn back(&self) -> u32 {
        self.progress.borrow().back
    }

    pub(super) fn end(&self) {
        self.progress.send_modify(|progress| progress.has_ended = true);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.progress.borrow().has_ended
    }

    /// Nobody is connected any more, or some are back already.
    pub(super) async fn all_cut(&self) {
        self.reached(|progress| progress.cut >= self.members).await;
    }

    /// Every member has so many messages.
    pub(super) async fn all_given(&self, gifts: u32) {
        let expected = u64::from(gifts) * u64::from(self.members);
        self.reached(|progress| progress.received >= expected).await;
    }

    async fn reached(&self, is_reached: impl FnMut(&Progress) -> bool) {
        // The sender lives as long as this.
        self.progress.subscribe().wait_for(is_reached).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_message_of_each_member_counts_once() {
        let tally = Tally::new(2);
        let lost = Instant::now();
        let (mut one, mut two) = (0, 0);
        for (number, member) in [(0, &mut one), (0, &mut two)] {
            tally.given(number, member, lost);
        }
        tally.given(1, &mut one, lost);
        tally.given(1, &mut one, lost);
        let counts = |found: &Found| (found.received, found.doubled);
        assert_eq!((counts(&tally.found()), tally.back()), ((3, 1), 2));
        tally.given(1, &mut two, lost);
        tally.all_given(2).await;
        assert_eq!(tally.found().back.summary().count, 2);
        tally.given(GIFTS, &mut two, lost);
        assert_eq!(tally.found().received, 4, "no message of the storm");
    }

    #[test]
    fn returns_are_counted_by_second_and_failures_by_cause() {
        let tally = Tally::new(3);
        for millis in [100, 1500, 1999] {
            tally.opened(Duration::from_millis(millis));
        }
        for cause in ["refused", "refused", "reset"] {
            tally.failed(cause);
        }
        let found = tally.found();
        assert_eq!(found.opened_in, [1, 2]);
        assert_eq!(found.failures, BTreeMap::from([("refused".to_owned(), 2), ("reset".to_owned(), 1)]));
    }
}
