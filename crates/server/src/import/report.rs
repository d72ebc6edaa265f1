//! What an import did, for people and for scripts.

use std::{collections::BTreeMap, path::PathBuf};

use grandstand_migrate::conversation::Kind;
use grandstand_protocol::AppId;
use serde::Serialize;

/// What an import did.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub app: String,
    /// Nothing was stored: what would be is `ready`.
    pub dry_run: bool,
    pub sources: Vec<String>,
    /// Archives among them that lack something, as their `report.json` says.
    pub incomplete: Vec<PathBuf>,
    pub rooms: Tally,
    pub messages: Tally,
    pub silences: Tally,
    pub blocks: Tally,
    pub roles: Tally,
    pub switches: Tally,
    pub bans: Tally,
    pub words: Tally,
    pub conversations: Conversations,
    /// Why rows were set aside, and how many for each reason.
    pub reasons: BTreeMap<String, u64>,
    /// Where they stand, if there are any.
    pub aside: Option<PathBuf>,
}

/// Rows of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    pub read: u64,
    /// New to the store.
    pub imported: u64,
    /// There already, and left alone.
    pub known: u64,
    /// In a dry run: would be imported, unless they are there already.
    pub ready: u64,
    /// Over already: restrictions whose end has come.
    pub over: u64,
    /// Rooms that were taken without some column, which was set aside.
    pub partly: u64,
    /// Could not be taken.
    pub aside: u64,
}

/// Conversations that are no rooms. They are counted only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Conversations {
    pub ordinary: u64,
    pub service: u64,
    pub temporary: u64,
}

impl Conversations {
    pub(super) fn count(&mut self, kind: Kind) {
        match kind {
            // Rooms have a tally of their own.
            Kind::Room => {}
            Kind::Ordinary => self.ordinary += 1,
            Kind::Service => self.service += 1,
            Kind::Temporary => self.temporary += 1,
        }
    }
}

impl Report {
    pub(super) fn new(app: &AppId, dry_run: bool) -> Self {
        Self { app: app.to_string(), dry_run, ..Self::default() }
    }

    /// Rows of all kinds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let Conversations { ordinary, service, temporary } = self.conversations;
        let lists = [self.silences, self.blocks, self.roles, self.switches, self.bans, self.words];
        [self.rooms, self.messages].iter().chain(&lists).map(|tally| tally.read).sum::<u64>()
            + ordinary
            + service
            + temporary
    }
}
