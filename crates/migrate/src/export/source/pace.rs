//! How often a server is asked, and how long nothing is asked after it failed or refused.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep_until};

/// How often to ask, and how patiently.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Requests a minute, at most.
    pub per_minute: u32,
    /// How often one request is sent before its failure counts.
    pub attempts: u32,
    /// How often in a row one request may be over the quota: then it is one that is not back in a minute.
    pub quotas: u32,
    /// The wait after the first failure; it doubles with each, up to `longest`.
    pub first: Duration,
    /// The longest wait after a failure.
    pub longest: Duration,
    /// The wait when a quota is used up and the server does not say for how long. LeanCloud refuses for a minute.
    pub quota: Duration,
    /// The longest wait that a server can order.
    pub longest_quota: Duration,
}

/// Requests a minute that are asked for in any case, however often a quota was used up.
const SLOWEST: u32 = 6;

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_minute: 300,
            attempts: 12,
            quotas: 30,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(60),
            quota: Duration::from_secs(60),
            longest_quota: Duration::from_secs(3600),
        }
    }
}

impl Pace {
    /// This many requests a minute.
    #[must_use]
    pub fn of(per_minute: u32) -> Self {
        Self { per_minute, ..Self::default() }
    }

    /// Waits until the next request may go, which is at `next`. Time that was lost is not made up for.
    pub(super) async fn turn(&self, next: &mut Option<Instant>) {
        let now = Instant::now();
        let at = next.unwrap_or(now).max(now);
        *next = Some(at + Duration::from_secs(60) / self.per_minute.max(1));
        sleep_until(at).await;
    }

    /// After a quota was used up: a fifth less.
    pub(super) fn slow_down(&mut self) {
        self.per_minute = (self.per_minute - self.per_minute / 5).max(SLOWEST.min(self.per_minute));
    }

    /// The wait after so many failures of one request; by chance up to a half shorter, so that several do not come back
    /// together.
    pub(super) fn back_off(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.longest);
        doubled.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// The wait when a quota is used up.
    pub(super) fn over_quota(&self, said: Option<Duration>) -> Duration {
        said.unwrap_or(self.quota).min(self.longest_quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let pace = Pace::default();
        for (failures, longest) in [(1, 500), (2, 1000), (3, 2000), (8, 60_000), (40, 60_000)] {
            let wait = pace.back_off(failures).as_millis();
            assert!((longest / 2..=longest).contains(&wait), "{failures}: {wait}");
        }
    }

    #[test]
    fn a_used_up_quota_is_back_in_a_minute_unless_the_server_says_otherwise() {
        let pace = Pace::default();
        let seconds = |said: Option<u64>| pace.over_quota(said.map(Duration::from_secs)).as_secs();
        assert_eq!((seconds(None), seconds(Some(5)), seconds(Some(100_000))), (60, 5, 3600));
    }

    #[test]
    fn a_used_up_quota_slows_down_and_never_stops() {
        let mut pace = Pace::of(300);
        pace.slow_down();
        assert_eq!(pace.per_minute, 240);
        for _ in 0..100 {
            pace.slow_down();
        }
        assert_eq!(pace.per_minute, SLOWEST);
        let mut slow = Pace::of(2);
        slow.slow_down();
        assert_eq!(slow.per_minute, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_their_distance_and_make_up_for_nothing() {
        let (pace, mut next) = (Pace::of(60), None);
        let began = Instant::now();
        for _ in 0..4 {
            pace.turn(&mut next).await;
        }
        assert_eq!(began.elapsed().as_secs(), 3);
        tokio::time::advance(Duration::from_secs(10)).await;
        let began = Instant::now();
        for _ in 0..3 {
            pace.turn(&mut next).await;
        }
        assert_eq!(began.elapsed().as_secs(), 2);
    }
}
