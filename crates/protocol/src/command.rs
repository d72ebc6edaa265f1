//! What a client asks: the uplink half of the protocol, free of any encoding.

use crate::{Body, Level, Mentions, MessageId, Moderate, RoomId};

/// One frame from a client: a command in its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `appId`: on the first command of a connection; C# repeats it everywhere.
    pub app: Option<String>,
    /// `peerId`: the client id this is about; may be left out when the socket has one session.
    pub peer: Option<String>,
    /// `i`: request serial, any 32-bit number, to be echoed. Absent = no answer wanted (or none possible).
    pub serial: Option<i32>,
    /// What is asked.
    pub command: Command,
}

/// A signature by the app's back end (`s`, `t`, `n`). The timestamp is the number as sent: ms or s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Hexadecimal HMAC-SHA1.
    pub signature: String,
    /// When it was made.
    pub timestamp: i64,
    /// Random text.
    pub nonce: String,
}

/// The commands of chat-room clients.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `{}` on a JSON connection: answered by `{}`.
    Heartbeat,
    /// `echo`: answered with the same `i`, if any.
    Echo,
    /// `login` of the push channel (Java): tolerated.
    Login {
        /// `service` of the envelope: 1 is LiveQuery.
        service: Option<i32>,
    },
    /// `session/open`.
    Open(Box<Open>),
    /// `session/refresh`: a new token. C# sends no token.
    Refresh {
        /// The token in use (`st`).
        token: Option<String>,
    },
    /// `session/close`: an ordered end.
    Close,
    /// `session/query`: who of these is online.
    QueryOnline {
        /// Client ids, at most 20.
        clients: Vec<String>,
    },
    /// `report/upload` of a device token: acknowledged, not used.
    UploadToken,
    /// `conv/start`.
    Start(Box<StartConversation>),
    /// `conv/add`: join.
    Join {
        /// The room.
        room: RoomId,
        /// `m`: only the client itself is allowed in a chat room.
        members: Vec<String>,
        /// If the app signs.
        signature: Option<Signature>,
    },
    /// `conv/remove`: quit.
    Quit {
        /// The room.
        room: RoomId,
        /// `m`: only the client itself is allowed in a chat room.
        members: Vec<String>,
        /// If the app signs.
        signature: Option<Signature>,
    },
    /// `conv/query`.
    Query(Box<ConversationQuery>),
    /// `conv/count`: how many are online in the room.
    Count {
        /// The room.
        room: RoomId,
    },
    /// `conv/members`: some of those online in the room.
    Members {
        /// The room.
        room: RoomId,
        /// How many at most.
        limit: Option<i32>,
    },
    /// `conv/is_member`.
    IsMember {
        /// The rooms in question.
        rooms: Vec<RoomId>,
    },
    /// `conv/update`.
    Update {
        /// The room.
        room: RoomId,
        /// JSON object as text: keys to set, dotted keys and `__op` values included.
        attributes: String,
    },
    /// `conv/mute` and `conv/unmute`: push mute, without effect in rooms.
    Mute {
        /// The room.
        room: RoomId,
    },
    /// `conv/max_read`: receipts do not exist in rooms.
    MaxRead {
        /// The room.
        room: RoomId,
    },
    /// `conv/…_shutup` and `blacklist/…`: silence and blocks.
    Moderate(Box<Moderate>),
    /// `conv/member_info_update`: give a client a role.
    SetRole {
        /// The room.
        room: RoomId,
        /// The client.
        client: String,
        /// `Owner`, `Manager` or `Member`, if the client knows how to spell.
        role: String,
    },
    /// `direct`: send a message.
    Send(Box<Send>),
    /// `patch/modify`: edit or recall.
    Modify {
        /// One or more edits.
        patches: Vec<PatchRequest>,
    },
    /// `logs`: a page of history.
    History(Box<HistoryRequest>),
    /// `ack` of a delivery. JSON connections with a serial want an answer; others want none.
    DeliveryAck,
    /// `patch/modified`: an old client confirms a pushed patch. Never answered.
    PatchAck,
    /// `read`: receipts do not exist in rooms.
    Read,
    /// A family or verb that chat rooms do not have; answered with an error.
    Unsupported {
        /// The family's name if known, else its number.
        family: String,
        /// The verb's name if known and present, else its number.
        verb: Option<String>,
    },
}

