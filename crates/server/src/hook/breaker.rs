//! When to leave a target alone that keeps failing: closed, open for a while, then one call on trial.

use std::time::Duration;

use tokio::time::Instant;

/// Counts failures in a row. Time is an argument.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: u32,
    pause: Duration,
    failures: u32,
    /// While it is open: when the next call may try.
    open_until: Option<Instant>,
}

/// What a failure did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    StillClosed,
    /// It opened now.
    Opened,
    StillOpen,
}

impl Breaker {
    pub(super) fn new(limit: u32, pause: Duration) -> Self {
        Self { limit, pause, failures: 0, open_until: None }
    }

    /// Whether a call may go out. An open one lets a single call through after each pause: if that is never heard of
    /// again, the next pause brings another.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + self.pause);
                true
            }
        }
    }

    /// The target answered. True when that closed it.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.open_until.take().is_some()
    }

    pub(super) fn failed(&mut self, now: Instant) -> Outcome {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.limit {
            return Outcome::StillClosed;
        }
        match self.open_until.replace(now + self.pause) {
            None => Outcome::Opened,
            Some(_) => Outcome::StillOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn opens_after_failures_in_a_row_and_tries_one_call_after_each_pause() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, PAUSE);
        assert_eq!(breaker.failed(now), Outcome::StillClosed);
        assert_eq!(breaker.failed(now), Outcome::StillClosed);
        // An answer in between begins the count anew.
        assert!(!breaker.succeeded());
        assert_eq!(breaker.failed(now), Outcome::StillClosed);
        assert_eq!(breaker.failed(now), Outcome::StillClosed);
        assert!(breaker.admits(now));
        assert_eq!(breaker.failed(now), Outcome::Opened);
        assert!(!breaker.admits(now));

        let later = now + PAUSE;
        assert!(breaker.admits(later), "one call on trial");
        assert!(!breaker.admits(later), "and only one");
        assert_eq!(breaker.failed(later), Outcome::StillOpen);
        assert!(!breaker.admits(later + PAUSE / 2));

        assert!(breaker.admits(later + PAUSE));
        assert!(breaker.succeeded());
        assert!(breaker.admits(later + PAUSE));
        assert_eq!(breaker.failed(later), Outcome::StillClosed);
    }

    #[test]
    fn a_trial_that_is_never_heard_of_again_does_not_keep_it_open() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1, PAUSE);
        assert_eq!(breaker.failed(now), Outcome::Opened);
        assert!(breaker.admits(now + PAUSE));
        assert!(breaker.admits(now + PAUSE * 2));
    }
}
