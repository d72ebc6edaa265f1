//! History over all rooms of an app: everything, or what one sender wrote.

use grandstand_protocol::{AppId, ClientId, Direction, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row::{message, message_columns};
use crate::store::StoredMessage;

/// A place in the order of an app's messages: (timestamp, row of the room, number).
type Place = (i64, i64, i64);

const BEGINNING: Place = (i64::MIN, i64::MIN, i64::MIN);
const END: Place = (i64::MAX, i64::MAX, i64::MAX);

/// A page, ascending.
pub(super) fn page(
    connection: &Connection,
    app: &AppId,
    sender: Option<&ClientId>,
    query: &HistoryQuery,
) -> rusqlite::Result<Vec<(RoomId, StoredMessage)>> {
    let app: Option<i64> = connection
        .prepare_cached("SELECT row FROM apps WHERE id = ?1")?
        .query_row([app.as_str()], |row| row.get(0))
        .optional()?;
    let Some(app) = app else { return Ok(Vec::new()) };
    let first = query.older.as_ref().map_or(Ok(Some(BEGINNING)), |edge| lowest(connection, app, edge))?;
    let last = query.newer.as_ref().map_or(Ok(Some(END)), |edge| highest(connection, app, edge))?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };

    let mut statement = connection.prepare_cached(sql(query.direction))?;
    let bounds = params![
        app,
        first.0,
        first.1,
        first.2,
        last.0,
        last.1,
        last.2,
        query.limit,
        query.lctype,
        sender.map(ClientId::as_str)
    ];
    let mut found: Vec<_> = statement.query_map(bounds, of_room)?.collect::<Result<_, _>>()?;
    if query.direction == Direction::Old {
        found.reverse();
    }
    Ok(found)
}

/// Along the index by time, which has the sender; a removed room's messages have no room any more.
const fn sql(direction: Direction) -> &'static str {
    macro_rules! sql {
        ($order:literal) => {
            concat!(
                "SELECT ",
                message_columns!(),
                ", (SELECT id FROM rooms WHERE row = room) AS room_id
                 FROM messages INDEXED BY messages_by_time
                 WHERE app = ?1 AND (?10 IS NULL OR sender = ?10)
                   AND (timestamp, room, number) >= (?2, ?3, ?4) AND (timestamp, room, number) <= (?5, ?6, ?7)
                   AND (?9 IS NULL OR lctype = ?9) AND EXISTS (SELECT 1 FROM rooms WHERE row = room)
                 ORDER BY timestamp ",
                $order,
                ", room ",
                $order,
                ", number ",
                $order,
                " LIMIT ?8"
            )
        };
    }
    match direction {
        Direction::Old => sql!("DESC"),
        Direction::New => sql!("ASC"),
    }
}

fn of_room(row: &Row<'_>) -> rusqlite::Result<(RoomId, StoredMessage)> {
    Ok((row.get::<_, String>("room_id")?.into(), message(row)?))
}

/// The first place that an older edge lets in; `None` when it lets nothing in.
fn lowest(connection: &Connection, app: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    let shift = i64::from(!edge.included);
    if let Some((timestamp, room, number)) = known_place(connection, app, edge)? {
        return Ok(Some((timestamp, room, number + shift)));
    }
    let Some(Millis(timestamp)) = edge.timestamp else { return Ok(Some(BEGINNING)) };
    Ok(timestamp.checked_add(shift).map(|timestamp| (timestamp, i64::MIN, i64::MIN)))
}

/// The last place that a newer edge lets in; `None` when it lets nothing in.
fn highest(connection: &Connection, app: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    let shift = i64::from(!edge.included);
    if let Some((timestamp, room, number)) = known_place(connection, app, edge)? {
        return Ok(Some((timestamp, room, number - shift)));
    }
    let Some(Millis(timestamp)) = edge.timestamp else { return Ok(Some(END)) };
    Ok(timestamp.checked_sub(shift).map(|timestamp| (timestamp, i64::MAX, i64::MAX)))
}

fn known_place(connection: &Connection, app: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    edge.message.as_ref().map_or(Ok(None), |id| place(connection, app, id))
}

fn place(connection: &Connection, app: i64, id: &MessageId) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached("SELECT timestamp, room, number FROM messages WHERE app = ?1 AND id = ?2")?
        .query_row(params![app, id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}
