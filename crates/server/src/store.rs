//! What outlives the process: rooms, messages, who is in which room, wills, token keys.

mod audit;
mod evidence;
mod moderation;
mod record;
pub(crate) mod sqlite;
mod words;

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, MessageId, RoomId};
use grandstand_room::{
    attributes::{Applied, AttributeUpdate, UpdateError},
    clock::Millis,
    history::HistoryQuery,
    query::{Filter, RoomQuery},
    room::Room,
    session::SessionId,
    switches::OneRoomPer,
};

pub use audit::{ActorFilter, AuditActor, AuditEntry, AuditPlace, AuditQuery, AuditStore};
pub use evidence::{Cause, Erased, Erasure, EvidenceStore, Keeps, Original, TracePlace};
pub use moderation::{Listed, ModerationStore, RoleRow, RuleError};
pub use record::{
    Appended, Claim, Claimed, Dropped, Edit, Held, Imported, Known, LiveSession, Most, NewMessage, NodeId,
    Patched, Place, Position, Recovered, Resumed, Retention, Revocation, SessionRecord, Stamp, StoredMessage,
    Swept, TokenKeys, Visitor, Walked, Will, WillSent, Writing, Writings, WritingsQuery,
};
pub use sqlite::{OpenError, SqliteStore};
pub use words::WordStore;

/// The store failed. The text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; reads go on.
    #[error("the disk is full")]
    Full,
    /// A room query would look at too many rooms; answered with 4310.
    #[error("the query looks at too many rooms; name ids, a name or a range of updatedAt")]
    TooCostly,
    /// The store is shutting down or its writer is gone.
    #[error("the store is closed")]
    Closed,
    /// Anything else.
    #[error("the store failed: {0}")]
    Failed(#[from] Box<dyn std::error::Error + std::marker::Send + Sync>),
}

/// Why a message was not stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no such room.
    #[error("no such room")]
    NoRoom,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message was not edited or recalled.
#[derive(Debug, thiserror::Error)]
pub enum ModifyError {
    /// There is no such message in the room.
    #[error("no such message")]
    NotFound,
    /// Somebody else wrote it.
    #[error("somebody else wrote it")]
    NotAuthor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a room was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such room.
    #[error("no such room")]
    NoRoom,
    /// The update does not fit the room's data.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a room was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A room of that id is there already.
    #[error("a room of that id exists")]
    Exists,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The only part of the system that has to be reliable.
///
/// Every method that writes returns after its change is committed: it survives a crash of the process and of the
/// machine. Writes of one room are applied in one order, which is the order of their numbers. Calls may run
/// concurrently; a call that was dropped before it returned may or may not have happened. An error means that nothing
/// was changed. Apps never see each other's data.
#[async_trait]
pub trait Store: AuditStore + EvidenceStore + ModerationStore + WordStore + Send + Sync + 'static {
    /// The keys that sign session tokens, made at the first call.
    async fn token_keys(&self, now: Millis) -> Result<TokenKeys, StoreError>;

    /// Makes a room with the id it brings. Ids are 24 random hexadecimal digits, or an import's own.
    async fn create_room(&self, app: &AppId, room: Room) -> Result<(), CreateError>;

    /// A room by id. Cheap: clients look up every unknown room that sends something.
    async fn room(&self, app: &AppId, room: &RoomId) -> Result<Option<Room>, StoreError>;

    /// Rooms that match, in the query's order. Look-ups by id, name and `updatedAt` use an index; a query that
    /// would look at too many rooms fails with [`StoreError::TooCostly`].
    async fn find_rooms(&self, app: &AppId, query: &RoomQuery) -> Result<Vec<Room>, StoreError>;

    /// Rooms that match, in the order of their ids, for those who need all of them: looks at no more than `limit` behind
    /// `after`, and may find none and still have to go on.
    async fn walk_rooms(
        &self,
        app: &AppId,
        filter: &Filter,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Walked, StoreError>;

    /// How many rooms match.
    async fn count_rooms(&self, app: &AppId, filter: &Filter) -> Result<u64, StoreError>;

    /// Applies an update to the room's data and sets `updated_at` (never backwards). Atomic per room.
    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        update: &AttributeUpdate,
        limit: usize,
        now: Millis,
    ) -> Result<(Room, Applied), ChangeError>;

    /// Removes a room with its messages. Sessions that were in it are in no room.
    async fn delete_room(&self, app: &AppId, room: &RoomId) -> Result<bool, StoreError>;

