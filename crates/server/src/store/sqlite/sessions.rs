//! Who is in which room, who dropped, and who returns.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    session::{Device, Identity, SessionId},
    switches::OneRoomPer,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{
    ledger::{Head, Ledger, RoomKey},
    row::time,
    sql_number, wire_number,
};
use crate::store::{Claim, Claimed, LiveSession, NodeId, Recovered, Resumed, SessionRecord};

/// What a session has surely received of its room, by its record and by what was noted since.
macro_rules! confirmed {
    () => {
        "max(gap_after, coalesce((SELECT number FROM positions p
             WHERE p.session = sessions.session AND p.app = sessions.app AND p.epoch = sessions.epoch), 0))"
    };
}

/// The id as its column.
pub(super) fn blob(session: SessionId) -> [u8; 16] {
    session.0.to_be_bytes()
}

/// Puts a session into a room. `None`: there is no such room.
pub(super) fn claim(
    ledger: &mut Ledger,
    claim: &Claim,
    scope: OneRoomPer,
    now: Millis,
) -> rusqlite::Result<Option<Claimed>> {
    let Some(key) = ledger.key(&claim.app, &claim.room)? else { return Ok(None) };
    let epoch = ledger.next_epoch()?;
    let Head { row, number: head, updated_at, .. } = *ledger.head(&key);
    let former = take_out(&ledger.connection, row, key.0, &claim.identity, scope)?;
    let gap = gap_of_stay(&ledger.connection, key.0, claim.identity.session, row)?.unwrap_or(head);
    put(&ledger.connection, claim, &Place { key: &key, row, epoch, gap }, now)?;
    Ok(Some(Claimed { epoch, head, former, updated_at }))
}

/// Where the gap of a session begins that is in the room already.
fn gap_of_stay(
    connection: &Connection,
    app: i64,
    session: SessionId,
    room: i64,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            confirmed!(),
            " FROM sessions WHERE session = ?1 AND app = ?2 AND room = ?3 AND dropped_at IS NULL"
        ))?
        .query_row(params![blob(session), app, room], |row| row.get(0).map(wire_number))
        .optional()
}

/// Takes the client's sessions, or this one alone, out of every room but `room`; returns those rooms.
fn take_out(
    connection: &Connection,
    room: i64,
    app: i64,
    identity: &Identity,
    scope: OneRoomPer,
) -> rusqlite::Result<Vec<RoomId>> {
    let others: Vec<(Vec<u8>, Option<String>)> = connection
        .prepare_cached(
            "SELECT s.session, r.id FROM sessions s LEFT JOIN rooms r ON r.row = s.room
             WHERE s.app = ?1 AND s.client = ?2 AND s.room IS NOT NULL AND s.room <> ?3",
        )?
        .query_map(params![app, identity.client.as_str(), room], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let own = blob(identity.session);
    let mut former: Vec<RoomId> = Vec::new();
    for (session, id) in others {
        if scope == OneRoomPer::Session && session != own {
            continue;
        }
        connection
            .prepare_cached("UPDATE sessions SET room = NULL WHERE app = ?1 AND session = ?2")?
            .execute(params![app, session])?;
        if session != own {
            forget_idle(connection, app, &session)?;
        }
        let id = id.map(RoomId::from);
        former.extend(id.filter(|id| !former.contains(id)));
    }
    Ok(former)
}

/// Where a session is put.
struct Place<'a> {
    key: &'a RoomKey,
    row: i64,
    epoch: u64,
    /// HIGH messages are due after this number.
    gap: u64,
}

fn put(connection: &Connection, claim: &Claim, place: &Place<'_>, now: Millis) -> rusqlite::Result<()> {
    let Identity { session, client, tag, device } = &claim.identity;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO sessions (app, session, client, tag, device_id, device_token, room, node, epoch,
                                              claimed_at, dropped_at, gap_after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, ?11)",
        )?
        .execute(params![
            place.key.0,
            blob(*session),
            client.as_str(),
            tag,
            device.id,
            device.token,
            place.row,
            claim.node.0,
            sql_number(place.epoch),
            now.0,
            sql_number(place.gap),
        ])
        .map(drop)
}

/// Removes the record of a session that is in no room and holds no wills.
pub(super) fn forget_idle(connection: &Connection, app: i64, session: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM sessions WHERE app = ?1 AND session = ?2
             AND NOT EXISTS (SELECT 1 FROM rooms WHERE row = sessions.room)
             AND NOT EXISTS (SELECT 1 FROM wills w WHERE w.app = ?1 AND w.session = ?2)",
        )?
        .execute(params![app, session])
        .map(drop)
}

