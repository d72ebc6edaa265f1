//! Signatures that were used, for apps where each counts once.

use std::collections::{BTreeSet, HashMap};

use grandstand_protocol::AppId;

use super::{LIFE, Verified};
use crate::clock::Millis;

/// Signatures remembered for each app: some fifty megabytes.
const REMEMBERED: usize = 1_000_000;

/// More signatures count at this time than can be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What a node remembers, until each would be too old anyway. Only genuine signatures get here, so only an app's own
/// back end can fill its share.
#[derive(Debug)]
pub struct UsedSignatures {
    /// Before that, another process may have taken them.
    since: Millis,
    by_app: HashMap<AppId, BTreeSet<Verified>>,
    limit: usize,
}

impl UsedSignatures {
    /// Remembers nothing: signatures of `now` and before do not count.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        Self::with_limit(now, REMEMBERED)
    }

    /// The same with another bound.
    #[must_use]
    pub fn with_limit(now: Millis, limit: usize) -> Self {
        Self { since: now, by_app: HashMap::new(), limit }
    }

    /// Uses a signature up. False when it was used already, or may have been.
    ///
    /// # Errors
    /// [`Full`] when it cannot be remembered, so it must not count.
    pub fn take(&mut self, app: &AppId, signature: Verified, now: Millis) -> Result<bool, Full> {
        if signature.made_at <= self.since {
            return Ok(false);
        }
        let used = self.by_app.entry(app.clone()).or_default();
        while used.first().is_some_and(|oldest| now.since(oldest.made_at) > LIFE) {
            used.pop_first();
        }
        if used.contains(&signature) {
            return Ok(false);
        }
        if used.len() >= self.limit {
            return Err(Full);
        }
        Ok(used.insert(signature))
    }
}
