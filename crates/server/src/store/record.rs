//! What goes into a store and comes out of it.

use std::net::IpAddr;

use grandstand_protocol::{AppId, Body, ClientId, Level, Mentions, MessageId, RoomId};
use grandstand_room::{clock::Millis, session::Identity, session::SessionId};

use super::Keeps;
use crate::fanout::Broadcast;

/// A server process over restarts: a name from configuration, `node-1` by default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeId(pub String);

/// The keys that sign session tokens: the current one signs, both verify.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    /// Signs and verifies.
    pub current: [u8; 32],
    /// Verifies tokens made before the last change of keys.
    pub previous: Option<[u8; 32]>,
}

/// A message on its way into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    pub app: AppId,
    pub room: RoomId,
    pub id: MessageId,
    pub from: ClientId,
    /// The sending session; `None` when the app's back end sends.
    pub session: Option<SessionId>,
    pub level: Level,
    pub body: Body,
    pub mentions: Mentions,
    /// `_lctype` of a typed message, for history filters.
    pub lctype: Option<i32>,
    /// The client's own mark (`dt`).
    pub dedupe: Option<String>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// What it was before the word filter changed it.
    pub original: Option<Body>,
    /// The only ones who get it, if the app's hook named some.
    pub audience: Option<Vec<ClientId>>,
}

/// The place of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Counts from 1 in each room, without gaps.
    pub number: u64,
    /// Never decreases in a room.
    pub timestamp: Millis,
}

/// The outcome of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Committed now.
    Stored(Stamp),
    /// A retry: what the first attempt got.
    Duplicate { id: MessageId, timestamp: Millis },
}

/// A message as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMessage {
    /// The live number; negative for imported messages. Order is (timestamp, number).
    pub number: i64,
    pub id: MessageId,
    pub timestamp: Millis,
    /// The sender; an imported one may be longer than a client id.
    pub from: String,
    /// The session that sent it: never gets it back. Unknown for imported messages.
    pub session: Option<SessionId>,
    pub level: Level,
    pub body: Body,
    pub mentions: Mentions,
    pub lctype: Option<i32>,
    pub patched_at: Option<Millis>,
    pub recalled: bool,
    /// Where it came from, if that is known: for the app's back end only.
    pub address: Option<IpAddr>,
    /// The only ones who got it, if the app's hook named some.
    pub audience: Option<Vec<ClientId>>,
}

impl StoredMessage {
    /// Who hears of its edits and its recall, if not everybody: who got it, and its author.
    pub(crate) fn audience_of_changes(&self) -> Option<Vec<ClientId>> {
        let author = ClientId::new(&self.from).ok();
        self.audience.as_ref().map(|named| named.iter().cloned().chain(author).collect())
    }

    /// Bytes of its frame, about.
    pub(crate) fn size(&self) -> usize {
        let mentions: usize = self.mentions.clients.iter().map(String::len).sum();
        Broadcast::AROUND_BODY + self.body.len() + mentions
    }
}

/// How much is read at one time: so many messages, or those with which so many bytes are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    pub messages: usize,
    pub bytes: usize,
}

/// What an edit does.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// New content; `original` is what it was before the word filter changed it.
    Replace { body: Body, mentions: Mentions, lctype: Option<i32>, original: Option<Body> },
    /// Only the stub stays.
    Recall,
}

/// A search for what one client wrote, from the newest to the oldest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritingsQuery {
    /// In this room; else in all of the app.
    pub room: Option<RoomId>,
    pub author: ClientId,
    /// Times that are looked at, both included.
    pub from: Millis,
    pub till: Millis,
    /// Behind this place; where none is given, from the newest.
    pub after: Option<Place>,
    /// How many to find.
    pub limit: usize,
}

/// A place in the order of an app's messages. Its parts mean nothing outside of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub timestamp: i64,
    pub room: i64,
    pub number: i64,
}

/// What one step of such a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writings {
    /// Messages that are not recalled.
    pub found: Vec<Writing>,
    /// Where the next step begins; `None` when there is nothing more.
    pub next: Option<Place>,
}

/// A message that a client wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    pub place: Place,
    pub room: RoomId,
    pub message: MessageId,
    /// How many live messages of the room came after it; of an imported one, more than there are.
    pub newer: u64,
}

