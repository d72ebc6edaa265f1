//! Cleaning in slices so small that no writer waits for one.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::clock::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    audit, evidence,
    ledger::{Ledger, set_oldest},
    messages::DEDUPE,
    moderation::lists,
    rooms, sessions,
};
use crate::store::{Retention, Swept};

/// Messages removed in one slice: a few milliseconds of the writer's time.
const MESSAGES: usize = 500;

/// Small rows of each other kind removed in one slice.
const ROWS: i64 = 500;

/// Rooms removed in one slice.
const ROOMS: i64 = 20;

/// One slice of everything.
pub(super) fn sweep(ledger: &mut Ledger, retention: &Retention, now: Millis) -> rusqlite::Result<Swept> {
    let mut swept = Swept::default();
    let expired = now.plus(-retention.messages);
    let mut left = MESSAGES;
    for slice in [doomed_messages, imported_messages, live_messages] {
        let removed = slice(ledger, expired, left)?;
        swept.messages += removed as u64;
        left -= removed;
    }
    (swept.sessions, swept.left) = dropped_sessions(&ledger.connection, now.plus(-retention.sessions))?;
    let marks = marks(&ledger.connection, now.plus(-DEDUPE))?;
    let revocations = revocations(&ledger.connection, now)?;
    let ended = lists::forget_ended(&ledger.connection, now, ROWS)?;
    let acts = now.plus(-retention.audit);
    let acts = audit::forget(&ledger.connection, acts, i64::from(retention.audit_entries), ROWS)?;
    let kept = |milliseconds: i64| now.plus(milliseconds.saturating_neg());
    let originals = kept(retention.evidence.originals);
    let originals = evidence::forget_originals(&ledger.connection, originals, ROWS)?;
    // Messages that are past their time go with their addresses: first those.
    let addresses = match left {
        0 => 0,
        _ => evidence::forget_addresses(&ledger.connection, kept(retention.evidence.addresses), ROWS)?,
    };
    swept.more = left == 0
        || [swept.sessions as i64, marks, revocations, ended, acts, originals, addresses].contains(&ROWS);
    // Last, because it has to look at every room that did not change for long.
    if !swept.more {
        swept.rooms = idle_rooms(ledger, now.plus(-retention.rooms))?;
        // The messages of a room that went now are left for the next slice.
        swept.more = !swept.rooms.is_empty();
    }
    Ok(swept)
}

/// Messages of rooms that are gone.
fn doomed_messages(ledger: &mut Ledger, _: Millis, limit: usize) -> rusqlite::Result<usize> {
    let connection = &ledger.connection;
    let mut removed = 0;
    while removed < limit
        && let Some(room) = first(connection, "SELECT room FROM doomed LIMIT 1", [])?
    {
        let slice = connection
            .prepare_cached(
                "DELETE FROM messages WHERE (room, timestamp, number) IN
                     (SELECT room, timestamp, number FROM messages WHERE room = ?1 LIMIT ?2)",
            )?
            .execute(params![room, (limit - removed) as i64])?;
        removed += slice;
        if removed < limit {
            connection.prepare_cached("DELETE FROM doomed WHERE room = ?1")?.execute([room])?;
        }
    }
    Ok(removed)
}

/// Imported messages, by the time of their import. A time in the future counts when it has come.
fn imported_messages(ledger: &mut Ledger, expired: Millis, limit: usize) -> rusqlite::Result<usize> {
    ledger
        .connection
        .prepare_cached(
            "DELETE FROM messages WHERE (room, timestamp, number) IN
                 (SELECT room, timestamp, number FROM messages
                  WHERE imported_at IS NOT NULL AND imported_at < ?1 AND timestamp < ?1 LIMIT ?2)",
        )?
        .execute(params![expired.0, limit as i64])
}

/// Live messages of one room after the other, the room with the oldest message first.
fn live_messages(ledger: &mut Ledger, expired: Millis, limit: usize) -> rusqlite::Result<usize> {
    let mut removed = 0;
    while removed < limit
        && let Some((app, room)) = room_of_oldest(&ledger.connection, expired)?
    {
        let Some(key) = ledger.key(&app, &room)? else { break };
        let row = ledger.head(&key).row;
        removed += ledger
            .connection
            .prepare_cached(
                "DELETE FROM messages WHERE (room, timestamp, number) IN
                     (SELECT room, timestamp, number FROM messages INDEXED BY messages_by_number
                      WHERE room = ?1 AND number > 0 AND timestamp < ?2 ORDER BY number LIMIT ?3)",
            )?
            .execute(params![row, expired.0, (limit - removed) as i64])?;
        let oldest = first(
            &ledger.connection,
            "SELECT timestamp FROM messages WHERE room = ?1 AND number > 0 ORDER BY number LIMIT 1",
            [row],
        )?;
        let oldest = oldest.map(Millis);
        ledger.change(&key).oldest_at = oldest;
        // At once, because the next look at `heads` in this slice has to see it.
        set_oldest(&ledger.connection, row, oldest)?;
    }
    Ok(removed)
}

