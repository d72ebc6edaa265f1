//! A copy of the database while a server may write to it: one moment of it, page by page.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use grandstand_room::clock::Millis;
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    backup::{Backup, StepResult},
    ffi,
};
use serde::{Deserialize, Serialize};

use super::{
    open::{DATABASE, OpenError},
    schema,
};
use crate::clock::Clock;

/// What a copy has to hold, counted where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Version of the tables.
    pub tables: usize,
    pub rooms: u64,
    pub messages: u64,
    /// The numbers of the newest messages of all rooms, added up.
    pub numbers: u64,
    /// When the newest live message was sent, in Unix milliseconds.
    pub last_message_at: Option<i64>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Counting,
    Copying { bytes: u64, of: u64 },
    Checking,
    Hashing { bytes: u64, of: u64 },
}

/// Is told how far it is, and says whether to go on.
pub type Watch<'a> = dyn FnMut(Stage) -> ControlFlow<()> + 'a;

/// A finished copy.
#[derive(Debug)]
pub(crate) struct Copied {
    /// What was acknowledged before this moment is in it.
    pub mark: Millis,
    pub facts: Facts,
    pub bytes: u64,
    /// By how much the server's log grew meanwhile, because it could not be emptied.
    pub log_grew: u64,
}

/// Why there is no copy, or no good one. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("there is no database in {0}: is that the data folder?")]
    NoDatabase(PathBuf),
    #[error("the file {0} belongs to another program")]
    Foreign(PathBuf),
    #[error(
        "{file} was written by a newer version (tables of version {found}, this program knows {known}); install that \
         version or a later one"
    )]
    Newer { file: PathBuf, found: usize, known: usize },
    #[error("{file}: {cause}")]
    Write { file: PathBuf, cause: io::Error },
    #[error("{folder} has {free} bytes left, and {needed} are needed")]
    NoSpace { folder: PathBuf, needed: u64, free: u64 },
    #[error(
        "gave up, so that the server does not run out of space: its log grew by {grown} bytes meanwhile, and the data \
         folder has {free} bytes left"
    )]
    LogGrows { grown: u64, free: u64 },
    #[error("{file} is damaged: {what}")]
    Damaged { file: PathBuf, what: String },
    #[error("stopped")]
    Stopped,
    #[error("cannot read {file}: {cause}")]
    Read { file: PathBuf, cause: rusqlite::Error },
}

/// Pages in one step, 1 MiB of them.
const STEP: i32 = 256;

/// A pause is as long as the step before it, so that the disk is the server's for half of the time, but not longer.
const PAUSE: Duration = Duration::from_millis(100);

/// When the log has grown by this much, there are no pauses any more.
const HURRY: u64 = 64 * 1024 * 1024;

/// What is written is brought to the disk in pieces: an fsync of the server would wait for a large one.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;

/// Copies the database in `folder` to a file that is not there yet, and checks the copy.
///
/// The copy shows the moment at which it began. As long as it lasts, the server's log cannot be emptied and grows by
/// what the server writes. On failure, a part of the file may be there.
pub(crate) fn copy(folder: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<Copied, CopyError> {
    copy_beside(free, folder, to, watch)
}

/// The same beside a server whose disk has as much left as `free` says.
fn copy_beside(free: Free, folder: &Path, to: &Path, watch: &mut Watch<'_>) -> Result<Copied, CopyError> {
    let from = folder.join(DATABASE);
    if !from.is_file() {
        return Err(CopyError::NoDatabase(folder.to_owned()));
    }
    let read = |cause| CopyError::Read { file: from.clone(), cause };
    // Not read-only: it shares the server's log, and without a server it makes one.
    let mut source = Connection::open_with_flags(&from, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(read)?;
    source.busy_timeout(Duration::from_secs(5)).map_err(read)?;
    source.pragma_update(None, "cache_size", -4096).map_err(read)?;

    let mark = Clock::system().wall();
    // All that is read until the commit is of one moment. It begins with the first read, and without it, the copy would
    // begin anew at every commit of the server.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(read)?;
    check_version(&source, &from)?;
    told(watch, Stage::Counting)?;
    let facts = count(&source).map_err(read)?;
    let mut pace = Pace::new(folder, free);
    let bytes = copy_pages(&source, &from, to, &mut pace, watch)?;
    source.execute_batch("COMMIT").map_err(read)?;
    empty_log(&mut source);
    drop(source);

    stand_alone(to)?;
    told(watch, Stage::Checking)?;
    let copied = check(to)?;
    if copied != facts {
        let what = format!("it holds {copied:?}, and should hold {facts:?}");
        return Err(CopyError::Damaged { file: to.to_owned(), what });
    }
    Ok(Copied { mark, facts, bytes, log_grew: pace.grew })
}

/// Whether a file is a whole database of ours; what it holds.
pub(crate) fn check(file: &Path) -> Result<Facts, CopyError> {
    let read = |cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            CopyError::Damaged { file: file.to_owned(), what: cause.to_string() }
        }
        _ => CopyError::Read { file: file.to_owned(), cause },
    };
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(read)?;
    check_version(&connection, file)?;
    let said: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(read)?;
    if said != "ok" {
        return Err(CopyError::Damaged { file: file.to_owned(), what: said });
    }
    count(&connection).map_err(read)
}

/// Stops the work if that is wanted.
pub(crate) fn told(watch: &mut Watch<'_>, stage: Stage) -> Result<(), CopyError> {
    if watch(stage).is_break() { Err(CopyError::Stopped) } else { Ok(()) }
}

