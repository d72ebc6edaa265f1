//! Quotas: so many calls in a window of time, and none until it ends. Wrong keys: so many in an hour, each counted once.

use std::time::Duration;

use crate::rates::Wait;

/// What was used since the window began. Begins with the first call.
#[derive(Debug, Clone, Default)]
pub struct Window {
    began: Duration,
    used: u32,
}

impl Window {
    /// Whether one more call has a place.
    ///
    /// # Errors
    /// [`Wait`] until the window ends.
    pub fn has_place(&self, limit: u32, length: Duration, now: Duration) -> Result<(), Wait> {
        if self.used < limit || self.is_over(length, now) {
            return Ok(());
        }
        Err(Wait((self.began + length).saturating_sub(now)))
    }

    /// Counts a call.
    pub fn take(&mut self, length: Duration, now: Duration) {
        if self.used == 0 || self.is_over(length, now) {
            *self = Self { began: now, used: 0 };
        }
        self.used += 1;
    }

    /// Whether forgetting it would change nothing.
    #[must_use]
    pub fn is_over(&self, length: Duration, now: Duration) -> bool {
        now >= self.began + length
    }
}

/// Different wrong keys that somebody may try in an hour. A device with an old key repeats it, and is no guesser.
pub const WRONG_KEYS: usize = 20;

/// How long wrong keys are remembered, from the first.
pub const GUESSING: Duration = Duration::from_secs(3600);

/// The wrong keys that somebody tried, by their digests.
#[derive(Debug, Clone, Default)]
pub struct Guesses {
    began: Duration,
    wrong: Vec<u64>,
}

/// Whether a key is to be compared at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// It is.
    Fresh,
    /// It was wrong before.
    Repeated,
}

impl Guesses {
    /// What to do with a key.
    ///
    /// # Errors
    /// [`Wait`] when too many wrong ones were tried: then not even the right one counts, or guessing would go on.
    pub fn judge(&self, digest: u64, now: Duration) -> Result<Guess, Wait> {
        if self.is_over(now) {
            return Ok(Guess::Fresh);
        }
        if self.wrong.len() >= WRONG_KEYS {
            return Err(Wait((self.began + GUESSING).saturating_sub(now)));
        }
        Ok(if self.wrong.contains(&digest) { Guess::Repeated } else { Guess::Fresh })
    }

    /// Notes a wrong key; true when it was the last one allowed.
    pub fn note(&mut self, digest: u64, now: Duration) -> bool {
        if self.wrong.is_empty() || self.is_over(now) {
            *self = Self { began: now, wrong: Vec::new() };
        }
        self.wrong.push(digest);
        self.wrong.len() == WRONG_KEYS
    }

    /// Whether forgetting it would change nothing.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.began + GUESSING
    }
}
