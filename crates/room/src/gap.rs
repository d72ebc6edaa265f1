//! The gap of a dropped session: from where HIGH messages are delivered again when it returns.

use crate::clock::Millis;

/// Where the gap of a member begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapStart {
    /// After this message number of the room: the last one the client confirmed.
    After(u64),
    /// From this time on: after a crash, when nothing was confirmed durably.
    Since(Millis),
}
