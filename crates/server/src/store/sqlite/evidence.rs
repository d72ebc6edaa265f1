//! Evidence in the embedded store.

use std::net::IpAddr;

use async_trait::async_trait;
use grandstand_protocol::{AppId, Body, MessageId, RoomId};
use grandstand_room::clock::Millis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    SqliteStore,
    ledger::Ledger,
    readers,
    row::{BodyColumn, address, address_column, body},
};
use crate::store::{
    Cause, Erased, Erasure, EvidenceStore, Keeps, NewMessage, Original, Stamp, StoreError, TracePlace,
};

/// Messages that one slice of an erasure looks at, and that it changes: some milliseconds of a reader's time, and of
/// the writer's.
const LOOKED_AT: i64 = 20_000;
const CHANGED: usize = 500;

#[async_trait]
impl EvidenceStore for SqliteStore {
    async fn keep_evidence(&self, keeps: Keeps) -> Result<(), StoreError> {
        let keep = move |ledger: &mut Ledger| {
            ledger.keeps = keeps;
            Ok(())
        };
        self.writer.run(keep).await
    }

    async fn originals(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &MessageId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Original>, StoreError> {
        let (app, room, message) = (app.clone(), room.clone(), message.clone());
        self.read(move |connection| of_message(connection, (&app, &room, &message), (after, limit))).await
    }

    async fn erase(&self, app: &AppId, erasure: Erasure) -> Result<Erased, StoreError> {
        let (of, wanted) = (app.clone(), erasure.clone());
        let look = move |connection: &Connection| {
            traces(connection, &of, &wanted).map_err(|error| readers::failed(&error))
        };
        let (places, next) = self.searches.run(look).await?;
        let app = app.clone();
        self.writer.run(move |ledger| erase(ledger, &app, &erasure, &places, next)).await
    }

    async fn forget_visitor(&self, app: &AppId, day: i64, client: u64) -> Result<bool, StoreError> {
        let app = app.clone();
        let forget = move |ledger: &mut Ledger| {
            let Some(app) = ledger.app(&app)? else { return Ok(false) };
            let removed = ledger
                .connection
                .prepare_cached("DELETE FROM visitors WHERE day = ?1 AND app = ?2 AND client = ?3")?
                .execute(params![day, app, client.cast_signed()])?;
            Ok(removed == 1)
        };
        self.writer.run(forget).await
    }
}

/// The message that an original is of.
pub(super) struct About {
    pub(super) room: RoomId,
    pub(super) message: MessageId,
    pub(super) from: String,
    pub(super) timestamp: Millis,
    pub(super) address: Option<IpAddr>,
}

impl From<(&NewMessage, Stamp)> for About {
    fn from((message, stamp): (&NewMessage, Stamp)) -> Self {
        Self {
            room: message.room.clone(),
            message: message.id.clone(),
            from: message.from.to_string(),
            timestamp: stamp.timestamp,
            address: message.address,
        }
    }
}

/// Keeps what a message was.
pub(super) fn keep(
    ledger: &Ledger,
    app: i64,
    about: &About,
    (cause, body): (Cause, &Body),
    now: Millis,
) -> rusqlite::Result<()> {
    if ledger.keeps.originals == 0 {
        return Ok(());
    }
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO originals (app, room, message, sender, sent_at, address, cause, kept_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            app,
            about.room.as_str(),
            about.message.as_str(),
            about.from,
            about.timestamp.0,
            address_column(about.address),
            column(cause),
            now.0,
            BodyColumn(body),
        ])
        .map(drop)
}

fn column(cause: Cause) -> i64 {
    match cause {
        Cause::Filtered => 1,
        Cause::Edited => 2,
        Cause::Recalled => 3,
    }
}

fn of_message(
    connection: &Connection,
    (app, room, message): (&AppId, &RoomId, &MessageId),
    (after, limit): (i64, u32),
) -> rusqlite::Result<Vec<Original>> {
    connection
        .prepare_cached(
            "SELECT o.row, o.sender, o.sent_at, o.address, o.cause, o.kept_at, o.body
             FROM apps a CROSS JOIN originals o ON o.app = a.row
             WHERE a.id = ?1 AND o.message = ?3 AND o.room = ?2 AND o.row > ?4 ORDER BY o.row LIMIT ?5",
        )?
        .query_map(params![app.as_str(), room.as_str(), message.as_str(), after, limit], original)?
        .collect()
}

fn original(row: &Row<'_>) -> rusqlite::Result<Original> {
    let number: i64 = row.get(4)?;
    let cause = [Cause::Filtered, Cause::Edited, Cause::Recalled].into_iter();
    let cause = cause.into_iter().find(|cause| column(*cause) == number);
    Ok(Original {
        row: row.get(0)?,
        from: row.get(1)?,
        timestamp: Millis(row.get(2)?),
        address: address(row, 3)?,
        cause: cause.ok_or(rusqlite::Error::IntegralValueOutOfRange(4, number))?,
        kept_at: Millis(row.get(5)?),
        body: body(row, 6)?,
    })
}