    /// Numbers, times and stores a message. Numbers of a room count from 1 without gaps; timestamps never decrease
    /// in a room. (app, sender, `dedupe`) is unique for 30 minutes: a retry returns the first outcome.
    async fn append(&self, message: NewMessage, now: Millis) -> Result<Appended, AppendError>;

    /// A page of history, ascending by (timestamp, number).
    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// Live messages with numbers in `first..=last`, ascending: what a receiver missed.
    async fn range(
        &self,
        app: &AppId,
        room: &RoomId,
        first: u64,
        last: u64,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// What a member missed: HIGH messages with numbers after `after`, up to `last`, ascending; recalled ones left out,
    /// edited ones as edited; the newest of them, at `most` so many.
    async fn gap(
        &self,
        app: &AppId,
        room: &RoomId,
        after: u64,
        last: u64,
        most: Most,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// One message by id.
    async fn message(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
    ) -> Result<Option<StoredMessage>, StoreError>;

    /// Edits or recalls a message; with `author`, only if that client wrote it. `patched_at` never decreases in a room. A recalled message
    /// keeps its place with the stub body: recalling it again succeeds and changes nothing, editing it finds no message.
    async fn modify(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        author: Option<&ClientId>,
        edit: Edit,
        now: Millis,
    ) -> Result<Patched, ModifyError>;

    /// Removes a message; with `author`, only if that client wrote it. Its number is not given again, and its mark
    /// stays taken.
    async fn delete_message(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        author: Option<&ClientId>,
    ) -> Result<(), ModifyError>;

    /// A page of the history of all rooms, or of what one sender wrote in them, ascending by time. Messages of one
    /// time keep the order of their room, and the rooms some order; bounds may name messages of any room. With
    /// a sender, all messages of the app between the bounds are looked at until the page is full: about a million a
    /// second.
    async fn history_of_app(
        &self,
        app: &AppId,
        sender: Option<&ClientId>,
        query: &HistoryQuery,
    ) -> Result<Vec<(RoomId, StoredMessage)>, StoreError>;

    /// What one client wrote and has not been recalled. One step of the search looks at some ten thousand messages at
    /// most, so it may find nothing and still have to go on. Without such a room it finds nothing.
    async fn writings(&self, app: &AppId, query: &WritingsQuery) -> Result<Writings, StoreError>;

    /// Patches of a room later than `after`, oldest first, the newest `limit` of them.
    async fn patches(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Millis,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// Puts a session into a room. With [`OneRoomPer::Client`] every session of the client id, dropped ones too, is
    /// taken out of every other room. Each claim of a client id gets a higher epoch than all before. HIGH messages are
    /// due to it from now on; to one that is in the room already, from where they were.
    async fn claim(&self, claim: Claim, scope: OneRoomPer, now: Millis) -> Result<Claimed, AppendError>;

    /// Takes a session out of its room, if it is in `room`.
    async fn leave(&self, app: &AppId, session: SessionId, room: &RoomId) -> Result<bool, StoreError>;

    /// What is remembered of a client's sessions, live and dropped, and whether `login`, which its token names, was
    /// revoked. Cheap: in a storm everybody asks.
    async fn known(
        &self,
        app: &AppId,
        client: &ClientId,
        login: Option<SessionId>,
    ) -> Result<Known, StoreError>;

    /// What is remembered of a client's sessions, for whoever has no token to ask about.
    async fn sessions(&self, app: &AppId, client: &ClientId) -> Result<Vec<SessionRecord>, StoreError> {
        self.known(app, client, None).await.map(|known| known.sessions)
    }

    /// Notes how far live sessions have confirmed, for [`Store::recover`]. Never backwards; of a session that dropped
    /// or ended meanwhile, or of an earlier stay, nothing is noted. One call is one commit: whoever has many brings
    /// them in slices.
    async fn note_positions(&self, positions: Vec<Position>) -> Result<(), StoreError>;

    /// A session ended without a close: it may return to its room, and its wills wait. `confirmed` is the last
    /// message number whose HIGH messages the client is known to have; when it is not known, what was noted counts.
    /// Sessions without room and wills are not kept; one that dropped before stays as it was.
    /// So does one whose claim is not of `epoch`, if that is given: it has returned meanwhile.
    async fn drop_session(
        &self,
        app: &AppId,
        session: SessionId,
        confirmed: Option<u64>,
        epoch: Option<u64>,
        now: Millis,
    ) -> Result<(), StoreError>;

    /// Sessions that are live on a node, by the store's account, in the order of their ids: the first `limit` after
    /// `after`.
    async fn live_sessions(
        &self,
        node: &NodeId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<LiveSession>, StoreError>;

    /// The session `from` returns as `claim.identity` (often the same): it gets the room, the wills and a higher
    /// epoch. With `keeps`, another login takes the place of `from`, which may still return: then its record and its
    /// wills stay. `claim.room` must still be the room of `from`; else `None` and nothing changes. Whether `from` dropped
    /// recently enough is the caller's to decide, by [`SessionRecord::dropped_at`]: here only [`Store::sweep`] forgets.
    async fn resume(
        &self,
        from: SessionId,
        claim: Claim,
        keeps: bool,
        now: Millis,
    ) -> Result<Option<Resumed>, StoreError>;

    /// A dropped session is live again, but not in its room: it holds its wills, and has no room to return to.
    async fn reattach(&self, app: &AppId, session: SessionId) -> Result<(), StoreError>;

    /// A session ended for good: its record and its wills go.
    async fn end_session(&self, app: &AppId, session: SessionId) -> Result<(), StoreError>;

    /// All sessions of a client id ended for good, live and dropped ones: their records and wills go.
    async fn end_sessions(&self, app: &AppId, client: &ClientId) -> Result<(), StoreError>;

    /// Holds a message until the session drops, at most `limit` a session. A retry by its mark, as with
    /// [`Store::append`], also of a will that was sent meanwhile, gets the first outcome and takes no place.
    async fn hold_will(&self, will: Will, limit: u32, now: Millis) -> Result<Held, StoreError>;

    /// Sends the wills of a session that dropped by then and is still gone: stored ones are appended, all are forgotten.
    /// Whoever is banned from the app by then sends nothing, be it by its id, by where it was connected, or, where that is
    /// not known, by where the will came from. Whoever is silenced or blocked in a room, or may not speak there by its
    /// switches, sends nothing there, and in slow mode only the first of a session is sent. One that returned and dropped
    /// again later waits for its own time.
    async fn send_wills(
        &self,
        app: &AppId,
        dropped: Dropped,
        now: Millis,
    ) -> Result<Vec<WillSent>, StoreError>;

    /// Makes tokens invalid. Kept as long as such tokens would live; then [`Store::sweep`] forgets.
    async fn revoke(&self, revocation: Revocation, now: Millis) -> Result<(), StoreError>;

    /// The client ids whose tokens were revoked, and up to which time: few, so that a node keeps them in memory. Logins
    /// that were revoked are many, one for each ordered close: [`Store::known`] says it of one.
    async fn revoked_clients(&self, now: Millis) -> Result<Vec<(AppId, ClientId, Millis)>, StoreError>;

    /// Notes who logged in on a day, for those who count them; days before `day` are forgotten. One call is one commit.
    async fn note_visitors(&self, day: i64, visitors: Vec<Visitor>) -> Result<(), StoreError>;

    /// Who logged in on a day.
    async fn visitors(&self, day: i64) -> Result<Vec<Visitor>, StoreError>;

    /// Notes that a node is alive. Called once a second.
    async fn beat(&self, node: &NodeId, now: Millis) -> Result<(), StoreError>;

    /// After a start: sessions that the node's former life left behind count as dropped at its last beat. Their gaps
    /// begin behind the position that was noted last; where none was, nothing was confirmed, and they begin where the
    /// stay did.
    async fn recover(&self, node: &NodeId, now: Millis) -> Result<Recovered, StoreError>;

    /// One small slice of cleaning: expired messages, rooms, dropped sessions, dedupe entries, revocations,
    /// entries of the audit log, evidence.
    async fn sweep(&self, retention: &Retention, now: Millis) -> Result<Swept, StoreError>;

    /// Takes a room from elsewhere with its id and times; one that is there stays as it is (`false`).
    async fn import_room(&self, app: &AppId, room: Room, now: Millis) -> Result<bool, StoreError>;

    /// Takes messages from elsewhere with their ids and times, any order, any age; known ids are left alone. They
    /// take no live numbers and page in their place by time; equal times keep the order of import. One call is one
    /// commit: a thousand messages at a time keep other writers waiting for some milliseconds only.
    async fn import_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        messages: Vec<StoredMessage>,
        now: Millis,
    ) -> Result<Imported, AppendError>;

    /// Commits what is pending and closes. Later calls fail with [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
