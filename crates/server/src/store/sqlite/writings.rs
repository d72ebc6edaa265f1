//! What one client wrote, newest first, in steps of bounded length.

use grandstand_protocol::AppId;
use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::{history, wire_number};
use crate::store::{Place, Writing, Writings, WritingsQuery};

/// Messages that one step looks at: some ten milliseconds.
const EXAMINED: usize = 20_000;

pub(super) fn step(
    connection: &Connection,
    app: &AppId,
    query: &WritingsQuery,
) -> rusqlite::Result<Writings> {
    let after = query.after.unwrap_or(Place { timestamp: i64::MAX, room: i64::MAX, number: i64::MAX });
    // Places that the query does not reach are behind it, whatever a caller hands in.
    let newest = Place { timestamp: query.till.0, room: i64::MAX, number: i64::MAX };
    let after = if after.timestamp > newest.timestamp { newest } else { after };
    match &query.room {
        Some(room) => match history::room_row(connection, app, room)? {
            Some(row) => in_room(connection, row, query, after),
            None => Ok(Writings::default()),
        },
        None => match app_row(connection, app)? {
            Some(row) => in_app(connection, row, query, after),
            None => Ok(Writings::default()),
        },
    }
}

fn app_row(connection: &Connection, app: &AppId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT row FROM apps WHERE id = ?1")?
        .query_row([app.as_str()], |row| row.get(0))
        .optional()
}

/// Along the messages themselves.
fn in_room(
    connection: &Connection,
    room: i64,
    query: &WritingsQuery,
    after: Place,
) -> rusqlite::Result<Writings> {
    let mut statement = connection.prepare_cached(
        "SELECT timestamp, room, number, sender FROM messages
         WHERE room = ?1 AND timestamp >= ?2 AND (timestamp, number) < (?3, ?4)
         ORDER BY timestamp DESC, number DESC",
    )?;
    let rows = statement.query(params![room, query.from.0, after.timestamp, after.number])?;
    walk(connection, rows, query)
}

/// Along the index by time, which has the sender.
fn in_app(
    connection: &Connection,
    app: i64,
    query: &WritingsQuery,
    after: Place,
) -> rusqlite::Result<Writings> {
    let mut statement = connection.prepare_cached(
        "SELECT timestamp, room, number, sender FROM messages INDEXED BY messages_by_time
         WHERE app = ?1 AND timestamp >= ?2 AND (timestamp, room, number) < (?3, ?4, ?5)
         ORDER BY timestamp DESC, room DESC, number DESC",
    )?;
    let rows = statement.query(params![app, query.from.0, after.timestamp, after.room, after.number])?;
    walk(connection, rows, query)
}

fn walk(connection: &Connection, mut rows: Rows<'_>, query: &WritingsQuery) -> rusqlite::Result<Writings> {
    let mut found = Vec::new();
    let mut last = None;
    for _ in 0..EXAMINED {
        if found.len() >= query.limit {
            return Ok(Writings { found, next: last });
        }
        let Some(row) = rows.next()? else { return Ok(Writings { found, next: None }) };
        let place = place(row)?;
        last = Some(place);
        if row.get_ref(3)?.as_str()? == query.author.as_str() {
            found.extend(writing(connection, place)?);
        }
    }
    Ok(Writings { found, next: last })
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { timestamp: row.get(0)?, room: row.get(1)?, number: row.get(2)? })
}

/// `None` when it is recalled, or its room is gone.
fn writing(connection: &Connection, place: Place) -> rusqlite::Result<Option<Writing>> {
    connection
        .prepare_cached(
            "SELECT r.id, m.id, h.number FROM messages m
                 JOIN rooms r ON r.row = m.room JOIN heads h ON h.room = m.room
             WHERE m.room = ?1 AND m.timestamp = ?2 AND m.number = ?3 AND m.recalled = 0",
        )?
        .query_row([place.room, place.timestamp, place.number], |row| {
            let newest = wire_number(row.get(2)?);
            let newer = match u64::try_from(place.number) {
                Ok(number) => newest.saturating_sub(number),
                Err(_) => u64::MAX,
            };
            Ok(Writing {
                place,
                room: row.get::<_, String>(0)?.into(),
                message: row.get::<_, String>(1)?.into(),
                newer,
            })
        })
        .optional()
}
