//! How long writes wait for company.

use std::time::Duration;

/// When the next pass over a room may begin: passes take at most a quarter of the time, so that more gathers for each
/// write, but none is put off by more than `longest`. Where nothing was to be written for a while this lies in the
/// past: a lone message leaves at once.
#[must_use]
pub fn next_pass(last_began: Duration, last_took: Duration, longest: Duration) -> Duration {
    last_began + longest.min(last_took.saturating_mul(4))
}

/// When the first pass after a pause may begin, now that something is to be written.
///
/// Where passes are long and pauses short, what comes next comes in a burst: everybody answers the last pass. Who sets
/// out with the first message of it goes round twice. A little patience, a sixteenth of a pass, brings it together.
/// After a pause that is no pause of a busy room, a lone message leaves at once.
#[must_use]
pub fn first_pass(now: Duration, last_ended: Duration, last_took: Duration, longest: Duration) -> Duration {
    let pause = now.saturating_sub(last_ended);
    if pause < last_took / 2 { now + longest.min(last_took / 16) } else { now }
}
