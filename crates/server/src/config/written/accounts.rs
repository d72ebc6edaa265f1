//! `[apps.accounts]`: where an app's users are.

use std::time::Duration;

use serde::Deserialize;

use crate::config::units::Period;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Accounts {
    pub(in crate::config) url: Option<String>,
    pub(in crate::config) timeout: Period,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { url: None, timeout: Period(Duration::from_secs(3)) }
    }
}
