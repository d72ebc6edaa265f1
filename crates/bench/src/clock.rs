//! One clock for all processes of the machine: microseconds of `CLOCK_MONOTONIC`.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Now, in µs since an origin that all processes share.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1000
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) async fn sleep_until(time: u64) {
    let left = Duration::from_micros(time.saturating_sub(now()));
    tokio::time::sleep_until(Instant::now() + left).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_and_not_back() {
        let start = now();
        let mut last = start;
        while last == start {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
