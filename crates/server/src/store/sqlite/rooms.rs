//! Rooms: made, read, changed, removed, imported.

use grandstand_protocol::{AppId, RoomId};
use grandstand_room::{
    attributes::{Applied, AttributeUpdate, UpdateError},
    clock::Millis,
    room::Room,
};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, types::ToSqlOutput, types::ValueRef};
use serde_json::{Map, Value};

use super::{
    ledger::{Ledger, RoomKey},
    row::{json, time},
};

/// The columns of a room, in the order that [`room`] reads, from `rooms r JOIN heads h`.
macro_rules! room_columns {
    () => {
        "r.id, r.creator, r.created_at, r.updated_at, h.last_message_at, r.data"
    };
}
pub(super) use room_columns;

pub(super) fn room(row: &Row<'_>) -> rusqlite::Result<Room> {
    Ok(Room {
        id: row.get::<_, String>(0)?.into(),
        creator: row.get(1)?,
        created_at: Millis(row.get(2)?),
        updated_at: Millis(row.get(3)?),
        last_message_at: time(row, 4)?,
        data: json(5, row.get_ref(5)?.as_str()?)?,
    })
}

pub(super) fn by_id(connection: &Connection, app: &AppId, id: &RoomId) -> rusqlite::Result<Option<Room>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM apps a JOIN rooms r ON r.app = a.row JOIN heads h ON h.room = r.row
             WHERE a.id = ?1 AND r.id = ?2"
        ))?
        .query_row([app.as_str(), id.as_str()], room)
        .optional()
}

/// Makes a room; `false` when one of that id is there.
pub(super) fn create(
    ledger: &mut Ledger,
    app: &AppId,
    room: &Room,
    imported_at: Option<Millis>,
) -> rusqlite::Result<bool> {
    if ledger.key(app, &room.id)?.is_some() {
        return Ok(false);
    }
    let app = ledger.make_app(app)?;
    let connection = &ledger.connection;
    connection
        .prepare_cached(
            "INSERT INTO rooms (app, id, creator, created_at, updated_at, imported_at, name, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            app,
            room.id.as_str(),
            room.creator,
            room.created_at.0,
            room.updated_at.0,
            imported_at.map(|at| at.0),
            NameColumn::of(&room.data),
            data_column(&room.data),
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO heads (room, app, number, timestamp, last_message_at, patched_at, imported)
             VALUES (?1, ?2, 0, 0, ?3, 0, 0)",
        )?
        .execute(params![connection.last_insert_rowid(), app, room.last_message_at.map(|at| at.0)])?;
    Ok(true)
}

/// Applies an update. `None`: there is no such room.
pub(super) fn update(
    ledger: &mut Ledger,
    (app, id): (&AppId, &RoomId),
    update: &AttributeUpdate,
    limit: usize,
    now: Millis,
) -> rusqlite::Result<Option<Result<(Room, Applied), UpdateError>>> {
    let Some(key) = ledger.key(app, id)? else { return Ok(None) };
    let Some(mut room) = by_id(&ledger.connection, app, id)? else { return Ok(None) };
    let applied = match update.apply(&room.data, limit) {
        Ok(applied) => applied,
        Err(refusal) => return Ok(Some(Err(refusal))),
    };
    let head = ledger.remember(&key);
    room.data.clone_from(&applied.data);
    room.updated_at = room.updated_at.max(now);
    // Messages earlier in this group are not in the table yet.
    room.last_message_at = head.last_message_at;
    head.updated_at = room.updated_at;
    let row = head.row;
    ledger
        .connection
        .prepare_cached("UPDATE rooms SET updated_at = ?2, name = ?3, data = ?4 WHERE row = ?1")?
        .execute(params![row, room.updated_at.0, NameColumn::of(&room.data), data_column(&room.data)])?;
    Ok(Some(Ok((room, applied))))
}

/// Removes a room. Its messages cannot be found from then on; the sweep takes them in slices, because there may be
/// millions. Sessions name it by its row, which is never used again: they are in no room.
pub(super) fn delete(ledger: &mut Ledger, app: &AppId, room: &RoomId) -> rusqlite::Result<bool> {
    let Some(key) = ledger.key(app, room)? else { return Ok(false) };
    delete_row(ledger, &key)?;
    Ok(true)
}

pub(super) fn delete_row(ledger: &mut Ledger, key: &RoomKey) -> rusqlite::Result<()> {
    let row = ledger.head(key).row;
    ledger.forget(key);
    let connection = &ledger.connection;
    connection.prepare_cached("DELETE FROM rooms WHERE row = ?1")?.execute([row])?;
    connection.prepare_cached("DELETE FROM heads WHERE room = ?1")?.execute([row])?;
    connection.prepare_cached("INSERT INTO doomed (room) VALUES (?1)")?.execute([row])?;
    Ok(())
}

fn data_column(data: &Map<String, Value>) -> String {
    serde_json::to_string(data).expect("a JSON map has text keys")
}

/// `name` as the index has it: text as it is, anything else but absence as an empty blob, which equals no text.
enum NameColumn<'a> {
    Text(&'a str),
    Other,
    Absent,
}

impl<'a> NameColumn<'a> {
    fn of(data: &'a Map<String, Value>) -> Self {
        match data.get("name") {
            Some(Value::String(name)) => Self::Text(name),
            Some(_) => Self::Other,
            None => Self::Absent,
        }
    }
}

impl ToSql for NameColumn<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(name) => ValueRef::Text(name.as_bytes()),
            Self::Other => ValueRef::Blob(&[]),
            Self::Absent => ValueRef::Null,
        }))
    }
}
