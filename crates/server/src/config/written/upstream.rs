//! `[apps.upstream]` as written.

use std::time::Duration;

use serde::Deserialize;

use super::{Period, Size};

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    pub(in crate::config) origin: Option<String>,
    pub(in crate::config) connect_timeout: Period,
    pub(in crate::config) timeout: Period,
    pub(in crate::config) request: Size,
    pub(in crate::config) answer: Size,
    pub(in crate::config) concurrency: usize,
}

impl Default for Upstream {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        let seconds = |n| Period(Duration::from_secs(n));
        Self {
            origin: None,
            connect_timeout: seconds(3),
            timeout: seconds(60),
            request: Size(32 * MIB),
            answer: Size(32 * MIB),
            concurrency: 256,
        }
    }
}
