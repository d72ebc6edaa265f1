//! Opening a data folder: what is refused, in words that an operator understands, and what works again afterwards.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use grandstand::store::{Claim, NodeId, OpenError, SqliteStore, Store};
use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{clock::Millis, session::SessionId};

const NOW: Millis = Millis(1_790_000_000_000);

const FILE: &str = "grandstand.db";

fn refusal(folder: &Path) -> OpenError {
    match SqliteStore::open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error,
    }
}

/// Runs SQL on the file, as another program could.
fn alter(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join(FILE)).unwrap().execute_batch(sql).unwrap();
}

async fn make(folder: &Path) -> [u8; 32] {
    let store = SqliteStore::open(folder).unwrap();
    let keys = store.token_keys(Millis(1)).await.unwrap();
    store.close().await.unwrap();
    keys.current
}

#[tokio::test]
async fn a_folder_is_made_and_holds_one_database() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("some/data");
    make(&folder).await;
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["LOCK", FILE], "a closed store leaves no log behind");
}

#[tokio::test]
async fn a_second_store_is_refused_until_the_first_closes() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(folder.path()).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Held { .. }), "{error:?}");
    assert!(error.to_string().contains("another process uses the data folder"), "{error}");
    first.close().await.unwrap();
    SqliteStore::open(folder.path()).unwrap().close().await.unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("a file");
    fs::write(&file, "").unwrap();
    let error = refusal(&file.join("data"));
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
    assert!(error.to_string().contains("a file"), "it names the place: {error}");
}

#[tokio::test]
async fn a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = make(folder.path()).await;
    alter(folder.path(), "PRAGMA user_version = 999");
    let error = refusal(folder.path());
    let OpenError::Newer { found: 999, known } = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("newer version"), "{error}");
    alter(folder.path(), &format!("PRAGMA user_version = {known}"));
    assert_eq!(make(folder.path()).await, key);
}

/// What a folder of the first version held is there.
#[tokio::test]
async fn an_earlier_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    alter(folder.path(), include_str!("../src/store/sqlite/schema/0001.sql"));
    alter(folder.path(), "PRAGMA user_version = 1; PRAGMA application_id = 1196576324");
    alter(
        folder.path(),
        "INSERT INTO apps VALUES (1, 'app');
         INSERT INTO rooms VALUES (1, 1, 'room', 'me', 0, 0, NULL, NULL, '{}');
         INSERT INTO heads VALUES (1, 1, 9, 0, NULL, NULL, 0, 0);
         INSERT INTO sessions (app, session, client, room, node, epoch, claimed_at, dropped_at, gap_after, gap_since)
         VALUES (1, x'00000000000000000000000000000007', 'ann', 1, 'node-1', 3, 0, 5, 4, NULL)",
    );
    let store = SqliteStore::open(folder.path()).unwrap();
    let known = store.sessions(&AppId::from("app"), &ClientId::new("ann").unwrap()).await.unwrap();
    assert_eq!(known[0].identity.session, SessionId(7));
    let (identity, node) = (known[0].identity.clone(), NodeId("node-1".to_owned()));
    let claim = Claim { app: AppId::from("app"), identity, room: RoomId::from("room"), node };
    let resumed = store.resume(SessionId(7), claim, false, NOW).await.unwrap().unwrap();
    assert_eq!((resumed.gap, resumed.claimed.head), (4, 9));
    store.close().await.unwrap();
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    alter(folder.path(), "CREATE TABLE theirs (a)");
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Foreign), "{error:?}");
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
    bytes[..64].fill(b'x');
    fs::write(folder.path().join(FILE), bytes).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{error:?}");
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[tokio::test]
async fn what_was_refused_does_not_hold_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    alter(folder.path(), "PRAGMA user_version = 999");
    refusal(folder.path());
    assert!(matches!(refusal(folder.path()), OpenError::Newer { .. }), "not held by the first attempt");
}
