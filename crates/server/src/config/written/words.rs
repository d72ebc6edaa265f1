//! `[apps.words]`: how words of the app's list are compared with messages.

use grandstand_room::words::Folding;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Words {
    pub(in crate::config) any_case: bool,
    pub(in crate::config) any_width: bool,
    pub(in crate::config) any_script: bool,
}

impl Default for Words {
    fn default() -> Self {
        let Folding { case, width, script } = Folding::default();
        Self { any_case: case, any_width: width, any_script: script }
    }
}

impl From<Words> for Folding {
    fn from(written: Words) -> Self {
        let Words { any_case, any_width, any_script } = written;
        Self { case: any_case, width: any_width, script: any_script }
    }
}
