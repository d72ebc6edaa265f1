//! Limits that both ends know. Those that an operator may change are defaults here.

/// Longest client id, in characters (LeanCloud's overview; ObjC and Swift check it too).
pub const CLIENT_ID_CHARS: usize = 64;

/// Longest message: body, push data, mentions and `dt` together, in bytes (LeanCloud's overview: 5 KB).
pub const MESSAGE_BYTES: usize = 5 * 1024;

/// Longest frame a client may send once it has logged in, in bytes (design; longer ones close the socket with 4109).
pub const FRAME_BYTES: usize = 64 * 1024;

/// Longest frame of a socket that has not logged in, in bytes. A login with all that it may bring along, a token, a
/// signature, a tag and the marks of a device, stays below half of it.
pub const LOGIN_FRAME_BYTES: usize = 8 * 1024;

/// Most client ids mentioned by one message (LeanCloud's REST guide).
pub const MENTIONS: usize = 20;

/// Most client ids in one query of who is online (Swift SDK, LeanCloud's guide).
pub const ONLINE_QUERY: usize = 20;

/// Rows of a conversation query that names none (all SDKs).
pub const QUERY_DEFAULT_ROWS: u32 = 10;

/// Most rows of a conversation query (Swift SDK: 1 to 100).
pub const QUERY_ROWS: u32 = 100;

/// Most rows of a look-up by ids (the JavaScript SDK asks for 999 at once).
pub const LOOKUP_ROWS: u32 = 1000;

/// Messages in a history page that names no limit (all SDKs).
pub const HISTORY_DEFAULT_ROWS: u32 = 20;

/// Most messages in a history page over the socket (all SDKs).
pub const HISTORY_ROWS: u32 = 100;

/// Most client ids in one answer to `conv/members` (Swift clamps to 50).
pub const MEMBERS_ROWS: u32 = 50;

/// Life of a session token, in seconds: 48 hours, so that the 30-minute resume always falls inside.
pub const TOKEN_SECONDS: i32 = 48 * 60 * 60;
