//! Where rows come from. Files are read, checked and parsed on a thread of their own, some batches ahead of the store.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use grandstand_migrate::{
    archive::{ArchiveReader, RoomLine, Section},
    conversation::{self, Kind},
    rows::Rows,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::{sync::mpsc, task};

use super::{ImportError, aside::Reason, room};
use crate::store::StoreError;

/// Rows in a batch: enough that one commit of them is worth its fsync.
const ROWS: usize = 10_000;

/// Bytes in a batch, before it is parsed.
const BYTES: usize = 16 * 1024 * 1024;

/// Batches that wait for the store.
const AHEAD: usize = 2;

/// Where rows come from.
#[derive(Debug)]
pub enum Source {
    /// An archive's folder.
    Archive(Arc<ArchiveReader>),
    /// A file of `_Conversation`.
    Conversations(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(archive) => {
                let source = &archive.manifest().about.source;
                write!(f, "{} (app {} of {})", archive.folder().display(), source.app, source.url)
            }
            Self::Conversations(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Where a row stood, and how it was.
pub(super) struct Origin {
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
}

/// A row, or why it is none.
pub(super) struct Placed<T> {
    pub(super) origin: Origin,
    pub(super) row: Result<T, Reason>,
}

/// Some rows of one file.
pub(super) struct Batch<T> {
    pub(super) file: String,
    pub(super) rows: Vec<Placed<T>>,
}

/// What a row of a table of conversations is.
pub(super) enum Found {
    Room(Box<room::Taken>),
    Other(Kind),
}

type Sender<T> = mpsc::Sender<Result<Batch<T>, ImportError>>;

/// The rooms of a source.
pub(super) fn rooms(source: &Source) -> super::Rows<Found> {
    match source {
        Source::Archive(_) => lines(source, Section::Rooms, room::parse),
        Source::Conversations(path) => {
            let path = path.clone();
            spawn(move |sender| conversations(&path, sender))
        }
    }
}

/// The rows of an archive's section; of other sources, none.
pub(super) fn lines<L, T>(
    source: &Source,
    section: Section,
    parse: fn(L) -> Result<T, Reason>,
) -> super::Rows<T>
where
    L: DeserializeOwned + 'static,
    T: Send + 'static,
{
    let archive = match source {
        Source::Archive(archive) => Some(Arc::clone(archive)),
        Source::Conversations(_) => None,
    };
    spawn(move |sender| match archive {
        Some(archive) => archived(&archive, section, parse, sender),
        None => Ok(()),
    })
}

/// Runs on a thread where nobody waits.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    task::spawn_blocking(work).await.map_err(|error| StoreError::Failed(error.into()))
}

/// The thread ends with its work, or when nobody takes its batches any more.
fn spawn<T: Send + 'static>(
    read: impl FnOnce(&Sender<T>) -> Result<(), ImportError> + Send + 'static,
) -> super::Rows<T> {
    let (sender, rows) = mpsc::channel(AHEAD);
    task::spawn_blocking(move || {
        if let Err(error) = read(&sender) {
            // Nobody waits for it any more: there was another error.
            let _ = sender.blocking_send(Err(error));
        }
    });
    rows
}

fn archived<L: DeserializeOwned, T>(
    archive: &ArchiveReader,
    section: Section,
    parse: fn(L) -> Result<T, Reason>,
    sender: &Sender<T>,
) -> Result<(), ImportError> {
    for entry in archive.files(section) {
        let mut batches = Batches::new(&entry.path, sender);
        for line in archive.lines(entry)? {
            let line = line?;
            let row = match serde_json::from_slice(&line.text) {
                Ok(row) => parse(row),
                Err(error) => Err(Reason::new("it is no row of an archive", error.to_string())),
            };
            if !batches.push(Origin { line: line.number, raw: line.text }, row) {
                return Ok(());
            }
        }
        batches.send();
    }
    Ok(())
}

fn conversations(path: &Path, sender: &Sender<Found>) -> Result<(), ImportError> {
    let file = path.display().to_string();
    let mut batches = Batches::new(&file, sender);
    for row in Rows::open(path)? {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                // What was read before is taken.
                batches.send();
                return Err(error.into());
            }
        };
        let mut raw = row.raw;
        let found = match row.columns {
            Ok(columns) => {
                if raw.is_empty() {
                    raw = serde_json::to_vec(&columns).unwrap_or_default();
                }
                conversation(columns)
            }
            Err(problem) => Err(Reason::new("it is no row", problem)),
        };
        if !batches.push(Origin { line: row.number, raw }, found) {
            return Ok(());
        }
    }
    batches.send();
    Ok(())
}

fn conversation(columns: Map<String, Value>) -> Result<Found, Reason> {
    let line = |columns| {
        RoomLine::of_row(columns).map_err(|error| Reason::new("the row is no room", error.to_string()))
    };
    match conversation::kind(&columns) {
        Some(Kind::Room) => room::parse(line(columns)?),
        Some(other) => Ok(Found::Other(other)),
        // Without any sign it has to be a row at least: rooms may be hidden in something else.
        None => line(columns).map(|_| Found::Other(Kind::Ordinary)),
    }
}

/// Gathers rows and sends them off.
struct Batches<'a, T> {
    sender: &'a Sender<T>,
    file: &'a str,
    rows: Vec<Placed<T>>,
    bytes: usize,
}

impl<'a, T> Batches<'a, T> {
    fn new(file: &'a str, sender: &'a Sender<T>) -> Self {
        Self { sender, file, rows: Vec::new(), bytes: 0 }
    }

    /// `false` when nobody takes them any more.
    fn push(&mut self, origin: Origin, row: Result<T, Reason>) -> bool {
        self.bytes += origin.raw.len();
        self.rows.push(Placed { origin, row });
        if self.rows.len() < ROWS && self.bytes < BYTES {
            return true;
        }
        self.send()
    }

    fn send(&mut self) -> bool {
        self.bytes = 0;
        let batch = Batch { file: self.file.to_owned(), rows: std::mem::take(&mut self.rows) };
        self.sender.blocking_send(Ok(batch)).is_ok()
    }
}
