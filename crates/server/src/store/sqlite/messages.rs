//! Messages on their way in: appends, retries, edits, imports.

use std::net::IpAddr;

use grandstand_protocol::{AppId, ClientId, Mentions, MessageId, RoomId};
use grandstand_room::{clock::Millis, content};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    evidence::{self, About},
    history,
    ledger::{Ledger, RoomKey},
    row::{BodyColumn, address_column, audience_column, mentions_column},
    sessions::blob,
    sql_number,
};
use crate::store::{Appended, Cause, Edit, Imported, NewMessage, Patched, Stamp, StoredMessage};

/// How long a client's mark keeps a retry from becoming a second message (protocol.md 4.8).
pub(super) const DEDUPE: i64 = 30 * 60 * 1000;

/// Number of a room's first imported message; later ones count up from here and never reach 0.
const FIRST_IMPORT: i64 = -(1 << 53);

/// `None`: there is no such room.
pub(super) fn append(
    ledger: &mut Ledger,
    message: &NewMessage,
    now: Millis,
) -> rusqlite::Result<Option<Appended>> {
    let Some(key) = ledger.key(&message.app, &message.room)? else { return Ok(None) };
    let timestamp = ledger.head(&key).timestamp.max(now);
    if let Some(mark) = &message.dedupe
        && let Some(first) = take_mark(&ledger.connection, &key, message, mark, timestamp, now)?
    {
        return Ok(Some(first));
    }
    let head = ledger.change(&key);
    let (room, stamp) = (head.row, head.advance(now));
    let address = if ledger.keeps.addresses > 0 { message.address } else { None };
    insert(&ledger.connection, &key, room, message, stamp, address)?;
    if let Some(original) = &message.original {
        let about = About { address, ..About::from((message, stamp)) };
        evidence::keep(ledger, key.0, &about, (Cause::Filtered, original), now)?;
    }
    Ok(Some(Appended::Stored(stamp)))
}

/// Takes the mark for this message, or finds the message that has it.
fn take_mark(
    connection: &Connection,
    key: &RoomKey,
    message: &NewMessage,
    mark: &str,
    timestamp: Millis,
    now: Millis,
) -> rusqlite::Result<Option<Appended>> {
    let sender = message.from.as_str();
    let row = params![key.0, sender, mark, message.id.as_str(), timestamp.0, now.0];
    let free = connection
        .prepare_cached(
            "INSERT INTO dedupe (app, sender, mark, id, timestamp, stored_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?
        .execute(row)?;
    if free == 1 {
        return Ok(None);
    }
    if let Some((id, timestamp)) = taken(connection, key.0, sender, mark, now)? {
        return Ok(Some(Appended::Duplicate { id, timestamp }));
    }
    // Expired and not swept yet. A new row, because rows are swept in the order of their times.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dedupe (app, sender, mark, id, timestamp, stored_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(row)?;
    Ok(None)
}

/// The message that has this mark, unless that is too long ago.
pub(super) fn taken(
    connection: &Connection,
    app: i64,
    sender: &str,
    mark: &str,
    now: Millis,
) -> rusqlite::Result<Option<(MessageId, Millis)>> {
    let found: Option<(String, i64, i64)> = connection
        .prepare_cached(
            "SELECT id, timestamp, stored_at FROM dedupe WHERE app = ?1 AND sender = ?2 AND mark = ?3",
        )?
        .query_row(params![app, sender, mark], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let fresh = found.filter(|(_, _, stored_at)| now.since(Millis(*stored_at)) < DEDUPE);
    Ok(fresh.map(|(id, timestamp, _)| (id.into(), Millis(timestamp))))
}

fn insert(
    connection: &Connection,
    key: &RoomKey,
    room: i64,
    message: &NewMessage,
    stamp: Stamp,
    address: Option<IpAddr>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO messages (room, timestamp, number, app, id, sender, level, lctype, mention_all, mentions,
                                   recalled, body, session, address, audience)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            room,
            stamp.timestamp.0,
            sql_number(stamp.number),
            key.0,
            message.id.as_str(),
            message.from.as_str(),
            message.level.to_wire(),
            message.lctype,
            message.mentions.all,
            mentions_column(&message.mentions),
            BodyColumn(&message.body),
            message.session.map(blob),
            address_column(address),
            audience_column(message.audience.as_deref()),
        ])
        .map(drop)
}

/// Why a message stays as it is.
pub(super) enum Unmodified {
    NotFound,
    NotAuthor,
}

