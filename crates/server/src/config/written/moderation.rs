//! `[apps.moderation]`: who may moderate, and what.

use grandstand_room::moderation::{ModerationSwitches, Moderators};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Moderation {
    pub(in crate::config) by: Moderators,
    pub(in crate::config) silence: bool,
    pub(in crate::config) block: bool,
    pub(in crate::config) roles: bool,
    pub(in crate::config) notify_members: u32,
}

impl Default for Moderation {
    fn default() -> Self {
        let ModerationSwitches { by, silence, block, roles, notify_members } = ModerationSwitches::default();
        Self { by, silence, block, roles, notify_members }
    }
}

impl From<Moderation> for ModerationSwitches {
    fn from(written: Moderation) -> Self {
        let Moderation { by, silence, block, roles, notify_members } = written;
        Self { by, silence, block, roles, notify_members }
    }
}
