//! The tables, and how a folder of an earlier version is brought up to date.

use rusqlite::Connection;

use super::open::OpenError;

/// One step a version; `PRAGMA user_version` counts those that were taken.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
];

/// Marks the file as ours: "GRND".
const APPLICATION_ID: i64 = 0x4752_4e44;

/// Brings the tables up to this program's version. Each step is one transaction, so that a crash leaves a whole one.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = check(connection)?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", (step + 1) as i64)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the file, if this program knows it.
pub(super) fn check(connection: &Connection) -> Result<usize, OpenError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len());
    if found > known { Err(OpenError::Newer { found, known }) } else { Ok(found) }
}

/// The version of the file; 0 for a new one. A file of another program is refused.
fn version(connection: &Connection) -> Result<usize, OpenError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let new = version == 0 && tables == 0;
    if !new && application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    usize::try_from(version).map_err(|_| OpenError::Foreign)
}
