//! What the writer thread owns: its connection, and what it remembers so that an append reads nothing.

use std::{collections::HashMap, path::PathBuf};

use grandstand_protocol::{AppId, RoomId};
use grandstand_room::clock::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::{open, sql_number, wire_number};
use crate::store::{Keeps, Stamp};

/// Rooms remembered at most; beyond that all are forgotten and read again as needed.
const ROOMS: usize = 50_000;

/// Rows written between two checkpoints: the log stays at some megabytes, and a checkpoint at some milliseconds.
const CHECKPOINT: u64 = 2000;

/// A room by the row of its app and its id.
pub(super) type RoomKey = (i64, RoomId);

/// The newest state of a room that changes with every message.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// The room's row.
    pub(super) row: i64,
    /// The newest live message; 0 when there was none.
    pub(super) number: u64,
    /// Its time: no later message gets an earlier one.
    pub(super) timestamp: Millis,
    pub(super) last_message_at: Option<Millis>,
    /// The oldest live message that is kept.
    pub(super) oldest_at: Option<Millis>,
    /// The newest patch: no later one gets the same time or an earlier one.
    pub(super) patched_at: Millis,
    /// How many messages were ever imported.
    pub(super) imported: i64,
    /// When the room was changed; written with the room and not with the head.
    pub(super) updated_at: Millis,
    dirty: bool,
    /// The room's first message: the only append that sets `oldest_at`.
    first: bool,
}

impl Head {
    /// The place of the next live message.
    pub(super) fn advance(&mut self, now: Millis) -> Stamp {
        self.number += 1;
        self.timestamp = self.timestamp.max(now);
        self.last_message_at = self.last_message_at.max(Some(self.timestamp));
        if self.oldest_at.is_none() {
            self.oldest_at = Some(self.timestamp);
            self.first = true;
        }
        Stamp { number: self.number, timestamp: self.timestamp }
    }
}

/// The writer's connection and memory. The memory holds what the open transaction holds, and is forgotten with it.
pub(super) struct Ledger {
    folder: PathBuf,
    pub(super) connection: Connection,
    apps: HashMap<AppId, i64>,
    heads: HashMap<RoomKey, Head>,
    changed: Vec<RoomKey>,
    epoch: Option<u64>,
    epoch_changed: bool,
    /// Rows that this connection had written at the last checkpoint.
    checkpointed: u64,
    /// The file failed: what the connection believes about it may be wrong.
    broken: bool,
    /// What is kept of messages that change.
    pub(super) keeps: Keeps,
}

impl Ledger {
    pub(super) fn new(folder: PathBuf, connection: Connection) -> Self {
        Self {
            folder,
            connection,
            apps: HashMap::new(),
            heads: HashMap::new(),
            changed: Vec::new(),
            epoch: None,
            epoch_changed: false,
            checkpointed: 0,
            broken: false,
            keeps: Keeps::default(),
        }
    }