/// One step of a walk over the rooms of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// Those that match.
    pub rooms: Vec<RoomId>,
    /// Behind which the next step begins; `None` at the end.
    pub next: Option<RoomId>,
}

/// A message after an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The message as it is now; `patched_at` is set.
    pub message: StoredMessage,
}

/// A session that wants to be in a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub app: AppId,
    pub identity: Identity,
    pub room: RoomId,
    /// Where the session is connected.
    pub node: NodeId,
}

/// A claim that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Higher than every earlier claim's of this client id.
    pub epoch: u64,
    /// The number of the room's newest message.
    pub head: u64,
    /// The rooms that the client id (or the session) was taken out of.
    pub former: Vec<RoomId>,
    /// When the room was changed last.
    pub updated_at: Millis,
}

/// What is remembered of a session that is in a room or holds wills.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    pub identity: Identity,
    pub room: Option<RoomId>,
    /// When it dropped; `None` while it is live.
    pub dropped_at: Option<Millis>,
    /// Whether another login was given its room since (`keeps` of a resume).
    pub taken: bool,
}

/// What a store knows of a client that logs in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    pub sessions: Vec<SessionRecord>,
    /// Whether the login that was asked about ended for good: its tokens count no longer.
    pub is_revoked: bool,
}

/// A session that has not dropped, as far as the store knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiveSession {
    pub app: AppId,
    pub session: SessionId,
    /// Of its latest claim; 0 when it made none.
    pub epoch: u64,
}

/// A session that returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    pub claimed: Claimed,
    /// HIGH messages are due after this number.
    pub gap: u64,
}

/// How far a live session has confirmed HIGH messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub app: AppId,
    pub session: SessionId,
    /// Of its stay in the room.
    pub epoch: u64,
    /// Up to this number of the room they have arrived.
    pub number: u64,
}

/// A message held until its session drops.
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    pub identity: Identity,
    pub node: NodeId,
    pub message: NewMessage,
    pub transient: bool,
}

/// The outcome of holding a will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It waits for the session's end.
    Waiting,
    /// A retry: what the first attempt got. `timestamp` is `None` while that one waits.
    Duplicate { id: MessageId, timestamp: Option<Millis> },
    /// The session holds as many as it may.
    Full,
}

/// A session that dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    pub session: SessionId,
    /// When, at the latest.
    pub by: Millis,
    /// Where it was connected, if that is known.
    pub address: Option<IpAddr>,
}

/// A will that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct WillSent {
    pub message: NewMessage,
    /// Its place; `None` for a transient one, and then `timestamp` is the time of sending.
    pub stamp: Option<Stamp>,
    pub timestamp: Millis,
}

/// Tokens that no longer count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// All tokens of a login.
    Session { app: AppId, session: SessionId },
    /// All tokens of a client id made at a time or before.
    Before { app: AppId, client: ClientId, time: Millis },
}

/// A client id of an app that logged in, as a hash: visitors are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Visitor {
    pub app: AppId,
    pub client: u64,
}

/// What a node's former life left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovered {
    /// The last beat, if there was one.
    pub last_alive: Option<Millis>,
    /// Dropped sessions that hold wills, and when they dropped.
    pub with_wills: Vec<(AppId, SessionId, Millis)>,
}

/// How long things are kept, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Messages, from their time or from their import.
    pub messages: i64,
    /// Rooms, from their last message, change, or import.
    pub rooms: i64,
    /// Dropped sessions.
    pub sessions: i64,
    /// The audit log.
    pub audit: i64,
    /// What messages were, and where they came from.
    pub evidence: Keeps,
    /// Entries of the audit log, not milliseconds: so many of each app and each [`AuditActor`](super::AuditActor)'s kind.
    pub audit_entries: u32,
}

/// What one slice of cleaning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub messages: u64,
    /// Rooms removed, whose members have to go.
    pub rooms: Vec<(AppId, RoomId)>,
    pub sessions: u64,
    /// Of these, clients whose stay in a room ended with them.
    pub left: Vec<(AppId, RoomId, ClientId)>,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// What an import of messages did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    pub stored: u64,
    /// Ids that were there already.
    pub known: u64,
}