/// Takes a session out of `room`, if it is there.
pub(super) fn leave(
    ledger: &mut Ledger,
    app: &AppId,
    session: SessionId,
    room: &RoomId,
) -> rusqlite::Result<bool> {
    let Some(key) = ledger.key(app, room)? else { return Ok(false) };
    let row = ledger.head(&key).row;
    let left = ledger
        .connection
        .prepare_cached("UPDATE sessions SET room = NULL WHERE app = ?1 AND session = ?2 AND room = ?3")?
        .execute(params![key.0, blob(session), row])?;
    forget_idle(&ledger.connection, key.0, &blob(session))?;
    Ok(left == 1)
}

/// Notes that a session dropped.
pub(super) fn drop_session(
    ledger: &mut Ledger,
    (app, session): (&AppId, SessionId),
    confirmed: Option<u64>,
    epoch: Option<u64>,
    now: Millis,
) -> rusqlite::Result<()> {
    let Some(app) = ledger.app(app)? else { return Ok(()) };
    ledger
        .connection
        .prepare_cached(concat!(
            "UPDATE sessions SET dropped_at = ?3, gap_after = coalesce(?4, ",
            confirmed!(),
            ") WHERE app = ?1 AND session = ?2 AND dropped_at IS NULL AND (?5 IS NULL OR epoch = ?5)"
        ))?
        .execute(params![app, blob(session), now.0, confirmed.map(sql_number), epoch.map(sql_number)])?;
    forget_idle(&ledger.connection, app, &blob(session))
}

/// Gives the room of `from` to the session that returns, and unless `keeps` its wills and record, too. `None`: `from`
/// is not in the claimed room.
pub(super) fn resume(
    ledger: &mut Ledger,
    from: SessionId,
    claim: &Claim,
    keeps: bool,
    now: Millis,
) -> rusqlite::Result<Option<Resumed>> {
    let Some(key) = ledger.key(&claim.app, &claim.room)? else { return Ok(None) };
    let Head { row, number: head, updated_at, .. } = *ledger.head(&key);
    let gap = ledger
        .connection
        .prepare_cached(concat!(
            "SELECT ",
            confirmed!(),
            " FROM sessions WHERE app = ?1 AND session = ?2 AND client = ?3 AND room = ?4"
        ))?
        .query_row(params![key.0, blob(from), claim.identity.client.as_str(), row], |row| {
            row.get(0).map(wire_number)
        })
        .optional()?;
    let Some(gap) = gap else { return Ok(None) };
    let epoch = ledger.next_epoch()?;
    let connection = &ledger.connection;
    if from != claim.identity.session && !keeps {
        connection
            .prepare_cached("UPDATE wills SET session = ?3 WHERE app = ?1 AND session = ?2")?
            .execute(params![key.0, blob(from), blob(claim.identity.session)])?;
        connection
            .prepare_cached("DELETE FROM sessions WHERE app = ?1 AND session = ?2")?
            .execute(params![key.0, blob(from)])?;
    } else if keeps {
        connection
            .prepare_cached("UPDATE sessions SET taken = 1 WHERE app = ?1 AND session = ?2")?
            .execute(params![key.0, blob(from)])?;
    }
    put(connection, claim, &Place { key: &key, row, epoch, gap }, now)?;
    let claimed = Claimed { epoch, head, former: Vec::new(), updated_at };
    Ok(Some(Resumed { claimed, gap }))
}

/// Notes that a dropped session is live again, in no room.
pub(super) fn reattach(ledger: &mut Ledger, app: &AppId, session: SessionId) -> rusqlite::Result<()> {
    let Some(app) = ledger.app(app)? else { return Ok(()) };
    ledger
        .connection
        .prepare_cached("UPDATE sessions SET dropped_at = NULL, room = NULL WHERE app = ?1 AND session = ?2")?
        .execute(params![app, blob(session)])?;
    forget_idle(&ledger.connection, app, &blob(session))
}

/// Forgets a session and its wills.
pub(super) fn end(ledger: &mut Ledger, app: &AppId, session: SessionId) -> rusqlite::Result<()> {
    let Some(app) = ledger.app(app)? else { return Ok(()) };
    forget(&ledger.connection, app, &blob(session))
}

