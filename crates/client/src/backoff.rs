//! Pauses between attempts to reconnect: doubled each time, with jitter.

use std::time::Duration;

use rand::{Rng, RngExt};

/// A connection that lived this long starts the pauses anew. One that is accepted and closed at once, again and
/// again, must not.
const STABLE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    floor: Duration,
    ceiling: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(floor: Duration, ceiling: Duration) -> Self {
        Self { floor, ceiling: ceiling.max(floor), failures: 0 }
    }

    /// The next pause: between half of floor × 2ⁿ and the whole of it, at most the ceiling. The first one starts at
    /// zero, so that one lost connection is repaired soon and thousands of them do not come back in one moment.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let doubled = self.floor.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let longest = doubled.min(self.ceiling);
        let shortest = if self.failures == 0 { Duration::ZERO } else { longest / 2 };
        self.failures = self.failures.saturating_add(1);
        rng.random_range(shortest..=longest)
    }

    /// To be told how long the connection lived that has just been lost.
    pub(crate) fn lived(&mut self, life: Duration) {
        if life >= STABLE {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn pauses_double_up_to_the_ceiling_within_their_jitter() {
        for seed in 0..100 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(seconds(1), seconds(30));
            assert!(backoff.next(&mut rng) <= seconds(1));
            for longest in [2, 4, 8, 16, 30, 30, 30] {
                let pause = backoff.next(&mut rng);
                assert!(
                    (seconds(longest) / 2..=seconds(longest)).contains(&pause),
                    "{pause:?} of {longest} s"
                );
            }
        }
    }

    #[test]
    fn two_clients_do_not_pause_alike() {
        let pause = |seed| Backoff::new(seconds(1), seconds(30)).next(&mut StdRng::seed_from_u64(seed));
        assert_ne!(pause(1), pause(2));
    }

    #[test]
    fn many_failures_stay_at_the_ceiling() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(seconds(1), seconds(30));
        for _ in 0..100 {
            assert!(backoff.next(&mut rng) <= seconds(30));
        }
    }

    #[test]
    fn only_a_connection_that_lived_starts_anew() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(seconds(1), seconds(30));
        for _ in 0..6 {
            backoff.next(&mut rng);
        }
        backoff.lived(seconds(9));
        assert!(backoff.next(&mut rng) >= seconds(15));
        backoff.lived(seconds(10));
        assert!(backoff.next(&mut rng) <= seconds(1));
    }
}
