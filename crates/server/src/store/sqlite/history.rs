//! Messages on their way out: pages, ranges, gaps, patches.

use grandstand_protocol::{AppId, Direction, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    history::{Edge, HistoryQuery},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    row::{message, message_columns},
    sql_number,
};
use crate::store::{Most, StoredMessage};

/// A place in the order of a room's messages: (timestamp, number).
type Place = (i64, i64);

const BEGINNING: Place = (i64::MIN, i64::MIN);
const END: Place = (i64::MAX, i64::MAX);

/// The row of a room.
pub(super) fn room_row(connection: &Connection, app: &AppId, room: &RoomId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT r.row FROM apps a JOIN rooms r ON r.app = a.row WHERE a.id = ?1 AND r.id = ?2",
        )?
        .query_row([app.as_str(), room.as_str()], |row| row.get(0))
        .optional()
}

/// A page of a room's history, ascending.
pub(super) fn page(
    connection: &Connection,
    room: i64,
    query: &HistoryQuery,
) -> rusqlite::Result<Vec<StoredMessage>> {
    let first = query.older.as_ref().map_or(Ok(Some(BEGINNING)), |edge| lowest(connection, room, edge))?;
    let last = query.newer.as_ref().map_or(Ok(Some(END)), |edge| highest(connection, room, edge))?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };

    let mut statement = connection.prepare_cached(page_sql(query))?;
    let bounds = params![room, first.0, first.1, last.0, last.1, query.limit, query.lctype];
    let mut messages: Vec<_> = statement.query_map(bounds, message)?.collect::<Result<_, _>>()?;
    if query.direction == Direction::Old {
        messages.reverse();
    }
    Ok(messages)
}

fn page_sql(query: &HistoryQuery) -> &'static str {
    macro_rules! sql {
        ($from:literal, $kind:literal, $order:literal) => {
            concat!(
                "SELECT ",
                message_columns!(),
                $from,
                " WHERE room = ?1 AND (timestamp, number) >= (?2, ?3) AND (timestamp, number) <= (?4, ?5) AND ",
                $kind,
                " ORDER BY timestamp ",
                $order,
                ", number ",
                $order,
                " LIMIT ?6"
            )
        };
    }
    // Left to itself, the planner walks the whole room to find a rare type.
    match (query.direction, query.lctype) {
        (Direction::Old, None) => sql!(" FROM messages", "?7 IS NULL", "DESC"),
        (Direction::New, None) => sql!(" FROM messages", "?7 IS NULL", "ASC"),
        (Direction::Old, Some(_)) => {
            sql!(" FROM messages INDEXED BY messages_by_type", "lctype = ?7", "DESC")
        }
        (Direction::New, Some(_)) => sql!(" FROM messages INDEXED BY messages_by_type", "lctype = ?7", "ASC"),
    }
}

/// The first place that an older edge lets in; `None` when it lets nothing in.
fn lowest(connection: &Connection, room: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    let shift = i64::from(!edge.included);
    if let Some((timestamp, number)) = known_place(connection, room, edge)? {
        return Ok(Some((timestamp, number + shift)));
    }
    let Some(Millis(timestamp)) = edge.timestamp else { return Ok(Some(BEGINNING)) };
    Ok(timestamp.checked_add(shift).map(|timestamp| (timestamp, i64::MIN)))
}

/// The last place that a newer edge lets in; `None` when it lets nothing in.
fn highest(connection: &Connection, room: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    let shift = i64::from(!edge.included);
    if let Some((timestamp, number)) = known_place(connection, room, edge)? {
        return Ok(Some((timestamp, number - shift)));
    }
    let Some(Millis(timestamp)) = edge.timestamp else { return Ok(Some(END)) };
    Ok(timestamp.checked_sub(shift).map(|timestamp| (timestamp, i64::MAX)))
}

fn known_place(connection: &Connection, room: i64, edge: &Edge) -> rusqlite::Result<Option<Place>> {
    edge.message.as_ref().map_or(Ok(None), |id| place(connection, room, id))
}

/// Where a message of the room stands. Read from the index by id alone.
fn place(connection: &Connection, room: i64, id: &MessageId) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached(
            "SELECT timestamp, number FROM messages
             WHERE app = (SELECT app FROM rooms WHERE row = ?1) AND id = ?2 AND room = ?1",
        )?
        .query_row(params![room, id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(super) fn by_id(
    connection: &Connection,
    room: i64,
    id: &MessageId,
) -> rusqlite::Result<Option<StoredMessage>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages WHERE app = (SELECT app FROM rooms WHERE row = ?1) AND id = ?2 AND room = ?1"
        ))?
        .query_row(params![room, id.as_str()], message)
        .optional()
}

/// Live messages with numbers in `first..=last`.
pub(super) fn range(
    connection: &Connection,
    room: i64,
    first: u64,
    last: u64,
) -> rusqlite::Result<Vec<StoredMessage>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages WHERE room = ?1 AND number > 0 AND number BETWEEN ?2 AND ?3 ORDER BY number"
        ))?
        .query_map(params![room, sql_number(first), sql_number(last)], message)?
        .collect()
}

/// The newest HIGH messages of a gap. No more of them are read than are given back.
pub(super) fn gap(
    connection: &Connection,
    room: i64,
    after: u64,
    last: u64,
    most: Most,
) -> rusqlite::Result<Vec<StoredMessage>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages INDEXED BY messages_high
             WHERE room = ?1 AND level = 1 AND number > 0 AND number > ?2 AND number <= ?3 AND recalled = 0
             ORDER BY number DESC LIMIT ?4"
    ))?;
    let limit = i64::try_from(most.messages).unwrap_or(i64::MAX);
    let newest = statement.query_map(params![room, sql_number(after), sql_number(last), limit], message)?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for message in newest {
        let message = message?;
        bytes += message.size();
        found.push(message);
        if bytes >= most.bytes {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// The newest `limit` patches later than `after`, oldest first.
pub(super) fn patches(
    connection: &Connection,
    room: i64,
    after: Millis,
    limit: u32,
) -> rusqlite::Result<Vec<StoredMessage>> {
    let mut patches: Vec<_> = connection
        .prepare_cached(concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages WHERE room = ?1 AND patched_at IS NOT NULL AND patched_at > ?2
             ORDER BY patched_at DESC, timestamp DESC, number DESC LIMIT ?3"
        ))?
        .query_map(params![room, after.0, limit], message)?
        .collect::<Result<_, _>>()?;
    patches.reverse();
    Ok(patches)
}
