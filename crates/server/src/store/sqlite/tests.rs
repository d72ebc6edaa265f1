//! What happens when the disk fails: below the trait, because only here a failure can be made.

use std::time::Duration;

use grandstand_protocol::{Body, Level, Mentions};
use rusqlite::ffi;
use serde_json::Map;
use tokio::time::Instant;

use super::*;
use crate::shutdown;

const NOW: Millis = Millis(1_790_000_000_000);

fn app() -> AppId {
    AppId::from("app")
}

fn message(id: &str) -> NewMessage {
    NewMessage {
        app: app(),
        room: RoomId::from("room"),
        id: MessageId::from(id),
        from: ClientId::new("sender").unwrap(),
        session: None,
        level: Level::Normal,
        body: Body::Text("x".repeat(4000)),
        mentions: Mentions::default(),
        lctype: None,
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    }
}

async fn with_room(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder).unwrap();
    let (creator, data) = (String::new(), Map::new());
    let room = Room {
        id: RoomId::from("room"),
        creator,
        data,
        created_at: NOW,
        updated_at: NOW,
        last_message_at: None,
    };
    store.create_room(&app(), room).await.unwrap();
    store
}

async fn number(store: &SqliteStore, id: &str) -> u64 {
    match store.append(message(id), NOW).await.unwrap() {
        Appended::Stored(stamp) => stamp.number,
        Appended::Duplicate { .. } => panic!("{id} was there"),
    }
}

/// How many pages the database may have, as a disk of that size would let it.
async fn set_pages(store: &SqliteStore, pages: i64) {
    let set = move |ledger: &mut Ledger| {
        ledger
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
    };
    store.writer.run(set).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    // SQLite takes a smaller limit than there are pages for "no more".
    set_pages(&store, 1).await;
    let mut stored = 0;
    let refused = loop {
        match store.append(message(&format!("{stored}")), NOW).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the disk is never full");
    };
    assert!(matches!(refused, AppendError::Store(StoreError::Full)), "{refused:?}");
    let range = store.range(&app(), &RoomId::from("room"), 1, 1000).await.unwrap();
    assert_eq!(range.len(), stored, "reads go on, and what was refused is not there");

    set_pages(&store, 1_000_000).await;
    assert_eq!(number(&store, "after").await, stored as u64 + 1, "without a restart, without a gap");
    store.close().await.unwrap();
}

/// What SQLite answers when fsync fails.
fn fsync_failed() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None)
}

#[tokio::test]
async fn a_failed_disk_acknowledges_nothing_and_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    assert_eq!(number(&store, "before").await, 1);
    let marker = "CREATE TEMP TABLE of_this_connection (a)";
    store.writer.run(move |ledger| ledger.connection.execute_batch(marker)).await.unwrap();

    let attempt = store.writer.run(|ledger| {
        messages::append(ledger, &message("lost"), NOW)?;
        Err::<(), _>(fsync_failed())
    });
    let refused = attempt.await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert_eq!(store.message(&app(), &RoomId::from("room"), &MessageId::from("lost")).await.unwrap(), None);
    assert_eq!(number(&store, "after").await, 2, "the number was not used up");
    let same =
        store.writer.run(|ledger| ledger.connection.execute_batch("SELECT * FROM of_this_connection")).await;
    assert!(same.is_err(), "it is a new connection");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_panic_in_one_write_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    let (panicked, first, second) = tokio::join!(
        store.writer.run(|_| -> rusqlite::Result<()> { panic!("on purpose") }),
        store.append(message("first"), NOW),
        store.append(message("second"), NOW),
    );
    assert!(panicked.is_err());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(number(&store, "third").await, 3);
    store.close().await.unwrap();
}

#[tokio::test]
async fn the_log_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    for n in 0..40 {
        let burst = (0..100).map(|m| store.append(message(&format!("{n} {m}")), NOW));
        for outcome in futures_util::future::join_all(burst).await {
            outcome.unwrap();
        }
    }
    // 4,000 messages of 4,000 bytes take over 16 MB; between two checkpoints there is half of that.
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(size("grandstand.db") > 6_000_000, "{}", size("grandstand.db"));
    assert!(size("grandstand.db-wal") < 14_000_000, "{}", size("grandstand.db-wal"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn history_is_read_along_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    let plan = store
        .read(|connection| {
            let sql = "EXPLAIN QUERY PLAN SELECT body FROM messages WHERE room = ?1
                       AND (timestamp, number) >= (?2, ?3) AND (timestamp, number) <= (?4, ?5)
                       ORDER BY timestamp DESC, number DESC LIMIT 100";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([1, 2, 3, 4, 5], |row| row.get::<_, String>(3))?;
            rows.collect::<Result<Vec<_>, _>>()
        })
        .await
        .unwrap();
    assert_eq!(
        plan,
        [
            "SEARCH messages USING PRIMARY KEY (room=? AND (timestamp,number)>(?,?) AND (timestamp,number)<(?,?))"
        ]
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_does_not_close_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_room(folder.path()).await;
    let (free, held_up) = std::sync::mpsc::channel();
    let stuck = store.writer.run(move |_| {
        let _ = held_up.recv();
        Ok(())
    });
    let closing = async {
        let closed = shutdown::close(&store, Instant::now() + Duration::from_millis(50)).await;
        free.send(()).unwrap();
        closed
    };
    // In this order: the write is queued before the close.
    let (written, closed) = tokio::join!(stuck, closing);
    assert!(matches!(closed, Err(StoreError::Failed(_))), "{closed:?}");
    assert_eq!(written.map_err(|error| error.to_string()), Ok(()), "what was queued is still committed");
}
