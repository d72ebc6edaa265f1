//! Slow mode: when each speaker of an app's slow rooms spoke last, in few bytes.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use crate::rates::Wait;

/// How long the same message may come again without counting twice, in milliseconds. SDKs repeat what was not answered
/// within half a minute; the store knows it by its mark for longer.
const AGAIN: u64 = 5 * 60 * 1000;

/// Who spoke when. A speaker is a hash of a room and a client id: ids of 64 characters would take three times as much.
#[derive(Debug, Clone)]
pub struct Speakers {
    spoke: HashMap<u64, Spoke>,
    most: usize,
}

/// When somebody spoke last. In one `u64` and two `u32`, so that an entry takes 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoke {
    /// Milliseconds of the clock that callers bring.
    at: u64,
    /// For so many seconds it matters.
    seconds: u32,
    /// The hash of the message's own mark, by which a retry is known.
    mark: Option<NonZeroU32>,
}

/// Somebody may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It counts from now on. With what was noted before, and what is now.
    Taken { before: Option<Spoke>, now: Spoke },
    /// It is the same message again, whose first attempt counts.
    Again,
}

impl Speakers {
    /// Remembers at most so many. Beyond that, those who spoke longest ago are forgotten, and may speak earlier.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { spoke: HashMap::new(), most: most.max(1) }
    }

    /// Takes the turn of a speaker who may speak every so many seconds.
    ///
    /// # Errors
    /// [`Wait`] when it is too early. That costs nothing.
    pub fn take(
        &mut self,
        speaker: u64,
        mark: Option<NonZeroU32>,
        seconds: u32,
        now: Duration,
    ) -> Result<Turn, Wait> {
        let moment = milliseconds(now);
        let before = self.spoke.get(&speaker).copied();
        if let Some(last) = before {
            let interval = u64::from(seconds) * 1000;
            let wait = last.at.saturating_add(interval).saturating_sub(moment).min(interval);
            let again = mark.is_some() && mark == last.mark && moment < last.at.saturating_add(AGAIN);
            match wait {
                0 => {}
                _ if again => return Ok(Turn::Again),
                _ => return Err(Wait(Duration::from_millis(wait))),
            }
        } else if self.spoke.len() >= self.most {
            self.make_room(now);
        }
        let taken = Spoke { at: moment + 1, seconds, mark };
        self.spoke.insert(speaker, taken);
        Ok(Turn::Taken { before, now: taken })
    }

    /// What a turn was taken for has been said just now: the wait begins here.
    pub fn said(&mut self, speaker: u64, mark: Option<NonZeroU32>, seconds: u32, now: Duration) {
        // Rounded up, so that nobody is a fraction of a millisecond early.
        self.spoke.insert(speaker, Spoke { at: milliseconds(now) + 1, seconds, mark });
    }

    /// What a turn was taken for was refused after all, and costs nothing. Not if another turn was taken since.
    pub fn give_back(&mut self, speaker: u64, before: Option<Spoke>, taken: Spoke) {
        if self.spoke.get(&speaker) != Some(&taken) {
            return;
        }
        match before {
            Some(before) => self.spoke.insert(speaker, before),
            None => self.spoke.remove(&speaker),
        };
    }

    /// Forgets what holds nobody back any more, and the memory that it took.
    pub fn forget_old(&mut self, now: Duration) {
        let moment = milliseconds(now);
        self.spoke.retain(|_, spoke| spoke.at.saturating_add(u64::from(spoke.seconds) * 1000) > moment);
        if self.spoke.capacity() / 4 > self.spoke.len() {
            self.spoke.shrink_to(self.spoke.len() * 2);
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spoke.len()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spoke.is_empty()
    }

    /// Forgets half of them when all still count: then it is long until the next time.
    fn make_room(&mut self, now: Duration) {
        self.forget_old(now);
        if self.spoke.len() < self.most {
            return;
        }
        let mut times: Vec<u64> = self.spoke.values().map(|spoke| spoke.at).collect();
        let half = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(half);
        let median = *median;
        self.spoke.retain(|_, spoke| spoke.at > median);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}