fn check_version(connection: &Connection, file: &Path) -> Result<(), CopyError> {
    schema::check(connection).map(drop).map_err(|error| match error {
        OpenError::Newer { found, known } => CopyError::Newer { file: file.to_owned(), found, known },
        OpenError::Corrupt(cause) => CopyError::Damaged { file: file.to_owned(), what: cause.to_string() },
        OpenError::Database(cause) => CopyError::Read { file: file.to_owned(), cause },
        _ => CopyError::Foreign(file.to_owned()),
    })
}

fn count(connection: &Connection) -> rusqlite::Result<Facts> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(super::wire_number);
    Ok(Facts {
        tables: number("SELECT user_version FROM pragma_user_version")? as usize,
        rooms: number("SELECT count(*) FROM rooms")?,
        messages: number("SELECT count(*) FROM messages")?,
        numbers: number("SELECT coalesce(sum(number), 0) FROM heads")?,
        last_message_at: connection
            .query_row("SELECT max(last_message_at) FROM heads", [], |row| row.get(0))?,
    })
}

/// All pages of the moment that `source` sees; how many bytes these are.
fn copy_pages(
    source: &Connection,
    from: &Path,
    to: &Path,
    pace: &mut Pace,
    watch: &mut Watch<'_>,
) -> Result<u64, CopyError> {
    let failed = |cause: rusqlite::Error| match cause.sqlite_error() {
        Some(error) if is_write(error) => {
            CopyError::Write { file: to.to_owned(), cause: io::Error::other(cause.to_string()) }
        }
        _ => CopyError::Read { file: from.to_owned(), cause },
    };
    let wrong = |cause| CopyError::Write { file: to.to_owned(), cause };
    let page: u64 =
        source.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0)).map_err(failed)?.into();
    let pages: u64 =
        source.pragma_query_value(None, "page_count", |row| row.get::<_, u32>(0)).map_err(failed)?.into();
    has_space(to, page * pages)?;

    let file = File::options().write(true).create_new(true).mode(0o600).open(to).map_err(wrong)?;
    let mut target = Connection::open(to).map_err(failed)?;
    // Nobody needs half of a copy: it has no journal, and is brought to the disk here.
    target
        .execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
        .map_err(failed)?;
    let backup = Backup::new(source, &mut target).map_err(failed)?;
    let mut synced = 0;
    loop {
        let began = Instant::now();
        let step = backup.step(STEP).map_err(failed)?;
        let progress = backup.progress();
        let bytes = (progress.pagecount - progress.remaining).unsigned_abs();
        let bytes = u64::from(bytes) * page;
        told(watch, Stage::Copying { bytes, of: page * pages })?;
        if step == StepResult::Done {
            break;
        }
        if bytes - synced >= SYNC_EVERY {
            file.sync_data().map_err(wrong)?;
            synced = bytes;
        }
        pace.pause(began.elapsed())?;
    }
    drop(backup);
    drop(target);
    file.sync_all().map_err(wrong)?;
    Ok(page * pages)
}

/// Whether the copy could not be written, rather than the database not read.
fn is_write(error: &ffi::Error) -> bool {
    error.code == ErrorCode::DiskFull
        || error.code == ErrorCode::CannotOpen
        || [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_FSYNC]
            .contains(&error.extended_code)
}

/// Refuses at once what would fail later.
fn has_space(to: &Path, needed: u64) -> Result<(), CopyError> {
    let folder = to.parent().unwrap_or(Path::new("."));
    match free(folder) {
        Some(free) if free < needed => Err(CopyError::NoSpace { folder: folder.to_owned(), needed, free }),
        _ => Ok(()),
    }
}

/// Bytes that can still be written where a folder is, if that can be known.
type Free = fn(&Path) -> Option<u64>;

fn free(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail * system.f_frsize)
}

/// Brings what the server wrote meanwhile from its log into the database, so that its own thread need not do it while
/// it could acknowledge messages. A writer does not wait for this.
fn empty_log(source: &mut Connection) {
    if let Err(error) = source.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
        // The server does it, then.
        tracing::debug!(%error, "could not empty the log into the database");
    }
}

/// The copy says of itself, as the database did, that a log belongs to it. It has none.
fn stand_alone(file: &Path) -> Result<(), CopyError> {
    let write = |cause: rusqlite::Error| CopyError::Write {
        file: file.to_owned(),
        cause: io::Error::other(cause.to_string()),
    };
    let connection = Connection::open(file).map_err(write)?;
    connection.pragma_update(None, "journal_mode", "DELETE").map_err(write)?;
    connection.close().map_err(|(_, cause)| write(cause))?;
    let synced = File::open(file).and_then(|file| file.sync_all());
    synced.map_err(|cause| CopyError::Write { file: file.to_owned(), cause })
}

/// Between the server that wants the disk and the log that grows until this is done.
struct Pace {
    folder: PathBuf,
    free: Free,
    /// Asked for by name only: closing a second handle to a file of SQLite would give up its locks.
    log: PathBuf,
    before: u64,
    grew: u64,
}

impl Pace {
    fn new(folder: &Path, free: Free) -> Self {
        let log = log(folder);
        let before = size(&log);
        Self { folder: folder.to_owned(), free, log, before, grew: 0 }
    }

    fn pause(&mut self, step: Duration) -> Result<(), CopyError> {
        self.grew = self.grew.max(size(&self.log).saturating_sub(self.before));
        // The server needs as much again to empty its log into the database.
        if let Some(free) = (self.free)(&self.folder)
            && free < self.grew
        {
            return Err(CopyError::LogGrows { grown: self.grew, free });
        }
        if self.grew < HURRY {
            thread::park_timeout(step.min(PAUSE));
        }
        Ok(())
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join(format!("{DATABASE}-wal"))
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}
