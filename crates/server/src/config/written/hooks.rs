//! `[apps.hooks]` and `[apps.webhook]` as written.

use std::time::Duration;

use serde::Deserialize;

use super::Period;
use crate::hook::{self, Policy};

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Hooks {
    pub(in crate::config) engine: Option<String>,
    pub(in crate::config) hook_key: Option<String>,
    pub(in crate::config) connect_timeout: Period,
    pub(in crate::config) timeout: Period,
    pub(in crate::config) concurrency: usize,
    pub(in crate::config) queue: usize,
    pub(in crate::config) workers: usize,
    pub(in crate::config) breaker_failures: u32,
    pub(in crate::config) breaker_pause: Period,
    pub(in crate::config) discovery: Period,
    pub(in crate::config) on_failure: OnFailure,
}

impl Default for Hooks {
    fn default() -> Self {
        let seconds = |n| Period(Duration::from_secs(n));
        Self {
            engine: None,
            hook_key: None,
            connect_timeout: seconds(3),
            timeout: seconds(3),
            concurrency: 64,
            queue: 10_000,
            workers: 8,
            breaker_failures: 5,
            breaker_pause: seconds(10),
            discovery: seconds(60),
            on_failure: OnFailure::default(),
        }
    }
}

/// Each hook that is waited for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct OnFailure {
    pub(in crate::config) message_received: Policy,
    pub(in crate::config) message_update: Policy,
    pub(in crate::config) conversation_start: Policy,
    pub(in crate::config) conversation_add: Policy,
    pub(in crate::config) conversation_remove: Policy,
    pub(in crate::config) conversation_update: Policy,
    pub(in crate::config) client_sign: Policy,
}

impl Default for OnFailure {
    fn default() -> Self {
        let used = hook::OnFailure::default();
        Self {
            message_received: used.message_received,
            message_update: used.message_update,
            conversation_start: used.conversation_start,
            conversation_add: used.conversation_add,
            conversation_remove: used.conversation_remove,
            conversation_update: used.conversation_update,
            client_sign: used.client_sign,
        }
    }
}

// Not `default`: an address without a secret is a mistake that serde names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Webhook {
    pub(in crate::config) url: String,
    pub(in crate::config) secret: String,
    /// All when absent.
    pub(in crate::config) events: Option<Vec<String>>,
}
