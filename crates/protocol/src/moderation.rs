//! Silence, blocks and roles: what moderators ask, what they are answered, and what the others are told.

use crate::{Fault, RoomId, Signature};

/// What a room can take from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restriction {
    /// `shutup`: it may not send.
    Silence,
    /// `blacklist`: it may not be there.
    Block,
}

/// `conv/…_shutup` and `blacklist/…`: silence or block clients, or ask who is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderate {
    /// The room.
    pub room: RoomId,
    /// What it is about.
    pub restriction: Restriction,
    /// What to do.
    pub ask: Ask,
}

/// What is asked about a restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `add_shutup`, `block`.
    Impose {
        /// Whom it is for.
        clients: Vec<String>,
        /// If the app signs.
        signature: Option<Signature>,
    },
    /// `remove_shutup`, `unblock`.
    Lift {
        /// Whom it is for.
        clients: Vec<String>,
        /// If the app signs.
        signature: Option<Signature>,
    },
    /// `query_shutup`, `query`: a page of the list.
    List {
        /// How many at most.
        limit: Option<i32>,
        /// Where the page begins: `next` of the page before.
        next: Option<String>,
    },
    /// `check_shutup`, `check_block`: which of these are on the list.
    Check {
        /// Who is asked about.
        clients: Vec<String>,
    },
}

/// The answer to a [`Moderate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderated {
    /// The room.
    pub room: RoomId,
    /// What it is about.
    pub restriction: Restriction,
    /// What was done, or found.
    pub answer: Answer,
}

/// What was done, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `shutup_added`, `blocked`.
    Imposed(Outcome),
    /// `shutup_removed`, `unblocked`.
    Lifted(Outcome),
    /// `shutup_result`, `query_result`.
    List {
        /// Client ids of this page.
        clients: Vec<String>,
        /// Where the next page begins; `None` at the end.
        next: Option<String>,
    },
    /// `check_result`. About silence it looks like a [`Self::List`], and is read as one.
    Checked {
        /// Those of the asked who are on the list.
        clients: Vec<String>,
    },
}

/// For whom an operation succeeded, and for whom not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `allowedPids`.
    pub allowed: Vec<String>,
    /// `failedPids`.
    pub failed: Vec<Failure>,
}

/// Why an operation failed for some of its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For whom.
    pub clients: Vec<String>,
    /// Why.
    pub fault: Fault,
}

/// A push about silence or blocks: to those whom it is about, or to everybody in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The room.
    pub room: RoomId,
    /// What it is about.
    pub restriction: Restriction,
    /// Whether it ended rather than began.
    pub lifted: bool,
    /// Who did it; empty when the app's back end did.
    pub by: String,
    /// Whom it is about (`members_…`); `None` when that is whoever gets the notice.
    pub clients: Option<Vec<String>>,
}

/// A client's role in a room, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// The client.
    pub client: String,
    /// `Owner`, `Manager` or `Member`.
    pub role: String,
    /// The id of the row that holds it.
    pub row: Option<String>,
}