/// Edits or recalls a message, if the author wrote it that is named. Recalling a recalled one changes nothing and
/// succeeds; editing it finds nothing.
pub(super) fn modify(
    ledger: &mut Ledger,
    (app, room, id): (&AppId, &RoomId, &MessageId),
    author: Option<&ClientId>,
    edit: &Edit,
    now: Millis,
) -> rusqlite::Result<Result<Patched, Unmodified>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unmodified::NotFound)) };
    let (asked, room) = (room.clone(), ledger.head(&key).row);
    let Some(mut message) = history::by_id(&ledger.connection, room, id)? else {
        return Ok(Err(Unmodified::NotFound));
    };
    if author.is_some_and(|author| message.from != author.as_str()) {
        return Ok(Err(Unmodified::NotAuthor));
    }
    let about = About {
        room: asked,
        message: id.clone(),
        from: message.from.clone(),
        timestamp: message.timestamp,
        address: message.address,
    };
    match edit {
        Edit::Recall if message.recalled => return Ok(Ok(Patched { message })),
        Edit::Replace { .. } if message.recalled => return Ok(Err(Unmodified::NotFound)),
        Edit::Recall => {
            evidence::keep(ledger, key.0, &about, (Cause::Recalled, &message.body), now)?;
            message.recalled = true;
            message.body = content::recall_stub();
            message.mentions = Mentions::default();
            message.lctype = Some(content::RECALLED);
        }
        Edit::Replace { body, mentions, lctype, original } => {
            evidence::keep(ledger, key.0, &about, (Cause::Edited, &message.body), now)?;
            if let Some(original) = original {
                evidence::keep(ledger, key.0, &about, (Cause::Filtered, original), now)?;
            }
            message.body = body.clone();
            message.mentions = mentions.clone();
            message.lctype = *lctype;
        }
    }
    let head = ledger.change(&key);
    // A client asks for patches later than the last one it saw: two with one time could hide each other.
    head.patched_at = now.max(head.patched_at.plus(1));
    message.patched_at = Some(head.patched_at);
    rewrite(&ledger.connection, room, &message)?;
    Ok(Ok(Patched { message }))
}

fn rewrite(connection: &Connection, room: i64, message: &StoredMessage) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE messages SET body = ?4, mention_all = ?5, mentions = ?6, lctype = ?7, patched_at = ?8,
                                 recalled = ?9
             WHERE room = ?1 AND timestamp = ?2 AND number = ?3",
        )?
        .execute(params![
            room,
            message.timestamp.0,
            message.number,
            BodyColumn(&message.body),
            message.mentions.all,
            mentions_column(&message.mentions),
            message.lctype,
            message.patched_at.map(|at| at.0),
            message.recalled,
        ])
        .map(drop)
}

/// Removes a message, if the author wrote it that is named.
pub(super) fn delete(
    ledger: &mut Ledger,
    (app, room, id): (&AppId, &RoomId, &MessageId),
    author: Option<&ClientId>,
) -> rusqlite::Result<Result<(), Unmodified>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(Err(Unmodified::NotFound)) };
    let room = ledger.head(&key).row;
    let Some(message) = history::by_id(&ledger.connection, room, id)? else {
        return Ok(Err(Unmodified::NotFound));
    };
    if author.is_some_and(|author| message.from != author.as_str()) {
        return Ok(Err(Unmodified::NotAuthor));
    }
    // The head still knows the time of the oldest message: the sweep looks again when that has come.
    remove(&ledger.connection, (room, message.timestamp.0, message.number))?;
    Ok(Ok(()))
}

/// Stores messages from elsewhere. `None`: there is no such room.
pub(super) fn import(
    ledger: &mut Ledger,
    app: &AppId,
    room: &RoomId,
    messages: &[StoredMessage],
    now: Millis,
) -> rusqlite::Result<Option<Imported>> {
    let Some(key) = ledger.key(app, room)? else { return Ok(None) };
    let mut outcome = Imported::default();
    for message in messages {
        forget_doomed(&ledger.connection, key.0, &message.id)?;
        let head = ledger.head(&key);
        let place = (head.row, FIRST_IMPORT + head.imported);
        // The sweep of addresses may be past this message's time.
        let known = now.since(message.timestamp) < ledger.keeps.addresses;
        let address = message.address.filter(|_| known);
        if import_one(&ledger.connection, &key, place, message, address, now)? {
            let head = ledger.change(&key);
            head.imported += 1;
            head.last_message_at = head.last_message_at.max(Some(message.timestamp));
            head.patched_at = head.patched_at.max(message.patched_at.unwrap_or_default());
            outcome.stored += 1;
        } else {
            outcome.known += 1;
        }
    }
    Ok(Some(outcome))
}

/// A room that was removed may come back by import before the sweep has taken its messages.
fn forget_doomed(connection: &Connection, app: i64, id: &MessageId) -> rusqlite::Result<()> {
    let doomed = connection
        .prepare_cached(
            "SELECT m.room, timestamp, number FROM messages m JOIN doomed d ON d.room = m.room
             WHERE m.app = ?1 AND m.id = ?2",
        )?
        .query_row(params![app, id.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    if let Some((room, timestamp, number)) = doomed {
        remove(connection, (room, timestamp, number))?;
    }
    Ok(())
}

fn remove(connection: &Connection, (room, timestamp, number): (i64, i64, i64)) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM messages WHERE room = ?1 AND timestamp = ?2 AND number = ?3")?
        .execute([room, timestamp, number])
        .map(drop)
}

fn import_one(
    connection: &Connection,
    key: &RoomKey,
    (room, number): (i64, i64),
    message: &StoredMessage,
    address: Option<IpAddr>,
    now: Millis,
) -> rusqlite::Result<bool> {
    let stored = connection
        .prepare_cached(
            "INSERT INTO messages (room, timestamp, number, app, id, sender, level, lctype, mention_all, mentions,
                                   patched_at, recalled, imported_at, body, address, audience)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT (app, id) DO NOTHING",
        )?
        .execute(params![
            room,
            message.timestamp.0,
            number,
            key.0,
            message.id.as_str(),
            message.from,
            message.level.to_wire(),
            message.lctype,
            message.mentions.all,
            mentions_column(&message.mentions),
            message.patched_at.map(|at| at.0),
            message.recalled,
            now.0,
            BodyColumn(&message.body),
            address_column(address),
            audience_column(message.audience.as_deref()),
        ])?;
    Ok(stored == 1)
}