/// `session/open`: log a client id in on this socket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Open {
    /// SDK and version, e.g. `js/5.0.0-rc.8`.
    pub user_agent: Option<String>,
    /// `r`: an automatic re-login, which must not push others out.
    pub reopen: bool,
    /// Login tag for one-device-per-tag.
    pub tag: Option<String>,
    /// Identity of the device (JavaScript, Java, C#).
    pub device_id: Option<String>,
    /// Push token or device UUID; the identity of the device on ObjC and Swift.
    pub device_token: Option<String>,
    /// Session token (`st`) of an earlier open.
    pub token: Option<String>,
    /// If the app signs logins.
    pub signature: Option<Signature>,
    /// Capability bits.
    pub config: Option<i64>,
    /// Time of the last patch the client knows, ms.
    pub last_patch: Option<i64>,
}

impl Open {
    /// Bit 7 of the capabilities: `peerId` may be left out while one client is open.
    #[must_use]
    pub fn may_omit_peer(&self) -> bool {
        self.config.is_some_and(|bits| bits & 0x80 != 0)
    }
}

/// `conv/start`: make a conversation. Only chat rooms (`transient`) exist here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StartConversation {
    /// True asks for a chat room.
    pub transient: bool,
    /// `unique`: ignored for chat rooms (C# sets it).
    pub unique: bool,
    /// True asks for a temporary conversation.
    pub temporary: bool,
    /// `m`: ignored for chat rooms.
    pub members: Vec<String>,
    /// JSON object as text: its keys become the row's columns.
    pub attributes: Option<String>,
    /// If the app signs.
    pub signature: Option<Signature>,
}

/// `conv/query`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConversationQuery {
    /// JSON condition as text; absent = conversations the client is a member of.
    pub filter: Option<String>,
    /// Comma list of keys, a leading `-` = descending; absent = `-lm`.
    pub sort: Option<String>,
    /// Rows at most.
    pub limit: Option<i32>,
    /// Rows to pass over.
    pub skip: Option<i32>,
    /// Bit 0 compact, bit 1 with the last message.
    pub flag: Option<i32>,
    /// Ids of temporary conversations: never rooms.
    pub temporary_ids: Vec<String>,
    /// Old .NET asks for the number of matches with `count`: 1.
    pub count: bool,
}

/// `direct`: a message to a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// The room.
    pub room: RoomId,
    /// The content.
    pub body: Body,
    /// As the client named it; absent = the session's default.
    pub level: Option<Level>,
    /// Not stored, only for those online.
    pub transient: bool,
    /// Held, and sent when the session drops.
    pub will: bool,
    /// `dt`: a resend with the same text is the same message.
    pub dedupe: Option<String>,
    /// Offline push text: unused, but counted in the size.
    pub push_data: Option<String>,
    /// Whom it mentions.
    pub mentions: Mentions,
}

/// One edit or recall of `patch/modify`.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// The room.
    pub room: RoomId,
    /// The message.
    pub message: MessageId,
    /// The message's own time, ms.
    pub timestamp: i64,
    /// Recall rather than edit. Swift sends a stub body with it; ignore that.
    pub recall: bool,
    /// The new content of an edit.
    pub body: Option<Body>,
    /// The new mentions of an edit.
    pub mentions: Mentions,
}

/// Which way history is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// Towards the past: the newest messages of the interval.
    #[default]
    Old,
    /// Towards the future: the oldest messages of the interval.
    New,
}

/// One end of a history interval. Without a time and an id there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// Time, ms; `None` when absent or 0.
    pub timestamp: Option<i64>,
    /// A message whose place is meant.
    pub message: Option<MessageId>,
    /// Whether the bound itself belongs to the interval.
    pub included: bool,
}

/// `logs`: a page of history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRequest {
    /// The room.
    pub room: RoomId,
    /// `l` or `limit`, as sent: absent = 20, 0 = nothing.
    pub limit: Option<i32>,
    /// Where reading starts (`t`, `mid`, `tIncluded`).
    pub start: Bound,
    /// Where reading ends (`tt`, `tmid`, `ttIncluded`).
    pub end: Bound,
    /// Which way.
    pub direction: Direction,
    /// Only typed messages of this `_lctype`; 0 is `None`.
    pub lctype: Option<i32>,
}
