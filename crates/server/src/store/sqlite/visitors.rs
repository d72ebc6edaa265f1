//! Who logged in on which day.

use rusqlite::{Connection, params};

use super::ledger::Ledger;
use crate::store::Visitor;

/// Rows of former days removed with each note: at midnight there may be a million.
const ROWS: i64 = 500;

pub(super) fn note(ledger: &mut Ledger, day: i64, visitors: &[Visitor]) -> rusqlite::Result<()> {
    for visitor in visitors {
        let app = ledger.make_app(&visitor.app)?;
        ledger
            .connection
            .prepare_cached("INSERT OR IGNORE INTO visitors (day, app, client) VALUES (?1, ?2, ?3)")?
            .execute(params![day, app, visitor.client.cast_signed()])?;
    }
    ledger
        .connection
        .prepare_cached(
            "DELETE FROM visitors WHERE (day, app, client) IN
                 (SELECT day, app, client FROM visitors WHERE day < ?1 LIMIT ?2)",
        )?
        .execute(params![day, ROWS])
        .map(drop)
}

pub(super) fn of_day(connection: &Connection, day: i64) -> rusqlite::Result<Vec<Visitor>> {
    connection
        .prepare_cached(
            "SELECT a.id, v.client FROM visitors v JOIN apps a ON a.row = v.app WHERE v.day = ?1",
        )?
        .query_map([day], |row| {
            Ok(Visitor {
                app: row.get::<_, String>(0)?.into(),
                client: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?
        .collect()
}
