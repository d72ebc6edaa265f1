//! Who is in which room, who dropped, and who returns.

use grandstand_protocol::{AppId, ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    gap::GapStart,
    session::{Device, Identity, SessionId},
    switches::OneRoomPer,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{
    ledger::{Ledger, RoomKey},
    row::time,
    sql_number, wire_number,
};
use crate::store::{Claim, Claimed, LiveSession, NodeId, Recovered, Resumed, SessionRecord};

/// A claim younger than this at the last beat of a dead node keeps the gap that it began with: a replay after it may
/// not have arrived.
const SETTLED: i64 = 60 * 1000;

/// A beat says that the node was alive, not what had been confirmed by then: confirmations are at most this old.
const MARGIN: i64 = 5 * 1000;

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
    let head = ledger.head(&key).number;
    let epoch = ledger.next_epoch()?;
    let former = take_out(&ledger.connection, ledger.head(&key).row, key.0, &claim.identity, scope)?;
    let place = Place { key: &key, row: ledger.head(&key).row, epoch, gap: GapStart::After(head) };
    put(&ledger.connection, claim, &place, now)?;
    Ok(Some(Claimed { epoch, head, former }))
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
    gap: GapStart,
}

fn put(connection: &Connection, claim: &Claim, place: &Place<'_>, now: Millis) -> rusqlite::Result<()> {
    let (gap_after, gap_since) = match place.gap {
        GapStart::After(number) => (sql_number(number), None),
        GapStart::Since(time) => (0, Some(time.0)),
    };
    let Identity { session, client, tag, device } = &claim.identity;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO sessions (app, session, client, tag, device_id, device_token, room, node, epoch,
                                              claimed_at, dropped_at, gap_after, gap_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, ?11, ?12)",
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
            gap_after,
            gap_since,
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
    // Nothing confirmed: the gap begins where it began when the session came.
    ledger
        .connection
        .prepare_cached(
            "UPDATE sessions SET dropped_at = ?3,
                 gap_after = coalesce(?4, gap_after),
                 gap_since = CASE WHEN ?4 IS NULL THEN gap_since END
             WHERE app = ?1 AND session = ?2 AND dropped_at IS NULL AND (?5 IS NULL OR epoch = ?5)",
        )?
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
    let (row, head) = (ledger.head(&key).row, ledger.head(&key).number);
    let gap = ledger
        .connection
        .prepare_cached(
            "SELECT gap_after, gap_since FROM sessions WHERE app = ?1 AND session = ?2 AND client = ?3 AND room = ?4",
        )?
        .query_row(params![key.0, blob(from), claim.identity.client.as_str(), row], |row| {
            Ok(time(row, 1)?.map_or(GapStart::After(wire_number(row.get(0)?)), GapStart::Since))
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
    Ok(Some(Resumed { epoch, head, gap }))
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

pub(super) fn forget(connection: &Connection, app: i64, session: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM wills WHERE app = ?1 AND session = ?2")?
        .execute(params![app, session])?;
    connection
        .prepare_cached("DELETE FROM sessions WHERE app = ?1 AND session = ?2")?
        .execute(params![app, session])
        .map(drop)
}

/// What is remembered of a client's sessions. Those whose room is gone and that hold no wills count as forgotten.
pub(super) fn of_client(
    connection: &Connection,
    app: &AppId,
    client: &ClientId,
) -> rusqlite::Result<Vec<SessionRecord>> {
    connection
        .prepare_cached(
            "SELECT s.session, s.client, s.tag, s.device_id, s.device_token, r.id, s.dropped_at, s.taken
             FROM apps a JOIN sessions s ON s.app = a.row LEFT JOIN rooms r ON r.row = s.room
             WHERE a.id = ?1 AND s.client = ?2
               AND (r.id IS NOT NULL
                    OR EXISTS (SELECT 1 FROM wills w WHERE w.app = s.app AND w.session = s.session))
             ORDER BY s.epoch, s.session",
        )?
        .query_map([app.as_str(), client.as_str()], record)?
        .collect()
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
        .prepare_cached(
            "UPDATE sessions SET dropped_at = ?2, gap_since = CASE WHEN claimed_at > ?3 THEN gap_since ELSE ?4 END
             WHERE node = ?1 AND dropped_at IS NULL",
        )?
        .execute(params![node.0, dropped_at.0, dropped_at.plus(-SETTLED).0, dropped_at.plus(-MARGIN).0])?;
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
