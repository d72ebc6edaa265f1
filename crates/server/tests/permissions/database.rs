//! What the database says of rooms and clients: whether an operation has changed anything.

use std::{path::Path, sync::Mutex};

use rusqlite::{Connection, OpenFlags, ToSql, types::Value};

/// What is kept of a room, by its row. Not what is noted in passing, such as when somebody was last seen.
const OF_ROOM: [&str; 5] = [
    "SELECT data, creator FROM rooms WHERE row = ?1",
    "SELECT id, body, recalled FROM messages WHERE room = ?1",
    "SELECT list, client FROM restrictions WHERE room = ?1",
    "SELECT client, role FROM roles WHERE room = ?1",
    "SELECT * FROM room_switches WHERE room = ?1",
];

/// What is kept of a client in an app.
const OF_CLIENT: [&str; 5] = [
    "SELECT session, room FROM sessions JOIN rooms ON rooms.row = sessions.room
        WHERE sessions.app = ?1 AND client = ?2 AND dropped_at IS NULL",
    "SELECT room FROM wills WHERE app = ?1 AND sender = ?2",
    "SELECT room FROM refusals WHERE app = ?1 AND client = ?2",
    "SELECT kind FROM bans WHERE app = ?1 AND kind = 1 AND subject = ?2",
    "SELECT before FROM revocations WHERE app = ?1 AND client = ?2",
];

/// What a cell is about.
pub(crate) struct Subject<'a> {
    pub(crate) apps: [&'a str; 2],
    pub(crate) rooms: [&'a str; 2],
    pub(crate) clients: [&'a str; 4],
    /// The name of rooms that are made in the cell.
    pub(crate) made: String,
    /// Whether it is about the words of the whole app, too.
    pub(crate) words: bool,
}

/// A reader beside the server.
pub(crate) struct Database(Mutex<Connection>);

/// Rows, from all tables, one behind the other.
type Rows = Vec<Vec<Value>>;

impl Database {
    pub(crate) fn open(folder: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(folder.join("grandstand.db"), flags).unwrap();
        connection.set_prepared_statement_cache_capacity(32);
        Self(Mutex::new(connection))
    }

    /// All that is kept of it.
    pub(crate) fn look(&self, subject: &Subject<'_>) -> Rows {
        let connection = self.0.lock().unwrap();
        let rows = |text, given: &[&dyn ToSql]| rows(&connection, text, given);
        let mut found = Vec::new();
        for app in subject.apps {
            let Some(app) = rows("SELECT row FROM apps WHERE id = ?1", &[&app]).pop() else { continue };
            let app = &app[0];
            for room in subject.rooms {
                for room in rows("SELECT row FROM rooms WHERE app = ?1 AND id = ?2", &[app, &room]) {
                    found.extend(OF_ROOM.iter().flat_map(|text| rows(text, &[&room[0]])));
                }
            }
            found.extend(rows("SELECT id FROM rooms WHERE app = ?1 AND name = ?2", &[app, &subject.made]));
            for client in subject.clients {
                found.extend(OF_CLIENT.iter().flat_map(|text| rows(text, &[app, &client])));
            }
            if subject.words {
                found.extend(rows("SELECT words FROM word_lists WHERE app = ?1", &[app]));
            }
        }
        found
    }
}

/// In an order that does not depend on when they were written.
fn rows(connection: &Connection, text: &str, given: &[&dyn ToSql]) -> Rows {
    let mut statement = connection.prepare_cached(text).unwrap();
    let width = statement.column_count();
    let read = statement.query_map(given, |row| (0..width).map(|column| row.get(column)).collect());
    let mut rows: Rows = read.unwrap().map(Result::unwrap).collect();
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}
