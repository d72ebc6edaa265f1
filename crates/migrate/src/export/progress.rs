//! How far an export is, for whoever watches.

use std::time::Duration;

/// How far an export is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// What is being read.
    pub stage: Stage,
    /// How much of the stage is done, from 0 to 1, as far as that can be known.
    pub share: Option<f64>,
    /// Rooms in the archive.
    pub rooms: u64,
    /// Messages in the archive.
    pub messages: u64,
    /// Silences, blocks and roles in the archive.
    pub listed: u64,
    /// Requests so far, of this run.
    pub calls: u64,
    /// Why nothing happens, and for how long.
    pub waiting: Option<(Waiting, Duration)>,
}

/// What is being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// The list of rooms.
    #[default]
    Rooms,
    /// Messages.
    Messages,
    /// Who is silenced, blocked, or has a role.
    Lists,
    /// Whether all is there.
    Checks,
}

/// Why nothing is asked for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The quota is used up.
    Quota,
    /// The server failed, or was not reached.
    Trouble,
}