/// Forgets all sessions of a client id and their wills.
pub(super) fn end_all(ledger: &mut Ledger, app: &AppId, client: &ClientId) -> rusqlite::Result<()> {
    let Some(app) = ledger.app(app)? else { return Ok(()) };
    let found: Vec<Vec<u8>> = ledger
        .connection
        .prepare_cached("SELECT session FROM sessions WHERE app = ?1 AND client = ?2")?
        .query_map(params![app, client.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    found.iter().try_for_each(|session| forget(&ledger.connection, app, session))
}

pub(super) fn forget(connection: &Connection, app: i64, session: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM wills WHERE app = ?1 AND session = ?2")?
        .execute(params![app, session])?;
    connection
        .prepare_cached("DELETE FROM sessions WHERE app = ?1 AND session = ?2")?
        .execute(params![app, session])
        .map(drop)
}

/// What is remembered of each client's sessions. Those whose room is gone and that hold no wills count as forgotten.
pub(super) fn of_clients(
    connection: &Connection,
    clients: &[(&AppId, &ClientId)],
) -> rusqlite::Result<Vec<Vec<SessionRecord>>> {
    let asked: Vec<_> = clients.iter().map(|(app, client)| [app.as_str(), client.as_str()]).collect();
    let asked = serde_json::to_string(&asked).expect("texts become JSON");
    let mut found = vec![Vec::new(); clients.len()];
    // Client by client along the index: `CROSS JOIN` keeps this order.
    let mut statement = connection.prepare_cached(
        "SELECT s.session, s.client, s.tag, s.device_id, s.device_token, r.id, s.dropped_at, s.taken, asked.key
         FROM json_each(?1) asked CROSS JOIN apps a ON a.id = asked.value ->> 0
         CROSS JOIN sessions s ON s.app = a.row AND s.client = asked.value ->> 1
         LEFT JOIN rooms r ON r.row = s.room
         WHERE r.id IS NOT NULL
            OR EXISTS (SELECT 1 FROM wills w WHERE w.app = s.app AND w.session = s.session)
         ORDER BY s.epoch, s.session",
    )?;
    let mut rows = statement.query([asked])?;
    while let Some(row) = rows.next()? {
        let at: u32 = row.get(8)?;
        found[at as usize].push(record(row)?);
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        identity: Identity {
            session: session(row, 0)?,
            client: client(row, 1)?,
            tag: row.get(2)?,
            device: Device { id: row.get(3)?, token: row.get(4)? },
        },
        room: row.get::<_, Option<String>>(5)?.map(RoomId::from),
        dropped_at: time(row, 6)?,
        taken: row.get(7)?,
    })
}

/// Sessions that did not drop, in the order of their ids.
pub(super) fn live(
    connection: &Connection,
    node: &NodeId,
    after: Option<SessionId>,
    limit: u32,
) -> rusqlite::Result<Vec<LiveSession>> {
    // Every id comes after the empty one.
    let after = after.map_or(Vec::new(), |session| blob(session).to_vec());
    connection
        .prepare_cached(
            "SELECT a.id, s.session, s.epoch FROM sessions s JOIN apps a ON a.row = s.app
             WHERE s.node = ?1 AND s.dropped_at IS NULL AND s.session > ?2 ORDER BY s.session LIMIT ?3",
        )?
        .query_map(params![node.0, after, limit], |row| {
            let app = AppId::from(row.get::<_, String>(0)?);
            Ok(LiveSession { app, session: session(row, 1)?, epoch: wire_number(row.get(2)?) })
        })?
        .collect()
}

pub(super) fn session(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    row.get(column).map(|bytes| SessionId(u128::from_be_bytes(bytes)))
}

pub(super) fn client(row: &Row<'_>, column: usize) -> rusqlite::Result<ClientId> {
    ClientId::new(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Notes that a node is alive.
pub(super) fn beat(ledger: &mut Ledger, node: &NodeId, now: Millis) -> rusqlite::Result<()> {
    ledger
        .connection
        .prepare_cached("INSERT OR REPLACE INTO nodes (id, last_beat) VALUES (?1, ?2)")?
        .execute(params![node.0, now.0])
        .map(drop)
}

/// Counts the sessions that a node's former life left behind as dropped at its last beat.
pub(super) fn recover(ledger: &mut Ledger, node: &NodeId, now: Millis) -> rusqlite::Result<Recovered> {
    let connection = &ledger.connection;
    let last_alive: Option<Millis> = connection
        .prepare_cached("SELECT last_beat FROM nodes WHERE id = ?1")?
        .query_row([&node.0], |row| row.get(0).map(Millis))
        .optional()?;
    let dropped_at = last_alive.unwrap_or(now);
    connection
        .prepare_cached(concat!(
            "UPDATE sessions SET dropped_at = ?2, gap_after = ",
            confirmed!(),
            " WHERE node = ?1 AND dropped_at IS NULL"
        ))?
        .execute(params![node.0, dropped_at.0])?;
    let with_wills = connection
        .prepare_cached(
            "SELECT a.id, s.session, s.dropped_at FROM sessions s JOIN apps a ON a.row = s.app
             WHERE s.node = ?1 AND s.dropped_at IS NOT NULL
               AND EXISTS (SELECT 1 FROM wills w WHERE w.app = s.app AND w.session = s.session)",
        )?
        .query_map([&node.0], |row| {
            Ok((AppId::from(row.get::<_, String>(0)?), session(row, 1)?, Millis(row.get(2)?)))
        })?
        .collect::<Result<_, _>>()?;
    Ok(Recovered { last_alive, with_wills })
}