/// Places of a client's messages, and where to look next. Along the index by time, which has the sender.
fn traces(
    connection: &Connection,
    app: &AppId,
    erasure: &Erasure,
) -> rusqlite::Result<(Vec<TracePlace>, Option<TracePlace>)> {
    let (after, till) = (erasure.after, erasure.till.0);
    let (time, room, number) =
        after.map_or((i64::MIN, i64::MIN, i64::MIN), |after| (after.timestamp.0, after.room, after.number));
    let mut statement = connection.prepare_cached(
        "SELECT m.timestamp, m.room, m.number, m.sender
         FROM apps a CROSS JOIN messages m INDEXED BY messages_by_time ON m.app = a.row
         WHERE a.id = ?1 AND m.timestamp >= ?2 AND (m.timestamp, m.room, m.number) > (?2, ?3, ?4)
           AND m.timestamp < ?5
         ORDER BY m.timestamp, m.room, m.number LIMIT ?6",
    )?;
    let mut rows = statement.query(params![app.as_str(), time, room, number, till, LOOKED_AT])?;
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        seen += 1;
        let place = TracePlace { timestamp: Millis(row.get(0)?), room: row.get(1)?, number: row.get(2)? };
        if row.get_ref(3)?.as_str()? == erasure.client.as_str() {
            found.push(place);
        }
        if found.len() == CHANGED || seen == LOOKED_AT {
            return Ok((found, Some(place)));
        }
    }
    Ok((found, None))
}

fn erase(
    ledger: &mut Ledger,
    app: &AppId,
    erasure: &Erasure,
    places: &[TracePlace],
    next: Option<TracePlace>,
) -> rusqlite::Result<Erased> {
    let Some(app) = ledger.app(app)? else { return Ok(Erased::default()) };
    let connection = &ledger.connection;
    let mut erased = Erased { next, ..Erased::default() };
    for place in places {
        let key = params![place.room, place.timestamp.0, place.number];
        if erasure.messages {
            erased.messages += connection
                .prepare_cached("DELETE FROM messages WHERE room = ?1 AND timestamp = ?2 AND number = ?3")?
                .execute(key)? as u64;
        } else {
            erased.addresses += connection
                .prepare_cached(
                    "UPDATE messages SET address = NULL
                     WHERE room = ?1 AND timestamp = ?2 AND number = ?3 AND address IS NOT NULL",
                )?
                .execute(key)? as u64;
        }
    }
    if erasure.messages {
        erased.rooms = rooms(connection, places)?;
    }
    let client = erasure.client.as_str();
    erased.originals = connection
        .prepare_cached(
            "DELETE FROM originals WHERE row IN
                 (SELECT row FROM originals WHERE app = ?1 AND sender = ?2 AND kept_at < ?3 LIMIT ?4)",
        )?
        .execute(params![app, client, erasure.till.0, CHANGED as i64])? as u64;
    connection
        .prepare_cached(
            "UPDATE wills SET address = NULL, original = NULL
             WHERE app = ?1 AND sender = ?2 AND (address IS NOT NULL OR original IS NOT NULL)",
        )?
        .execute(params![app, client])?;
    if erased.originals == CHANGED as u64 && erased.next.is_none() {
        // There may be more of them than messages: look again from the last place.
        erased.next = places.last().copied().or(erasure.after).or(Some(TracePlace {
            timestamp: erasure.till,
            room: 0,
            number: 0,
        }));
    }
    Ok(erased)
}

fn rooms(connection: &Connection, places: &[TracePlace]) -> rusqlite::Result<Vec<RoomId>> {
    let mut rows: Vec<i64> = places.iter().map(|place| place.room).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut statement = connection.prepare_cached("SELECT id FROM rooms WHERE row = ?1")?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let id: Option<String> = statement.query_row([row], |row| row.get(0)).optional()?;
        found.extend(id.map(RoomId::from));
    }
    Ok(found)
}

/// Removes originals from before `expired`. Rows follow time, so the first that is fresh ends the slice.
pub(super) fn forget_originals(
    connection: &Connection,
    expired: Millis,
    limit: i64,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "DELETE FROM originals WHERE row IN (SELECT row FROM originals ORDER BY row LIMIT ?2)
                 AND kept_at < ?1",
        )?
        .execute(params![expired.0, limit])
        .map(|removed| removed as i64)
}

/// Removes addresses of messages from before `expired`: so many messages of each app are looked at.
pub(super) fn forget_addresses(
    connection: &Connection,
    expired: Millis,
    limit: i64,
) -> rusqlite::Result<i64> {
    let apps: Vec<(i64, i64, i64, i64)> = connection
        .prepare_cached(
            "SELECT a.row, s.timestamp, s.room, s.number FROM apps a LEFT JOIN addresses_swept s ON s.app = a.row",
        )?
        .query_map([], |row| {
            let place = |column| row.get::<_, Option<i64>>(column).map(|place| place.unwrap_or(i64::MIN));
            Ok((row.get(0)?, place(1)?, place(2)?, place(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut most = 0;
    for (app, timestamp, room, number) in apps {
        let places: Vec<(i64, i64, i64)> = connection
            .prepare_cached(
                "SELECT timestamp, room, number FROM messages INDEXED BY messages_by_time
                 WHERE app = ?1 AND timestamp >= ?2 AND (timestamp, room, number) > (?2, ?3, ?4)
                   AND timestamp < ?5
                 ORDER BY timestamp, room, number LIMIT ?6",
            )?
            .query_map(params![app, timestamp, room, number, expired.0, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (timestamp, room, number) in &places {
            connection
                .prepare_cached(
                    "UPDATE messages SET address = NULL
                     WHERE room = ?1 AND timestamp = ?2 AND number = ?3 AND address IS NOT NULL",
                )?
                .execute(params![room, timestamp, number])?;
        }
        if let Some((timestamp, room, number)) = places.last() {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO addresses_swept (app, timestamp, room, number)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![app, timestamp, room, number])?;
        }
        most = most.max(places.len() as i64);
    }
    Ok(most)
}
