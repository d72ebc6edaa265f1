//! Archives to be imported, and everything that a store holds of an app.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use grandstand::{
    import::{Import, ImportError, Phase, Report, Watch, source},
    store::{ModerationStore, OpenError, RoleRow, SqliteStore, Store, StoredMessage},
};
use grandstand_migrate::archive::{
    About, ArchiveWriter, MessageLine, RestrictionLine, RoleLine, RoomLine, Rooms, Source, SourceKind,
};
use grandstand_protocol::{AppId, Body, Direction, RoomId};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery},
    moderation::RoomRules,
    query::Filter,
    room::Room,
};
use serde_json::{Map, Value, json};

/// A day in 2020.
pub(crate) const THEN: i64 = 1_590_000_000_000;

pub(crate) fn app() -> AppId {
    AppId::from("app")
}

pub(crate) struct Silent;

impl Watch for Silent {
    fn begins(&self, _: Phase, _: Option<u64>) {}
    fn advances(&self, _: u64) {}
}

/// Imports into a folder's store.
pub(crate) async fn import(folder: &Path, paths: &[&Path]) -> Result<Report, ImportError> {
    let store = open(folder).await;
    let sources = paths.iter().map(|path| source(path)).collect::<Result<_, _>>()?;
    let report = Import::new(Some(&store), app(), folder.join("aside"), &Silent).run(sources).await;
    store.close().await.unwrap();
    report
}

/// The rows that were set aside.
pub(crate) fn aside(report: &Report) -> Vec<Value> {
    let Some(path) = &report.aside else { return Vec::new() };
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn writer(folder: &Path) -> ArchiveWriter {
    let source =
        Source { kind: SourceKind::LeanCloud, url: "https://example.com".to_owned(), app: "app".to_owned() };
    let about = About {
        source,
        made_by: "a test".to_owned(),
        started_at: "2026-11-23T00:00:00.000Z".to_owned(),
        range: Default::default(),
        rooms: Rooms::ALL,
    };
    ArchiveWriter::create(folder, about).unwrap()
}

pub(crate) fn finish(writer: ArchiveWriter) {
    writer.finish(&json!(null), &json!({}), None, true).unwrap();
}

pub(crate) fn room(id: &str) -> RoomLine {
    RoomLine {
        id: id.to_owned(),
        name: Some(format!("房间 {id}")),
        creator: Some("anna".to_owned()),
        created_at: Some(THEN),
        updated_at: Some(THEN + 1),
        ..RoomLine::default()
    }
}

pub(crate) fn text(id: &str, room: &str, timestamp: i64) -> MessageLine {
    MessageLine::new((id, room, "bob"), timestamp, Body::Text(format!("text of {id}")))
}

pub(crate) fn restriction(room: &str, client: &str, until: Option<i64>) -> RestrictionLine {
    RestrictionLine { room: room.to_owned(), client: client.to_owned(), until }
}

pub(crate) fn role(room: &str, client: &str, role: &str, id: &str) -> RoleLine {
    let (room, client, role) = (room.to_owned(), client.to_owned(), role.to_owned());
    RoleLine { room, client, role, id: Some(id.to_owned()) }
}

/// An archive with some of everything: `rooms` rooms, each with `messages` messages, many of one time.
pub(crate) fn archive(folder: &Path, rooms: usize, messages: usize) -> PathBuf {
    let folder = folder.join("archive");
    let mut writer = writer(&folder);
    for number in 0..rooms {
        let id = format!("room{number}");
        writer.room(&RoomLine { attributes: object(json!({ "n": number })), ..room(&id) }).unwrap();
        for message in 0..messages {
            writer.message(&text(&format!("{id}-{message}"), &id, THEN + (message / 3) as i64)).unwrap();
        }
        writer.silence(&restriction(&id, "carl", None)).unwrap();
        writer.silence(&restriction(&id, "dora", Some(4_000_000_000_000))).unwrap();
        writer.block(&restriction(&id, "emil", None)).unwrap();
        writer.role(&role(&id, "fred", "Manager", &format!("{number:024x}"))).unwrap();
    }
    finish(writer);
    folder
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// A room with its messages and rules.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) room: Room,
    pub(crate) messages: Vec<StoredMessage>,
    pub(crate) rules: RoomRules,
    pub(crate) roles: Vec<(String, String)>,
}

/// All that the store of a folder holds of the app.
pub(crate) async fn everything(folder: &Path) -> BTreeMap<RoomId, Held> {
    let store = open(folder).await;
    let mut held = BTreeMap::new();
    let mut after = None;
    loop {
        let walked = store.walk_rooms(&app(), &Filter::EVERYTHING, after.as_ref(), 1000).await.unwrap();
        for id in walked.rooms {
            held.insert(id.clone(), of_room(&store, &id).await);
        }
        after = walked.next;
        if after.is_none() {
            break;
        }
    }
    store.close().await.unwrap();
    held
}

/// A program that another test starts has the folder's lock, too, until it has become that program.
async fn open(folder: &Path) -> SqliteStore {
    loop {
        match SqliteStore::open(folder) {
            Err(OpenError::Held { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            opened => return opened.unwrap(),
        }
    }
}

async fn of_room(store: &SqliteStore, id: &RoomId) -> Held {
    let mut messages: Vec<StoredMessage> = Vec::new();
    loop {
        let last = messages.last().map(|last| Edge {
            timestamp: Some(last.timestamp),
            message: Some(last.id.clone()),
            included: false,
        });
        let query =
            HistoryQuery { older: last, newer: None, direction: Direction::New, limit: 1000, lctype: None };
        let page = store.history(&app(), id, &query).await.unwrap();
        if page.is_empty() {
            break;
        }
        messages.extend(page);
    }
    let roles = store.roles(&app(), id, None, (0, 1000)).await.unwrap();
    let now = Millis(THEN);
    Held {
        room: store.room(&app(), id).await.unwrap().unwrap(),
        messages,
        rules: store.room_rules(&app(), id, now).await.unwrap().unwrap(),
        roles: roles.into_iter().map(|RoleRow { id, client, .. }| (id, client.to_string())).collect(),
    }
}
