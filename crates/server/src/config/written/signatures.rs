//! `[apps.signatures]`: what clients need a signature of the app's own server for.

use grandstand_room::signature::SignatureSwitches;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Signatures {
    pub(in crate::config) login: bool,
    pub(in crate::config) rooms: bool,
    pub(in crate::config) history: bool,
    pub(in crate::config) blocks: bool,
    pub(in crate::config) once: bool,
    pub(in crate::config) empty_members: bool,
}

impl Default for Signatures {
    fn default() -> Self {
        let SignatureSwitches { login, rooms, history, blocks, once, empty_members } =
            SignatureSwitches::default();
        Self { login, rooms, history, blocks, once, empty_members }
    }
}

impl From<Signatures> for SignatureSwitches {
    fn from(written: Signatures) -> Self {
        let Signatures { login, rooms, history, blocks, once, empty_members } = written;
        Self { login, rooms, history, blocks, once, empty_members }
    }
}
