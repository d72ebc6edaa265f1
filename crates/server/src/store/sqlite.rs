//! The embedded store: one SQLite file in the data folder, one thread that writes, a few that read.

mod audit;
pub(crate) mod backup;
mod evidence;
mod find;
mod history;
mod history_of_app;
mod ledger;
mod lookups;
mod messages;
mod moderation;
pub(crate) mod open;
mod positions;
mod readers;
mod retention;
mod rooms;
mod row;
mod schema;
mod sessions;
mod tokens;
mod visitors;
mod wills;
mod words;
mod writer;
mod writings;

use std::{path::Path, thread::JoinHandle};

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, MessageId, RoomId};
use grandstand_room::{
    attributes::{Applied, AttributeUpdate},
    clock::Millis,
    history::HistoryQuery,
    query::{Filter, RoomQuery},
    room::Room,
    session::SessionId,
    switches::OneRoomPer,
};
use rusqlite::Connection;

pub use open::OpenError;

use super::{
    AppendError, Appended, ChangeError, Claim, Claimed, CreateError, Dropped, Edit, Held, Imported, Known,
    LiveSession, ModifyError, Most, NewMessage, NodeId, Patched, Position, Recovered, Resumed, Retention,
    Revocation, Store, StoreError, StoredMessage, Swept, TokenKeys, Visitor, Walked, Will, WillSent,
    Writings, WritingsQuery,
};
use ledger::Ledger;
use lookups::Lookups;
use readers::Readers;
use writer::Writer;

/// A [`Store`] in a folder of its own, for one process at a time.
///
/// Writes queue for one thread, which commits everything that waits in one transaction, with one fsync. The head of a
/// room (number, time, `lm`) is written once in each such group, so `lm` does not lag.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    lookups: Lookups,
    /// Room queries that may take long: they wait for each other, and nothing else waits for them.
    searches: Readers,
}

/// Threads for short reads.
const READERS: usize = 3;

impl SqliteStore {
    /// Opens the store in `folder`, which is made when it is not there. Blocks: it may have to bring an earlier
    /// version's tables up to date, or to read what a crash left in the log.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = open::lock(folder)?;
        let mut connection = open::writer(folder)?;
        schema::migrate(&mut connection)?;
        let readers = Readers::start(folder, "store-reader", READERS)?;
        let searches = Readers::start(folder, "store-search", 1)?;
        let ledger = Ledger::new(folder.to_owned(), connection);
        let writer = Writer::start(ledger, lock).map_err(OpenError::Thread)?;
        Ok(Self { writer, readers, lookups: Lookups::default(), searches })
    }

    fn searchers(&self, filter: &Filter) -> &Readers {
        if find::is_lookup(filter) { &self.readers } else { &self.searches }
    }

    /// Reads on a connection.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.run(move |connection| read(connection).map_err(|error| readers::failed(&error))).await
    }

    /// Reads what is in a room; the default value when there is no such room.
    async fn read_room<T, F>(&self, app: &AppId, room: &RoomId, read: F) -> Result<T, StoreError>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    {
        let (app, room) = (app.clone(), room.clone());
        self.read(move |connection| match history::room_row(connection, &app, &room)? {
            Some(room) => read(connection, room),
            None => Ok(T::default()),
        })
        .await
    }
}

/// A number of the store as a column: 63 bits are plenty.
fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column that never holds a negative number.
fn wire_number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

#[async_trait]
impl Store for SqliteStore {
    async fn token_keys(&self, now: Millis) -> Result<TokenKeys, StoreError> {
        self.writer.run(move |ledger| tokens::keys(ledger, now)).await
    }

    async fn create_room(&self, app: &AppId, room: Room) -> Result<(), CreateError> {
        let app = app.clone();
        let made = self.writer.run(move |ledger| rooms::create(ledger, &app, &room, None)).await?;
        if made { Ok(()) } else { Err(CreateError::Exists) }
    }

    async fn room(&self, app: &AppId, room: &RoomId) -> Result<Option<Room>, StoreError> {
        let (app, room) = (app.clone(), room.clone());
        self.read(move |connection| rooms::by_id(connection, &app, &room)).await
    }

    async fn find_rooms(&self, app: &AppId, query: &RoomQuery) -> Result<Vec<Room>, StoreError> {
        let (app, query) = (app.clone(), query.clone());
        self.searchers(&query.filter).run(move |connection| find::find(connection, &app, &query)).await
    }