fn room_of_oldest(connection: &Connection, expired: Millis) -> rusqlite::Result<Option<(AppId, RoomId)>> {
    connection
        .prepare_cached(
            "SELECT a.id, r.id FROM heads h JOIN rooms r ON r.row = h.room JOIN apps a ON a.row = r.app
             WHERE h.oldest_at IS NOT NULL AND h.oldest_at < ?1 ORDER BY h.oldest_at LIMIT 1",
        )?
        .query_row([expired.0], |row| Ok((row.get::<_, String>(0)?.into(), row.get::<_, String>(1)?.into())))
        .optional()
}

/// Rooms without a message, a change or an import since `expired`.
fn idle_rooms(ledger: &mut Ledger, expired: Millis) -> rusqlite::Result<Vec<(AppId, RoomId)>> {
    // App by app along the index by `updated_at`: `CROSS JOIN` keeps this order.
    let found: Vec<(AppId, RoomId)> = ledger
        .connection
        .prepare_cached(
            "SELECT a.id, r.id FROM apps a CROSS JOIN rooms r INDEXED BY rooms_by_update ON r.app = a.row
             JOIN heads h ON h.room = r.row
             WHERE r.updated_at < ?1 AND r.created_at < ?1 AND coalesce(r.imported_at, 0) < ?1
               AND coalesce(h.last_message_at, 0) < ?1 LIMIT ?2",
        )?
        .query_map(params![expired.0, ROOMS], |row| {
            Ok((row.get::<_, String>(0)?.into(), row.get::<_, String>(1)?.into()))
        })?
        .collect::<Result<_, _>>()?;
    let mut removed = Vec::new();
    for (app, room) in found {
        let Some(key) = ledger.key(&app, &room)? else { continue };
        // A message of this group is not in the table yet.
        if ledger.head(&key).last_message_at < Some(expired) {
            rooms::delete_row(ledger, &key)?;
            removed.push((app, room));
        }
    }
    Ok(removed)
}

/// How many, and whose stay in a room ended so. A record whose room another login was given ends no stay.
#[expect(clippy::type_complexity, reason = "both go into one struct at once")]
fn dropped_sessions(
    connection: &Connection,
    expired: Millis,
) -> rusqlite::Result<(u64, Vec<(AppId, RoomId, ClientId)>)> {
    let mut statement = connection.prepare_cached(
        "SELECT s.session, s.app, a.id, r.id, s.client FROM sessions s JOIN apps a ON a.row = s.app
         LEFT JOIN rooms r ON r.row = s.room AND s.taken = 0
         WHERE s.dropped_at IS NOT NULL AND s.dropped_at < ?1 LIMIT ?2",
    )?;
    let mut rows = statement.query(params![expired.0, ROWS])?;
    let (mut found, mut left) = (Vec::<(Vec<u8>, i64)>::new(), Vec::new());
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?));
        if let Some(room) = row.get::<_, Option<String>>(3)? {
            left.push((row.get::<_, String>(2)?.into(), room.into(), sessions::client(row, 4)?));
        }
    }
    for (session, app) in &found {
        sessions::forget(connection, *app, session)?;
    }
    Ok((found.len() as u64, left))
}

/// Rows follow time, so the first that is fresh ends the slice.
fn marks(connection: &Connection, expired: Millis) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "DELETE FROM dedupe WHERE row IN (SELECT row FROM dedupe ORDER BY row LIMIT ?2) AND stored_at <= ?1",
        )?
        .execute(params![expired.0, ROWS])
        .map(|removed| removed as i64)
}

fn revocations(connection: &Connection, now: Millis) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "DELETE FROM revocations WHERE row IN (SELECT row FROM revocations WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.0, ROWS])
        .map(|removed| removed as i64)
}

fn first(connection: &Connection, sql: &str, bounds: impl rusqlite::Params) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(sql)?.query_row(bounds, |row| row.get(0)).optional()
}
