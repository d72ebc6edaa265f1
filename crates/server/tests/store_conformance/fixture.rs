//! Values that the tests share.

use std::sync::Arc;

use grandstand::store::{
    Appended, Claim, Claimed, Dropped, NewMessage, NodeId, SessionRecord, Stamp, Store, StoredMessage, Will,
};
use grandstand_protocol::{AppId, Body, ClientId, Direction, Level, Mentions, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    history::HistoryQuery,
    room::Room,
    session::{Device, Identity, SessionId},
    switches::OneRoomPer,
};
use serde_json::{Map, Value};

/// A day like any other.
pub(crate) const NOW: Millis = Millis(1_790_000_000_000);
pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) fn app() -> AppId {
    AppId::from("app")
}

pub(crate) fn room_id(name: &str) -> RoomId {
    RoomId::from(name)
}

pub(crate) fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

pub(crate) fn node() -> NodeId {
    NodeId("node-1".to_owned())
}

pub(crate) fn room(name: &str) -> Room {
    Room {
        id: room_id(name),
        creator: "creator".to_owned(),
        data: Map::new(),
        created_at: NOW,
        updated_at: NOW,
        last_message_at: None,
    }
}

pub(crate) fn object(json: &Value) -> Map<String, Value> {
    json.as_object().unwrap().clone()
}

/// A plain text by "sender", without a mark.
pub(crate) fn message(room: &str, id: &str) -> NewMessage {
    NewMessage {
        app: app(),
        room: room_id(room),
        id: MessageId::from(id),
        from: client("sender"),
        session: Some(SessionId(77)),
        level: Level::Normal,
        body: Body::Text(format!("text of {id}")),
        mentions: Mentions::default(),
        lctype: None,
        dedupe: None,
        address: None,
        original: None,
        audience: None,
    }
}

pub(crate) fn high(room: &str, id: &str) -> NewMessage {
    NewMessage { level: Level::High, ..message(room, id) }
}

pub(crate) fn imported(id: &str, timestamp: Millis) -> StoredMessage {
    StoredMessage {
        number: 0,
        id: MessageId::from(id),
        timestamp,
        from: "someone else".to_owned(),
        session: None,
        level: Level::Normal,
        body: Body::Text(format!("text of {id}")),
        mentions: Mentions::default(),
        lctype: None,
        patched_at: None,
        recalled: false,
        address: None,
        audience: None,
    }
}

pub(crate) async fn make_rooms(store: &Arc<dyn Store>, names: &[&str]) {
    for name in names {
        store.create_room(&app(), room(name)).await.unwrap();
    }
}

/// Appends a message that is no retry.
pub(crate) async fn append(store: &Arc<dyn Store>, message: NewMessage, now: Millis) -> Stamp {
    match store.append(message, now).await.unwrap() {
        Appended::Stored(stamp) => stamp,
        Appended::Duplicate { id, .. } => panic!("{id} was there"),
    }
}

/// Asks for everything, ascending.
pub(crate) fn all() -> HistoryQuery {
    HistoryQuery { older: None, newer: None, direction: Direction::New, limit: u32::MAX, lctype: None }
}

/// All of a room, ascending.
pub(crate) async fn everything(store: &Arc<dyn Store>, app: &AppId, room: &str) -> Vec<StoredMessage> {
    store.history(app, &room_id(room), &all()).await.unwrap()
}

pub(crate) fn ids_of_app(messages: &[(RoomId, StoredMessage)]) -> Vec<&str> {
    messages.iter().map(|(_, message)| message.id.as_str()).collect()
}

pub(crate) fn ids(messages: &[StoredMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

pub(crate) fn identity(name: &str, session: u128) -> Identity {
    Identity {
        session: SessionId(session),
        client: client(name),
        tag: Some("phone".to_owned()),
        device: Device { id: Some("device".to_owned()), token: None },
    }
}

pub(crate) fn claim(name: &str, session: u128, room: &str) -> Claim {
    Claim { app: app(), identity: identity(name, session), room: room_id(room), node: node() }
}

/// Puts a session into a room, the whole client in one room.
pub(crate) async fn enter(store: &Arc<dyn Store>, name: &str, session: u128, room: &str) -> Claimed {
    store.claim(claim(name, session, room), OneRoomPer::Client, NOW).await.unwrap()
}

/// The remembered sessions of a client, by session.
pub(crate) async fn records(store: &Arc<dyn Store>, name: &str) -> Vec<SessionRecord> {
    let mut records = store.sessions(&app(), &client(name)).await.unwrap();
    records.sort_by_key(|record| record.identity.session);
    records
}

/// Which session of a client is in which room.
pub(crate) async fn places(store: &Arc<dyn Store>, name: &str) -> Vec<(u128, Option<String>)> {
    let place =
        |record: SessionRecord| (record.identity.session.0, record.room.map(|room| room.as_str().to_owned()));
    records(store, name).await.into_iter().map(place).collect()
}

/// A session that dropped, nobody knows where.
pub(crate) fn dropped(session: u128, by: Millis) -> Dropped {
    Dropped { session: SessionId(session), by, address: None }
}

pub(crate) fn will(name: &str, session: u128, message: NewMessage) -> Will {
    let message = NewMessage { from: client(name), session: Some(SessionId(session)), ..message };
    Will { identity: identity(name, session), node: node(), message, transient: false }
}
