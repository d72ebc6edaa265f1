//! Opening a data folder: its lock, its database file, the settings of a connection.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// Why a data folder cannot be used. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, or nothing can be written there.
    #[error("cannot write in the data folder {folder}: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    /// Two processes on one folder would overwrite each other.
    #[error("another process uses the data folder {folder}; stop it, or give this one another folder")]
    Held { folder: PathBuf },
    /// Going back is not supported: older programs do not know the newer tables.
    #[error(
        "the data folder was written by a newer version (tables of version {found}, this program knows {known}); \
         install that version or a later one"
    )]
    Newer { found: usize, known: usize },
    /// A database, but not ours.
    #[error("the file grandstand.db in the data folder belongs to another program")]
    Foreign,
    /// The file is damaged.
    #[error("the database in the data folder is damaged ({0}); restore a backup")]
    Corrupt(rusqlite::Error),
    /// The system refused a thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Anything else.
    #[error("cannot open the database: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt(error),
            _ => Self::Database(error),
        }
    }
}

/// The database, beside which SQLite keeps its log.
pub(crate) const DATABASE: &str = "grandstand.db";

/// Prepared statements kept by a connection; more than there are kinds.
const STATEMENTS: usize = 128;

/// Takes the folder for this process. The kernel frees it when the process ends, however it ends.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let refused = |source| OpenError::Folder { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(refused)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("LOCK"))
        .map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// The connection that writes. `synchronous=FULL`: a commit returns after fsync.
pub(super) fn writer(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join(DATABASE))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The writer does it itself, between groups, so that nobody's commit waits for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(folder: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(DATABASE), flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
