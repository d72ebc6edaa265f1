//! When a sender sends: at fixed times, or as soon as an answer makes room.

use std::time::Duration;

use tokio::time::Instant;

/// Messages of one sender on their way at fixed times, at most. A server that is so far behind gets the rest later;
/// their latency counts from when they should have gone.
const BEHIND: usize = 256;

#[derive(Debug)]
pub(crate) enum Pace {
    /// So many wait for an answer, always.
    Answered { in_flight: usize },
    /// One at `next`, and one each `interval` after it.
    Timed { next: Instant, interval: Duration },
}

impl Pace {
    /// The share of sender `number` of `senders` in `rate` messages per second, which are spread evenly.
    pub(crate) fn timed(rate: u32, number: u32, senders: u32, start: Instant) -> Self {
        let interval = Duration::from_secs(1) * senders / rate;
        Self::Timed { next: start + interval * number / senders, interval }
    }

    /// A message that is due, by the time at which it should go, before `end`; `waiting` have no answer yet.
    pub(crate) fn due(&mut self, now: Instant, end: Instant, waiting: usize) -> Option<Instant> {
        match self {
            Self::Answered { in_flight } => (now < end && waiting < *in_flight).then_some(now),
            Self::Timed { next, interval } => (*next <= now && *next < end && waiting < BEHIND).then(|| {
                let intended = *next;
                *next += *interval;
                intended
            }),
        }
    }

    /// Whether everything has been sent that should go before `end`.
    pub(crate) fn is_done(&self, now: Instant, end: Instant) -> bool {
        match self {
            Self::Answered { .. } => now >= end,
            Self::Timed { next, .. } => *next >= end,
        }
    }

    /// When to look again if no answer comes before.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self {
            Self::Answered { .. } => None,
            Self::Timed { next, .. } => Some(*next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_make_room() {
        let now = Instant::now();
        let end = now + Duration::from_secs(1);
        let mut pace = Pace::Answered { in_flight: 2 };
        assert_eq!(pace.due(now, end, 0), Some(now));
        assert_eq!(pace.due(now, end, 1), Some(now));
        assert_eq!(pace.due(now, end, 2), None);
        assert_eq!(pace.due(end, end, 0), None);
        assert_eq!(pace.next(), None);
        assert_eq!((pace.is_done(now, end), pace.is_done(end, end)), (false, true));
    }

    /// 4 senders, 1,000 messages in a second: each sends 250, none at the time of another.
    #[test]
    fn a_rate_is_spread_over_time_and_senders() {
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        let mut times = Vec::new();
        for number in 0..4 {
            let mut pace = Pace::timed(1000, number, 4, start);
            assert!(!pace.is_done(end, end));
            times.extend(std::iter::from_fn(|| pace.due(end, end, 0)));
            assert!(pace.is_done(end, end));
        }
        times.sort();
        assert_eq!(times.len(), 1000);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(1)));
    }

    #[test]
    fn a_late_message_keeps_its_time() {
        let start = Instant::now();
        let (late, end) = (start + Duration::from_millis(250), start + Duration::from_secs(1));
        let mut pace = Pace::timed(10, 0, 1, start);
        let intended: Vec<_> =
            std::iter::from_fn(|| pace.due(late, end, 0)).map(|at| (at - start).as_millis()).collect();
        assert_eq!(intended, [0, 100, 200]);
        assert_eq!(pace.next(), Some(start + Duration::from_millis(300)));
        assert_eq!(pace.due(end, end, BEHIND), None, "too many wait");
    }
}
