//! Which failures the log has told of lately: whoever finds out how to fail could fill it otherwise.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// How long one kind of failure is not told of again.
const QUIET: Duration = Duration::from_secs(60);

/// When each kind of failure was told of last. Kinds are few. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Complaints(HashMap<&'static str, Instant>);

impl Complaints {
    /// Whether the log is to tell of it; then it has.
    pub(super) fn are_due(&mut self, kind: &'static str, now: Instant) -> bool {
        let due = self.0.get(kind).is_none_or(|told| now.duration_since(*told) >= QUIET);
        if due {
            self.0.insert(kind, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_of_once_a_minute() {
        let (now, mut complaints) = (Instant::now(), Complaints::default());
        assert!(complaints.are_due("timeout", now));
        assert!(!complaints.are_due("timeout", now + QUIET / 2));
        assert!(complaints.are_due("refused", now + QUIET / 2));
        assert!(complaints.are_due("timeout", now + QUIET), "counted from when it was told of");
        assert!(!complaints.are_due("refused", now + QUIET));
    }
}
