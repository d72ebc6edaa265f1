//! `[apps.quotas]` as written.

use serde::Deserialize;

use crate::quota::QuotaSettings;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Quotas {
    pub(in crate::config) messages_per_minute: u32,
    pub(in crate::config) by_key_per_minute: u32,
    pub(in crate::config) broadcasts_per_minute: u32,
    pub(in crate::config) broadcasts_per_day: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        let QuotaSettings {
            messages_per_minute,
            by_key_per_minute,
            broadcasts_per_minute,
            broadcasts_per_day,
        } = QuotaSettings::default();
        Self { messages_per_minute, by_key_per_minute, broadcasts_per_minute, broadcasts_per_day }
    }
}

impl From<Quotas> for QuotaSettings {
    fn from(written: Quotas) -> Self {
        Self {
            messages_per_minute: written.messages_per_minute,
            by_key_per_minute: written.by_key_per_minute,
            broadcasts_per_minute: written.broadcasts_per_minute,
            broadcasts_per_day: written.broadcasts_per_day,
        }
    }
}