    /// Opens the transaction of a group; after a failure of the file, on a new connection.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        if self.broken {
            self.connection = open::writer(&self.folder)?;
            self.checkpointed = 0;
            self.broken = false;
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Writes the heads that changed and commits. Returns after fsync.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        self.flush()?;
        self.connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    }

    /// Undoes the open transaction and forgets what was remembered of it.
    pub(super) fn roll_back(&mut self, broken: bool) {
        self.apps.clear();
        self.heads.clear();
        self.changed.clear();
        self.epoch = None;
        self.epoch_changed = false;
        // SQLite has undone it by itself after some errors.
        let undone = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        self.broken |= broken || !undone;
    }

    /// Between groups, when all are answered: bounds what is remembered, and the log.
    pub(super) fn tidy_up(&mut self) {
        if self.heads.len() > ROOMS {
            self.heads.clear();
        }
        let written = self.connection.total_changes();
        if written.saturating_sub(self.checkpointed) < CHECKPOINT {
            return;
        }
        self.checkpointed = written;
        // What cannot be copied now, because of a reader or a full disk, is copied next time.
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%error, "could not empty the log into the database");
        }
    }

    /// The row of an app, if anything was ever stored for it.
    pub(super) fn app(&mut self, app: &AppId) -> rusqlite::Result<Option<i64>> {
        if let Some(row) = self.apps.get(app) {
            return Ok(Some(*row));
        }
        let row: Option<i64> = self
            .connection
            .prepare_cached("SELECT row FROM apps WHERE id = ?1")?
            .query_row([app.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(row) = row {
            self.apps.insert(app.clone(), row);
        }
        Ok(row)
    }

    /// The row of an app, made when there is none.
    pub(super) fn make_app(&mut self, app: &AppId) -> rusqlite::Result<i64> {
        if let Some(row) = self.app(app)? {
            return Ok(row);
        }
        self.connection.prepare_cached("INSERT INTO apps (id) VALUES (?1)")?.execute([app.as_str()])?;
        let row = self.connection.last_insert_rowid();
        self.apps.insert(app.clone(), row);
        Ok(row)
    }

    /// The key of a room, if there is such a room.
    pub(super) fn key(&mut self, app: &AppId, room: &RoomId) -> rusqlite::Result<Option<RoomKey>> {
        let Some(app) = self.app(app)? else { return Ok(None) };
        let key = (app, room.clone());
        if self.heads.contains_key(&key) {
            return Ok(Some(key));
        }
        match read_head(&self.connection, app, room)? {
            Some(head) => {
                self.heads.insert(key.clone(), head);
                Ok(Some(key))
            }
            None => Ok(None),
        }
    }

    /// The head of a room whose key was just asked for.
    pub(super) fn head(&self, key: &RoomKey) -> &Head {
        self.heads.get(key).expect("a key comes from `key`, which remembers the head")
    }

    /// The same, to be changed: written at the end of the group.
    pub(super) fn change(&mut self, key: &RoomKey) -> &mut Head {
        let head = self.heads.get_mut(key).expect("a key comes from `key`, which remembers the head");
        if !head.dirty {
            head.dirty = true;
            self.changed.push(key.clone());
        }
        head
    }

    /// The same, for what is written elsewhere.
    pub(super) fn remember(&mut self, key: &RoomKey) -> &mut Head {
        self.heads.get_mut(key).expect("a key comes from `key`, which remembers the head")
    }

    /// The room is gone.
    pub(super) fn forget(&mut self, key: &RoomKey) {
        self.heads.remove(key);
    }

    /// A number above all that this gave before, over restarts.
    pub(super) fn next_epoch(&mut self) -> rusqlite::Result<u64> {
        let last = match self.epoch {
            Some(last) => last,
            None => self
                .connection
                .prepare_cached("SELECT value FROM counters WHERE name = 'epoch'")?
                .query_row([], |row| row.get(0).map(wire_number))?,
        };
        self.epoch = Some(last + 1);
        self.epoch_changed = true;
        Ok(last + 1)
    }

    fn flush(&mut self) -> rusqlite::Result<()> {
        if self.epoch_changed {
            self.connection
                .prepare_cached("UPDATE counters SET value = ?1 WHERE name = 'epoch'")?
                .execute([self.epoch.map(sql_number)])?;
            self.epoch_changed = false;
        }
        for key in self.changed.drain(..) {
            // A room that was removed in the same group has no head any more.
            if let Some(head) = self.heads.get_mut(&key) {
                head.dirty = false;
                write_head(&self.connection, head)?;
            }
        }
        Ok(())
    }
}

fn read_head(connection: &Connection, app: i64, room: &RoomId) -> rusqlite::Result<Option<Head>> {
    connection
        .prepare_cached(
            "SELECT h.room, number, timestamp, last_message_at, oldest_at, patched_at, imported, r.updated_at
             FROM rooms r JOIN heads h ON h.room = r.row WHERE r.app = ?1 AND r.id = ?2",
        )?
        .query_row(params![app, room.as_str()], |row| {
            Ok(Head {
                row: row.get(0)?,
                number: wire_number(row.get(1)?),
                timestamp: Millis(row.get(2)?),
                last_message_at: row.get::<_, Option<i64>>(3)?.map(Millis),
                oldest_at: row.get::<_, Option<i64>>(4)?.map(Millis),
                patched_at: Millis(row.get(5)?),
                imported: row.get(6)?,
                updated_at: Millis(row.get(7)?),
                dirty: false,
                first: false,
            })
        })
        .optional()
}

fn write_head(connection: &Connection, head: &mut Head) -> rusqlite::Result<()> {
    // `oldest_at` is left out when it stays, so that its index is not touched.
    connection
        .prepare_cached(
            "UPDATE heads SET number = ?2, timestamp = ?3, last_message_at = ?4, patched_at = ?5, imported = ?6
             WHERE room = ?1",
        )?
        .execute(params![
            head.row,
            sql_number(head.number),
            head.timestamp.0,
            head.last_message_at.map(|at| at.0),
            head.patched_at.0,
            head.imported,
        ])?;
    if std::mem::take(&mut head.first) {
        set_oldest(connection, head.row, head.oldest_at)?;
    }
    Ok(())
}

/// Writes the time of the oldest live message that is kept.
pub(super) fn set_oldest(connection: &Connection, room: i64, oldest: Option<Millis>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE heads SET oldest_at = ?2 WHERE room = ?1")?
        .execute(params![room, oldest.map(|at| at.0)])
        .map(drop)
}
