//! Who is silenced and who is blocked in a room; which rooms a client refuses.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{clock::Millis, moderation::List};
use rusqlite::{Connection, Row, params};

use super::{Changed, Unchanged};
use crate::store::{
    Listed,
    sqlite::{ledger::Ledger, row::time, sessions},
};

/// Rooms that one client refuses at most.
const REFUSALS: i64 = 1000;

fn column(list: List) -> i64 {
    match list {
        List::Silenced => 1,
        List::SilencedForATime => 2,
        List::Blocked => 3,
    }
}

pub(super) fn from_column(column: i64) -> Option<List> {
    [List::Silenced, List::SilencedForATime, List::Blocked]
        .into_iter()
        .find(|list| self::column(*list) == column)
}

/// Puts clients on a list. Returns those who were in the room and may not be there.
pub(super) fn put(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    list: List,
    clients: &[ClientId],
    until: Option<Millis>,
    now: Millis,
) -> rusqlite::Result<Changed<Vec<ClientId>>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let row = ledger.head(&key).row;
    let connection = &ledger.connection;
    if !has_place(connection, row, list, clients, now)? {
        return Ok(Err(Unchanged::Full));
    }
    let mut expelled = Vec::new();
    for client in clients {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO restrictions (room, list, client, until) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![row, column(list), client.as_str(), until.map(|until| until.0)])?;
        discard_wills(connection, key.0, room, client)?;
        if list == List::Blocked && take_out(connection, key.0, row, client)? {
            expelled.push(client.clone());
        }
    }
    Ok(Ok(expelled))
}

/// Whether a client may not speak in a room, by any list. They are named, so that its key serves.
pub(in crate::store::sqlite) fn restrict(
    connection: &Connection,
    room: i64,
    client: &ClientId,
    now: Millis,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM restrictions WHERE room = ?1 AND list IN (1, 2, 3) AND client = ?2
             AND (until IS NULL OR until > ?3)",
        )?
        .exists(params![room, client.as_str(), now.0])
}

/// Whether the list would not get too long.
fn has_place(
    connection: &Connection,
    room: i64,
    list: List,
    clients: &[ClientId],
    now: Millis,
) -> rusqlite::Result<bool> {
    let mut newcomers = 0;
    for client in clients {
        let is_there = connection
            .prepare_cached(
                "SELECT 1 FROM restrictions WHERE room = ?1 AND list = ?2 AND client = ?3
                 AND (until IS NULL OR until > ?4)",
            )?
            .exists(params![room, column(list), client.as_str(), now.0])?;
        newcomers += i64::from(!is_there);
    }
    let there: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM restrictions WHERE room = ?1 AND list = ?2 AND (until IS NULL OR until > ?3)",
        )?
        .query_row(params![room, column(list), now.0], |row| row.get(0))?;
    Ok(newcomers == 0 || there + newcomers <= i64::from(list.limit()))
}

fn discard_wills(
    connection: &Connection,
    app: i64,
    room: &RoomId,
    client: &ClientId,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM wills WHERE app = ?1 AND sender = ?2 AND room = ?3")?
        .execute(params![app, client.as_str(), room.as_str()])
        .map(drop)
}

/// Takes clients out of a room, without a list that keeps them out. Returns who was there.
pub(super) fn expel(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    clients: &[ClientId],
) -> rusqlite::Result<Changed<Vec<ClientId>>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let (row, connection) = (ledger.head(&key).row, &ledger.connection);
    let mut expelled = Vec::new();
    for client in clients {
        discard_wills(connection, key.0, room, client)?;
        if take_out(connection, key.0, row, client)? {
            expelled.push(client.clone());
        }
    }
    Ok(Ok(expelled))
}