    async fn walk_rooms(
        &self,
        app: &AppId,
        filter: &Filter,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Walked, StoreError> {
        let (app, filter, after) = (app.clone(), filter.clone(), after.cloned());
        self.searches
            .run(move |connection| {
                find::walk(connection, &app, &filter, after.as_ref(), limit)
                    .map_err(|error| readers::failed(&error))
            })
            .await
    }

    async fn count_rooms(&self, app: &AppId, filter: &Filter) -> Result<u64, StoreError> {
        let (app, filter) = (app.clone(), filter.clone());
        self.searchers(&filter.clone()).run(move |connection| find::count(connection, &app, &filter)).await
    }

    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        update: &AttributeUpdate,
        limit: usize,
        now: Millis,
    ) -> Result<(Room, Applied), ChangeError> {
        let (app, room, update) = (app.clone(), room.clone(), update.clone());
        let changed =
            self.writer.run(move |ledger| rooms::update(ledger, (&app, &room), &update, limit, now)).await?;
        Ok(changed.ok_or(ChangeError::NoRoom)??)
    }

    async fn delete_room(&self, app: &AppId, room: &RoomId) -> Result<bool, StoreError> {
        let (app, room) = (app.clone(), room.clone());
        self.writer.run(move |ledger| rooms::delete(ledger, &app, &room)).await
    }

