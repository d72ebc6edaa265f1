//! What the server says: the downlink half of the protocol, free of any encoding.

use crate::{Body, Fault, MemberInfo, Mentions, MessageId, Moderated, Notice, RoomId};

/// One frame from the server: an event in its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Downlink {
    /// `i` of the request this answers; `None` on pushes.
    pub serial: Option<i32>,
    /// `peerId`: the client id this is for.
    pub peer: Option<String>,
    /// Server clock, ms.
    pub server_time: Option<i64>,
    /// What is said.
    pub event: Event,
}

/// A session token and its life in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// `st`.
    pub text: String,
    /// `stTtl`, seconds.
    pub ttl: i32,
}

/// Replies and pushes of chat rooms.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `{}` in answer to `{}` (JSON only).
    Heartbeat,
    /// `echo`.
    Echo,
    /// `loggedin` with `service` 0 and `pushDisabled` false.
    LoggedIn,
    /// `session/opened`.
    Opened {
        /// Token for reopening.
        token: Token,
    },
    /// `session/refreshed`.
    Refreshed {
        /// The new token.
        token: Token,
    },
    /// `session/closed`: the answer to a close (no fault), or the end of a session pushed to it.
    Closed {
        /// Why, when the server ended it.
        fault: Option<Fault>,
    },
    /// `session/query_result`.
    Online {
        /// Those of the asked who are online.
        clients: Vec<String>,
    },
    /// `report/uploaded`.
    TokenUploaded,
    /// `conv/started`.
    Started {
        /// The new room.
        room: RoomId,
        /// ISO 8601 UTC with three digits of milliseconds and `Z`.
        created_at: String,
    },
    /// `conv/added`.
    Added {
        /// The room joined.
        room: RoomId,
        /// Who is in: the client itself.
        allowed: Vec<String>,
        /// The room's `updatedAt`, ISO 8601.
        updated_at: String,
    },
    /// `conv/removed`.
    Removed {
        /// The room left.
        room: RoomId,
        /// Who is out: the client itself.
        allowed: Vec<String>,
        /// The room's `updatedAt`, ISO 8601.
        updated_at: String,
    },
    /// `conv/results`.
    Results {
        /// JSON array of rows as text; `[]` when empty.
        rows: String,
        /// Number of matches, when it was asked for.
        count: Option<i32>,
    },
    /// `conv/result` of a count.
    Count {
        /// How many are online.
        count: i32,
    },
    /// `conv/result` of a member query.
    Members {
        /// Some of those online.
        clients: Vec<String>,
    },
    /// `conv/result` of `is_member`.
    Membership {
        /// JSON object as text: room id to boolean.
        results: String,
    },
    /// `conv/updated` with a serial: the answer to an update or a mute.
    Updated {
        /// The room.
        room: RoomId,
        /// The room's `updatedAt`, ISO 8601.
        updated_at: String,
        /// What was set, for updates.
        change: Option<Change>,
    },
    /// `conv/updated` without a serial: somebody changed the room.
    RoomUpdated {
        /// The room.
        room: RoomId,
        /// Who did it.
        by: String,
        /// The room's `updatedAt`, ISO 8601.
        updated_at: String,
        /// What was set.
        change: Change,
    },
    /// `conv/max_read`.
    MaxRead {
        /// The room.
        room: RoomId,
    },
    /// The answer to a moderator: `conv/shutup_…` and `blacklist/…`.
    Moderated(Box<Moderated>),
    /// Somebody was silenced or blocked, or is not any more: `conv/…shutuped` and `conv/…blocked`.
    Notice(Box<Notice>),
    /// `conv/left`: somebody took whoever gets this out of a room.
    Left {
        /// The room.
        room: RoomId,
        /// Who did it; empty when the app's back end did.
        by: String,
    },
    /// `conv/member_info_updated`.
    RoleSet {
        /// The room.
        room: RoomId,
        /// The client and its role.
        info: MemberInfo,
    },
    /// `conv/member_info_changed`: somebody gave a client a role.
    RoleChanged {
        /// The room.
        room: RoomId,
        /// Who did it; empty when the app's back end did.
        by: String,
        /// The client and its role.
        info: MemberInfo,
    },
    /// `ack` of an accepted message.
    Accepted {
        /// Its id (`uid`).
        message: MessageId,
        /// Its time (`t`), ms.
        timestamp: i64,
    },
    /// `ack` of a refused message.
    Refused {
        /// Why.
        fault: Fault,
    },
    /// An empty `ack` in answer to a delivery ack with a serial (JSON only).
    AckReceived,
    /// `direct`: a message for a member.
    Message(Box<Push>),
    /// `patch/modify`: a message was edited or recalled. One patch per command.
    Patched(Box<Patch>),
    /// `patch/modified`: the answer to an edit.
    Modified {
        /// Time of the edit, ms.
        time: i64,
    },
    /// `logs`: a page of history, in ascending order.
    History {
        /// The messages.
        items: Vec<HistoryItem>,
    },
    /// `read` in answer to a `read` with a serial.
    ReadReceived,
    /// `error`.
    Failed {
        /// Why.
        fault: Fault,
    },
    /// `goaway`: ask the router again and reconnect.
    GoAway,
}

/// The outcome of a room update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `attr`: JSON object as text; keys as they were named (dotted), values resolved.
    pub set: String,
    /// `attrModified`: JSON object as text; the resulting values, nested, without deleted keys.
    pub resulting: String,
}

/// A message on its way to a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// The room.
    pub room: RoomId,
    /// Its id.
    pub message: MessageId,
    /// Its time, ms.
    pub timestamp: i64,
    /// Who sent it.
    pub from: String,
    /// The content.
    pub body: Body,
    /// Not stored.
    pub transient: bool,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// Time of its last edit, ms.
    pub patched_at: Option<i64>,
}

/// An edit or a recall on its way to a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The room.
    pub room: RoomId,
    /// The message.
    pub message: MessageId,
    /// The message's own time, ms.
    pub timestamp: i64,
    /// Its author.
    pub from: String,
    /// Time of the edit, ms.
    pub patched_at: i64,
    /// Recalled rather than edited.
    pub recall: bool,
    /// The new content; the stub `{"_lctype":-127}` of a recall.
    pub body: Body,
    /// The new mentions.
    pub mentions: Mentions,
    /// Why the server edited it: negative built in, positive by a hook.
    pub code: Option<i64>,
    /// Text for `code`.
    pub reason: Option<String>,
}

/// A message in a history page.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryItem {
    /// Its id.
    pub message: MessageId,
    /// Its time, ms.
    pub timestamp: i64,
    /// Who sent it.
    pub from: String,
    /// The content (Base64 text on the wire when binary).
    pub body: Body,
    /// Time of its last edit, ms.
    pub patched_at: Option<i64>,
    /// Whom it mentions.
    pub mentions: Mentions,
}
