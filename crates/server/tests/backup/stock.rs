//! A data folder with something in it, and what is in one.

use std::{
    ops::ControlFlow,
    path::Path,
    process::{Command, Output},
};

use grandstand::{
    backup::{self, BackupError, Made, Restored},
    clock::Clock,
    store::{NewMessage, SqliteStore, Store, StoredMessage},
};
use grandstand_protocol::{AppId, Body, ClientId, Direction, Level, Mentions, MessageId, RoomId};
use grandstand_room::{history::HistoryQuery, room::Room};

use crate::{running, server::APP};

pub(crate) const ROOM: &str = "6655bcd2c1f6ae1b9f5ee5b8";

pub(crate) fn app() -> AppId {
    AppId::from(APP)
}

pub(crate) fn message(id: &str, sender: &str, length: usize) -> NewMessage {
    NewMessage {
        app: app(),
        room: RoomId::from(ROOM),
        id: MessageId::from(id),
        from: ClientId::new(sender).unwrap(),
        session: None,
        level: Level::Normal,
        body: Body::Text("x".repeat(length)),
        mentions: Mentions::default(),
        lctype: Some(-1),
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    }
}

/// A store with one room.
pub(crate) async fn with_room(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder).unwrap();
    let (creator, data, now) = (String::new(), serde_json::Map::new(), Clock::system().wall());
    let id = RoomId::from(ROOM);
    let room = Room { id, creator, data, created_at: now, updated_at: now, last_message_at: None };
    store.create_room(&app(), room).await.unwrap();
    store
}

/// That many messages of that length, by one sender.
pub(crate) async fn fill(store: &SqliteStore, messages: usize, length: usize) {
    let now = Clock::system().wall();
    let appends = (0..messages).map(|n| store.append(message(&format!("stock-{n}"), "stock", length), now));
    for appended in futures_util::future::join_all(appends).await {
        appended.unwrap();
    }
}

/// A closed data folder with that many messages of 1,000 characters.
pub(crate) fn make(folder: &Path, messages: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = with_room(folder).await;
        fill(&store, messages, 1000).await;
        store.close().await.unwrap();
    });
}

/// All messages of a room, the oldest first.
pub(crate) async fn messages(folder: &Path, room: &str) -> Vec<StoredMessage> {
    let store = SqliteStore::open(folder).unwrap();
    let query =
        HistoryQuery { older: None, newer: None, direction: Direction::New, limit: u32::MAX, lctype: None };
    let messages = store.history(&app(), &RoomId::from(room), &query).await.unwrap();
    store.close().await.unwrap();
    messages
}

pub(crate) fn back_up(data: &Path, out: &Path) -> Result<Made, BackupError> {
    backup::make(data, out, &mut |_| ControlFlow::Continue(()))
}

pub(crate) fn restore(from: &Path, data: &Path) -> Result<Restored, BackupError> {
    backup::restore(from, data, &mut |_| ControlFlow::Continue(()))
}

/// A command of the program.
pub(crate) fn program(command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    program.env_clear().arg(command);
    program
}

/// Its exit code, and what it said on standard error.
pub(crate) fn refusal(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = running::run(command);
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
