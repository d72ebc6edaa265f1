//! How long writes wait for company.

use std::time::Duration;

/// When the next pass over a room may begin: passes take at most a quarter of the time, so that more gathers for each
/// write, but none is put off by more than `longest`. Where nothing was to be written for a while this lies in the
/// past: a lone message leaves at once.
#[must_use]
pub fn next_pass(last_began: Duration, last_took: Duration, longest: Duration) -> Duration {
    last_began + longest.min(last_took.saturating_mul(4))
}
