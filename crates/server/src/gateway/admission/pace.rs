//! So many a second, with one second's worth at once after a pause.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// What may be taken at once after a pause, as a time.
const BURST: Duration = Duration::from_secs(1);

/// A rate for one thing.
#[derive(Debug)]
pub(super) struct Pace {
    each: Duration,
    /// When all that was taken would have been due, one after the other.
    due: Option<Instant>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.max(1), due: None }
    }

    /// When another one may be taken, if not now.
    pub(super) fn next(&self) -> Option<Instant> {
        let free = self.due?.checked_sub(BURST)? + self.each;
        (free > Instant::now()).then_some(free)
    }

    /// How many may be taken in this time.
    pub(super) fn within(&self, time: Duration) -> usize {
        usize::try_from(time.as_nanos() / self.each.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// Takes one, whether it was time or not.
    pub(super) fn take(&mut self) {
        let now = Instant::now();
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.each);
    }
}

/// The same rate for each of many.
#[derive(Debug)]
pub(super) struct Paces<K> {
    each: Duration,
    /// As [`Pace::due`]. Who is not here has taken nothing for a second.
    due: HashMap<K, Instant>,
    /// When there are so many, those who took nothing for a second are forgotten.
    clean_at: usize,
}

const CLEAN_AT: usize = 1024;

impl<K: Hash + Eq> Paces<K> {
    pub(super) fn new(per_second: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.max(1), due: HashMap::new(), clean_at: CLEAN_AT }
    }

    /// Takes one, if it is time.
    pub(super) fn take(&mut self, key: K) -> bool {
        let now = Instant::now();
        if self.due.len() >= self.clean_at {
            self.due.retain(|_, due| *due > now);
            self.clean_at = CLEAN_AT.max(2 * self.due.len());
        }
        let due = self.due.entry(key).or_insert(now);
        let next = (*due).max(now) + self.each;
        let in_time = next <= now + BURST;
        if in_time {
            *due = next;
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_is_taken_at_once_and_then_one_after_the_other() {
        let mut pace = Pace::new(10);
        for taken in 0..10 {
            assert_eq!(pace.next(), None, "after {taken}");
            pace.take();
        }
        assert_eq!(pace.next(), Some(Instant::now() + Duration::from_millis(100)));
        pace.take();
        assert_eq!(pace.next(), Some(Instant::now() + Duration::from_millis(200)));
        advance(Duration::from_secs(60)).await;
        let burst = (0..100)
            .take_while(|_| {
                pace.next().is_none() && {
                    pace.take();
                    true
                }
            })
            .count();
        assert_eq!(burst, 10, "a pause saves up no more");
    }

    #[tokio::test(start_paused = true)]
    async fn each_has_a_rate_of_its_own_and_is_forgotten() {
        let mut paces = Paces::new(10);
        let burst = |paces: &mut Paces<u32>, key| (0..50).filter(|_| paces.take(key)).count();
        assert_eq!((burst(&mut paces, 1), burst(&mut paces, 2)), (10, 10));
        advance(Duration::from_millis(500)).await;
        assert_eq!(burst(&mut paces, 1), 5);
        for key in 0..10_000 {
            advance(Duration::from_millis(1)).await;
            paces.take(key);
        }
        assert!(paces.due.len() < 2 * CLEAN_AT, "{}", paces.due.len());
    }
}