    async fn append(&self, message: NewMessage, now: Millis) -> Result<Appended, AppendError> {
        let appended = self.writer.run(move |ledger| messages::append(ledger, &message, now)).await?;
        appended.ok_or(AppendError::NoRoom)
    }

    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let query = query.clone();
        self.read_room(app, room, move |connection, room| history::page(connection, room, &query)).await
    }

    async fn range(
        &self,
        app: &AppId,
        room: &RoomId,
        first: u64,
        last: u64,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.read_room(app, room, move |connection, room| history::range(connection, room, first, last)).await
    }

    async fn gap(
        &self,
        app: &AppId,
        room: &RoomId,
        after: u64,
        last: u64,
        most: Most,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.read_room(app, room, move |connection, room| history::gap(connection, room, after, last, most))
            .await
    }

    async fn message(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let message = message.clone();
        self.read_room(app, room, move |connection, room| history::by_id(connection, room, &message)).await
    }

    async fn modify(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        author: Option<&ClientId>,
        edit: Edit,
        now: Millis,
    ) -> Result<Patched, ModifyError> {
        let (app, room, message, author) = (app.clone(), room.clone(), message.clone(), author.cloned());
        let modified = self
            .writer
            .run(move |ledger| messages::modify(ledger, (&app, &room, &message), author.as_ref(), &edit, now))
            .await?;
        Ok(modified?)
    }

    async fn delete_message(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        author: Option<&ClientId>,
    ) -> Result<(), ModifyError> {
        let (app, room, message, author) = (app.clone(), room.clone(), message.clone(), author.cloned());
        let deleted = self
            .writer
            .run(move |ledger| messages::delete(ledger, (&app, &room, &message), author.as_ref()))
            .await?;
        Ok(deleted?)
    }

    async fn history_of_app(
        &self,
        app: &AppId,
        sender: Option<&ClientId>,
        query: &HistoryQuery,
    ) -> Result<Vec<(RoomId, StoredMessage)>, StoreError> {
        let (app, sender, query) = (app.clone(), sender.cloned(), query.clone());
        // Messages of removed rooms stand between those of others until the sweep has taken them.
        self.searches
            .run(move |connection| {
                history_of_app::page(connection, &app, sender.as_ref(), &query)
                    .map_err(|error| readers::failed(&error))
            })
            .await
    }

    async fn writings(&self, app: &AppId, query: &WritingsQuery) -> Result<Writings, StoreError> {
        let (app, query) = (app.clone(), query.clone());
        self.searches
            .run(move |connection| {
                writings::step(connection, &app, &query).map_err(|error| readers::failed(&error))
            })
            .await
    }

    async fn patches(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Millis,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.read_room(app, room, move |connection, room| history::patches(connection, room, after, limit))
            .await
    }

    async fn claim(&self, claim: Claim, scope: OneRoomPer, now: Millis) -> Result<Claimed, AppendError> {
        let claimed = self.writer.run(move |ledger| sessions::claim(ledger, &claim, scope, now)).await?;
        claimed.ok_or(AppendError::NoRoom)
    }

    async fn leave(&self, app: &AppId, session: SessionId, room: &RoomId) -> Result<bool, StoreError> {
        let (app, room) = (app.clone(), room.clone());
        self.writer.run(move |ledger| sessions::leave(ledger, &app, session, &room)).await
    }

    async fn known(
        &self,
        app: &AppId,
        client: &ClientId,
        login: Option<SessionId>,
    ) -> Result<Known, StoreError> {
        self.lookups.find(&self.readers, app, client, login).await
    }

    async fn note_positions(&self, positions: Vec<Position>) -> Result<(), StoreError> {
        self.writer.run(move |ledger| positions::note(ledger, &positions)).await
    }

    async fn drop_session(
        &self,
        app: &AppId,
        session: SessionId,
        confirmed: Option<u64>,
        epoch: Option<u64>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let app = app.clone();
        self.writer
            .run(move |ledger| sessions::drop_session(ledger, (&app, session), confirmed, epoch, now))
            .await
    }

    async fn live_sessions(
        &self,
        node: &NodeId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<LiveSession>, StoreError> {
        let node = node.clone();
        self.read(move |connection| sessions::live(connection, &node, after, limit)).await
    }

    async fn resume(
        &self,
        from: SessionId,
        claim: Claim,
        keeps: bool,
        now: Millis,
    ) -> Result<Option<Resumed>, StoreError> {
        self.writer.run(move |ledger| sessions::resume(ledger, from, &claim, keeps, now)).await
    }

    async fn reattach(&self, app: &AppId, session: SessionId) -> Result<(), StoreError> {
        let app = app.clone();
        self.writer.run(move |ledger| sessions::reattach(ledger, &app, session)).await
    }

    async fn end_session(&self, app: &AppId, session: SessionId) -> Result<(), StoreError> {
        let app = app.clone();
        self.writer.run(move |ledger| sessions::end(ledger, &app, session)).await
    }

    async fn end_sessions(&self, app: &AppId, client: &ClientId) -> Result<(), StoreError> {
        let (app, client) = (app.clone(), client.clone());
        self.writer.run(move |ledger| sessions::end_all(ledger, &app, &client)).await
    }

    async fn hold_will(&self, will: Will, limit: u32, now: Millis) -> Result<Held, StoreError> {
        self.writer.run(move |ledger| wills::hold(ledger, &will, limit, now)).await
    }

    async fn send_wills(
        &self,
        app: &AppId,
        dropped: Dropped,
        now: Millis,
    ) -> Result<Vec<WillSent>, StoreError> {
        let app = app.clone();
        self.writer.run(move |ledger| wills::send(ledger, &app, dropped, now)).await
    }

    async fn revoke(&self, revocation: Revocation, now: Millis) -> Result<(), StoreError> {
        self.writer.run(move |ledger| tokens::revoke(ledger, &revocation, now)).await
    }

    async fn revoked_clients(&self, now: Millis) -> Result<Vec<(AppId, ClientId, Millis)>, StoreError> {
        self.read(move |connection| tokens::revoked_clients(connection, now)).await
    }

    async fn note_visitors(&self, day: i64, visitors: Vec<Visitor>) -> Result<(), StoreError> {
        self.writer.run(move |ledger| visitors::note(ledger, day, &visitors)).await
    }

    async fn visitors(&self, day: i64) -> Result<Vec<Visitor>, StoreError> {
        self.read(move |connection| visitors::of_day(connection, day)).await
    }

    async fn beat(&self, node: &NodeId, now: Millis) -> Result<(), StoreError> {
        let node = node.clone();
        self.writer.run(move |ledger| sessions::beat(ledger, &node, now)).await
    }

    async fn recover(&self, node: &NodeId, now: Millis) -> Result<Recovered, StoreError> {
        let node = node.clone();
        self.writer.run(move |ledger| sessions::recover(ledger, &node, now)).await
    }

    async fn sweep(&self, retention: &Retention, now: Millis) -> Result<Swept, StoreError> {
        let retention = retention.clone();
        self.writer.run(move |ledger| retention::sweep(ledger, &retention, now)).await
    }

    async fn import_room(&self, app: &AppId, room: Room, now: Millis) -> Result<bool, StoreError> {
        let app = app.clone();
        self.writer.run(move |ledger| rooms::create(ledger, &app, &room, Some(now))).await
    }

    async fn import_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        messages: Vec<StoredMessage>,
        now: Millis,
    ) -> Result<Imported, AppendError> {
        let (app, room) = (app.clone(), room.clone());
        let imported =
            self.writer.run(move |ledger| messages::import(ledger, &app, &room, &messages, now)).await?;
        imported.ok_or(AppendError::NoRoom)
    }

    async fn close(&self) -> Result<(), StoreError> {
        // The writer last: the connection that closes last empties the log into the database.
        let mut readers = self.readers.close().await;
        readers.extend(self.searches.close().await);
        join(readers).await?;
        join(self.writer.close().await.into_iter().collect()).await
    }
}

impl From<messages::Unmodified> for ModifyError {
    fn from(refusal: messages::Unmodified) -> Self {
        match refusal {
            messages::Unmodified::NotFound => Self::NotFound,
            messages::Unmodified::NotAuthor => Self::NotAuthor,
        }
    }
}

async fn join(threads: Vec<JoinHandle<()>>) -> Result<(), StoreError> {
    let joined = tokio::task::spawn_blocking(move || {
        threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count()
    });
    match joined.await {
        Ok(0) => Ok(()),
        _ => Err(StoreError::Failed("a thread of the store panicked".into())),
    }
}

#[cfg(test)]
mod tests;
