//! Messages held until their session drops.

use std::collections::HashSet;

use grandstand_protocol::{AppId, RoomId};
use grandstand_room::{clock::Millis, session::SessionId};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};

use super::{
    ledger::Ledger,
    messages,
    moderation::{bans, lists, switches},
    row::{self, BodyColumn, address_column, mentions_column},
    sessions,
};
use crate::store::{Appended, Dropped, Held, NewMessage, Will, WillSent};

/// Holds a will, if the session may hold one more.
pub(super) fn hold(ledger: &mut Ledger, will: &Will, limit: u32, now: Millis) -> rusqlite::Result<Held> {
    let app = ledger.make_app(&will.message.app)?;
    if let Some(first) = first_attempt(&ledger.connection, app, &will.message, now)? {
        return Ok(first);
    }
    let session = sessions::blob(will.identity.session);
    let connection = &ledger.connection;
    let held: u32 = connection
        .prepare_cached("SELECT count(*) FROM wills WHERE app = ?1 AND session = ?2")?
        .query_row(params![app, session], |row| row.get(0))?;
    if held >= limit {
        return Ok(Held::Full);
    }
    let (identity, message) = (&will.identity, &will.message);
    connection
        .prepare_cached(
            "INSERT INTO sessions (app, session, client, tag, device_id, device_token, node, epoch, claimed_at, gap_after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, 0) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            app,
            session,
            identity.client.as_str(),
            identity.tag,
            identity.device.id,
            identity.device.token,
            will.node.0,
            now.0,
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO wills (app, session, room, id, sender, level, lctype, mention_all, mentions, mark, transient,
                                body, address, original)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            app,
            session,
            message.room.as_str(),
            message.id.as_str(),
            message.from.as_str(),
            message.level.to_wire(),
            message.lctype,
            message.mentions.all,
            mentions_column(&message.mentions),
            message.dedupe,
            will.transient,
            BodyColumn(&message.body),
            address_column(message.address.filter(|_| ledger.keeps.addresses > 0)),
            message.original.as_ref().map(BodyColumn),
        ])?;
    Ok(Held::Waiting)
}

/// The will of this mark that one of the sender's sessions holds, or the message that it became.
fn first_attempt(
    connection: &Connection,
    app: i64,
    message: &NewMessage,
    now: Millis,
) -> rusqlite::Result<Option<Held>> {
    let (Some(mark), sender) = (&message.dedupe, message.from.as_str()) else { return Ok(None) };
    let waiting: Option<String> = connection
        .prepare_cached(
            "SELECT w.id FROM sessions s JOIN wills w ON w.app = s.app AND w.session = s.session
             WHERE s.app = ?1 AND s.client = ?2 AND w.mark = ?3 ORDER BY w.row LIMIT 1",
        )?
        .query_row(params![app, sender, mark], |row| row.get(0))
        .optional()?;
    if let Some(id) = waiting {
        return Ok(Some(Held::Duplicate { id: id.into(), timestamp: None }));
    }
    let sent = messages::taken(connection, app, sender, mark, now)?;
    Ok(sent.map(|(id, timestamp)| Held::Duplicate { id, timestamp: Some(timestamp) }))
}

/// Sends the wills of a session that is gone since `dropped_by` at the latest, and forgets them.
pub(super) fn send(
    ledger: &mut Ledger,
    app: &AppId,
    Dropped { session, by, address }: Dropped,
    now: Millis,
) -> rusqlite::Result<Vec<WillSent>> {
    let Some(row) = ledger.app(app)? else { return Ok(Vec::new()) };
    let held: Vec<(NewMessage, bool)> = ledger
        .connection
        .prepare_cached(
            "SELECT w.room, w.id, w.sender, w.level, w.body, w.mention_all, w.mentions, w.lctype, w.mark, w.transient,
                    w.address, w.original
             FROM sessions s JOIN wills w ON w.app = s.app AND w.session = s.session
             WHERE s.app = ?1 AND s.session = ?2 AND s.dropped_at <= ?3 ORDER BY w.row",
        )?
        .query_map(params![row, sessions::blob(session), by.0], |row| will(row, app, session))?
        .collect::<Result<_, _>>()?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut sent = Vec::with_capacity(held.len());
    let mut spoken_in = HashSet::new();
    for (message, transient) in held {
        let room = message.room.clone();
        if bans::keep_out(&ledger.connection, row, &message.from, address.or(message.address), now)? {
            continue;
        }
        let one = send_one(ledger, message, transient, !spoken_in.contains(&room), now)?;
        if one.is_some() {
            spoken_in.insert(room);
        }
        sent.extend(one);
    }
    ledger
        .connection
        .prepare_cached("DELETE FROM wills WHERE app = ?1 AND session = ?2")?
        .execute(params![row, sessions::blob(session)])?;
    sessions::forget_idle(&ledger.connection, row, &sessions::blob(session))?;
    Ok(sent)
}

/// `None` for a will whose room is gone or lets its sender not speak any more, and for one whose mark another message
/// took meanwhile. `first`: it is the first of its session in this room.
fn send_one(
    ledger: &mut Ledger,
    message: NewMessage,
    transient: bool,
    first: bool,
    now: Millis,
) -> rusqlite::Result<Option<WillSent>> {
    let Some(key) = ledger.key(&message.app, &message.room)? else { return Ok(None) };
    let row = ledger.head(&key).row;
    if lists::restrict(&ledger.connection, row, &message.from, now)?
        || !switches::let_will_pass(&ledger.connection, row, &message.from, first, now)?
    {
        return Ok(None);
    }
    if transient {
        return Ok(Some(WillSent { message, stamp: None, timestamp: now }));
    }
    Ok(match messages::append(ledger, &message, now)? {
        Some(Appended::Stored(stamp)) => {
            Some(WillSent { message, stamp: Some(stamp), timestamp: stamp.timestamp })
        }
        Some(Appended::Duplicate { .. }) | None => None,
    })
}

fn will(row: &Row<'_>, app: &AppId, session: SessionId) -> rusqlite::Result<(NewMessage, bool)> {
    let message = NewMessage {
        app: app.clone(),
        room: RoomId::from(row.get::<_, String>(0)?),
        id: row.get::<_, String>(1)?.into(),
        from: sessions::client(row, 2)?,
        session: Some(session),
        level: row::level(row, 3)?,
        body: row::body(row, 4)?,
        mentions: row::mentions(row, 5, 6)?,
        lctype: row.get(7)?,
        dedupe: row.get(8)?,
        address: row::address(row, 10)?,
        original: match row.get_ref(11)? {
            ValueRef::Null => None,
            _ => Some(row::body(row, 11)?),
        },
        audience: None,
    };
    Ok((message, row.get(9)?))
}