/// Takes a client's sessions out of a room; those that dropped are not to return to it.
fn take_out(connection: &Connection, app: i64, room: i64, client: &ClientId) -> rusqlite::Result<bool> {
    let there: Vec<Vec<u8>> = connection
        .prepare_cached("SELECT session FROM sessions WHERE app = ?1 AND client = ?2 AND room = ?3")?
        .query_map(params![app, client.as_str(), room], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let was_there = !there.is_empty();
    for session in there {
        connection
            .prepare_cached("UPDATE sessions SET room = NULL WHERE app = ?1 AND session = ?2")?
            .execute(params![app, session])?;
        sessions::forget_idle(connection, app, &session)?;
    }
    Ok(was_there)
}

/// Takes clients off lists.
pub(super) fn take_off(
    ledger: &mut Ledger,
    (app, room): (&AppId, &RoomId),
    lists: &[List],
    clients: &[ClientId],
) -> rusqlite::Result<Changed<()>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unchanged::NoRoom)) };
    let row = ledger.head(&key).row;
    for list in lists {
        for client in clients {
            ledger
                .connection
                .prepare_cached("DELETE FROM restrictions WHERE room = ?1 AND list = ?2 AND client = ?3")?
                .execute(params![row, column(*list), client.as_str()])?;
        }
    }
    Ok(Ok(()))
}

/// A page of who is on one of the lists. Somebody who is there for good and for a time is there for good.
pub(super) fn page(
    connection: &Connection,
    room: i64,
    lists: &[List],
    (skip, limit): (u32, u32),
    now: Millis,
) -> rusqlite::Result<Vec<Listed>> {
    let mut named = lists.iter().map(|list| column(*list));
    let (first, second) = (named.next(), named.next());
    connection
        .prepare_cached(
            "SELECT client, CASE WHEN count(until) = count(*) THEN max(until) END FROM restrictions
             WHERE room = ?1 AND list IN (?2, ?3) AND (until IS NULL OR until > ?4)
             GROUP BY client ORDER BY client LIMIT ?5 OFFSET ?6",
        )?
        .query_map(params![room, first, second, now.0, limit, skip], listed)?
        .collect()
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed { client: sessions::client(row, 0)?, until: time(row, 1)? })
}

/// Removes some of what is over; returns how much.
pub(in crate::store::sqlite) fn forget_ended(
    connection: &Connection,
    now: Millis,
    limit: i64,
) -> rusqlite::Result<i64> {
    let lists = connection
        .prepare_cached(
            "DELETE FROM restrictions WHERE (room, list, client) IN
                 (SELECT room, list, client FROM restrictions WHERE until IS NOT NULL AND until <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.0, limit])?;
    let bans = connection
        .prepare_cached(
            "DELETE FROM bans WHERE (app, kind, subject) IN
                 (SELECT app, kind, subject FROM bans WHERE until IS NOT NULL AND until <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.0, limit])?;
    Ok(lists.max(bans) as i64)
}

/// Notes that a client refuses a room, or does not any more.
pub(super) fn refuse(
    ledger: &mut Ledger,
    (app, client): (&AppId, &ClientId),
    room: &RoomId,
    refuses: bool,
) -> rusqlite::Result<Changed<()>> {
    let app = ledger.make_app(app)?;
    let connection = &ledger.connection;
    let bounds = params![app, client.as_str(), room.as_str()];
    if !refuses {
        connection
            .prepare_cached("DELETE FROM refusals WHERE app = ?1 AND client = ?2 AND room = ?3")?
            .execute(bounds)?;
        return Ok(Ok(()));
    }
    let others: i64 = connection
        .prepare_cached("SELECT count(*) FROM refusals WHERE app = ?1 AND client = ?2 AND room <> ?3")?
        .query_row(bounds, |row| row.get(0))?;
    if others >= REFUSALS {
        return Ok(Err(Unchanged::Full));
    }
    connection
        .prepare_cached("INSERT OR IGNORE INTO refusals (app, client, room) VALUES (?1, ?2, ?3)")?
        .execute(bounds)?;
    Ok(Ok(()))
}

pub(super) fn refused(
    connection: &Connection,
    app: &AppId,
    client: &ClientId,
    (skip, limit): (u32, u32),
) -> rusqlite::Result<Vec<RoomId>> {
    connection
        .prepare_cached(
            "SELECT r.room FROM apps a JOIN refusals r ON r.app = a.row
             WHERE a.id = ?1 AND r.client = ?2 ORDER BY r.room LIMIT ?3 OFFSET ?4",
        )?
        .query_map(params![app.as_str(), client.as_str(), limit, skip], |row| {
            row.get::<_, String>(0).map(RoomId::from)
        })?
        .collect()
}
