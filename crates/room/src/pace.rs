//! How long writes wait for company.

use std::time::Duration;

/// A pass over the members of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    pub began: Duration,
    pub ended: Duration,
    /// The most messages that one write of it carried.
    pub gathered: u64,
}

impl Pass {
    /// When the next pass may begin, now that so many messages are pending. None is put off by more than `longest`.
    ///
    /// Passes take at most a quarter of the time, so that more gathers for each write. Where they are long and pauses
    /// are short, what comes next often comes in a burst: everybody answers the last pass. Who sets out with the first
    /// message of it goes round twice; while less is pending than half of what the last pass had, a little patience, a
    /// sixteenth of it, brings the burst together. After a pause that is no pause of a busy room, a lone message leaves
    /// at once.
    #[must_use]
    pub fn next(&self, now: Duration, pending: u64, longest: Duration) -> Duration {
        let took = self.ended.saturating_sub(self.began);
        let paced = self.began + longest.min(took.saturating_mul(4));
        let is_busy = now.saturating_sub(self.ended) < took / 2;
        let burst = if is_busy && pending * 2 < self.gathered { now + longest.min(took / 16) } else { now };
        paced.max(burst)
    }
}
