//! `[apps.limits]`: where an app's clients have other rates than `[client_limits]` says, and who has none.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct AppLimits {
    pub(in crate::config) send: Option<u32>,
    pub(in crate::config) history: Option<u32>,
    pub(in crate::config) other: Option<u32>,
    pub(in crate::config) exempt: Vec<String>,
}
