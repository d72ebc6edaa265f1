//! Takes what another server had into the store: archives, and files of LeanCloud's storage export.
//!
//! Can be run again after any interruption: what is there already stays as it is. What cannot be taken is set aside with
//! the reason, and counted; nothing is passed over in silence.

mod aside;
mod lists;
mod message;
mod of_app;
mod report;
mod room;
mod source;
mod switches;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join_all;
use grandstand_migrate::{
    archive::{ArchiveError, ArchiveReader, Counts, RestrictionLine, RoleLine, Section},
    rows::{self, RowsError},
};
use grandstand_protocol::{AppId, RoomId};
use grandstand_room::{clock::Millis, room::Room};
use indexmap::IndexMap;
use tokio::sync::mpsc;

use crate::{
    clock::Clock,
    store::{AppendError, Imported, Store, StoreError, StoredMessage},
};

use self::{
    aside::Aside,
    lists::{Put, Rules},
    source::{Batch, Found, Origin, Placed},
};
pub use self::{
    report::{Report, Tally},
    source::Source,
};

/// Messages in one call of the store: one commit.
const COMMIT: usize = 1000;

/// Why an import ended before everything was looked at. What was taken before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file cannot be read to its end.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The file for what was set aside cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is under way, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Hashes and counts are looked at.
    Checking,
    Rooms,
    Messages,
    /// Silences, blocks, roles and switches; bans and words.
    Rules,
}

/// Is told how far an import is.
pub trait Watch: Send + Sync {
    /// Something new begins; `total` rows, if that is known.
    fn begins(&self, phase: Phase, total: Option<u64>);
    /// So many more rows are done.
    fn advances(&self, rows: u64);
}

/// An import under way.
pub struct Import<'a> {
    /// `None` in a dry run.
    store: Option<&'a dyn Store>,
    app: AppId,
    clock: Clock,
    aside: Aside,
    report: Report,
    watch: &'a dyn Watch,
    /// In a dry run, the rooms that would be there.
    rooms: HashSet<RoomId>,
}

impl<'a> Import<'a> {
    /// An import into an app; without a store, a dry run. `aside` is written when the first row is set aside.
    #[must_use]
    pub fn new(store: Option<&'a dyn Store>, app: AppId, aside: PathBuf, watch: &'a dyn Watch) -> Self {
        Self {
            store,
            report: Report::new(&app, store.is_none()),
            app,
            clock: Clock::system(),
            aside: Aside::new(aside),
            watch,
            rooms: HashSet::new(),
        }
    }

    /// Takes one source after the other: of all of them first the rooms, so that messages find theirs in any of them.
    ///
    /// # Errors
    /// When a source cannot be read to its end, or the store fails.
    pub async fn run(mut self, sources: Vec<Source>) -> Result<Report, ImportError> {
        for source in &sources {
            self.report.sources.push(source.to_string());
            if let Source::Archive(archive) = source {
                if !archive.manifest().complete {
                    self.report.incomplete.push(archive.folder().to_owned());
                }
                self.watch.begins(Phase::Checking, None);
                let archive = Arc::clone(archive);
                source::blocking(move || archive.verify()).await??;
            }
        }
        self.watch.begins(Phase::Rooms, total(&sources, |counts| counts.rooms));
        for source in &sources {
            self.take_rooms(source::rooms(source)).await?;
        }
        self.watch.begins(Phase::Messages, total(&sources, |counts| counts.messages));
        for source in &sources {
            let rows = source::lines(source, Section::Messages, message::parse);
            self.take_messages(rows).await?;
        }
        self.watch.begins(Phase::Rules, total(&sources, Counts::rules));
        for source in &sources {
            for section in [Section::Silences, Section::Blocks] {
                let rows = source::lines(source, section, lists::restriction);
                self.take_restrictions(section, rows).await?;
            }
            let rows = source::lines(source, Section::Roles, lists::role);
            self.take_roles(rows).await?;
            self.take_switches(source::lines(source, Section::Switches, switches::parse)).await?;
            self.take_bans(source::lines(source, Section::Bans, of_app::ban)).await?;
            self.take_words(source::lines(source, Section::Words, of_app::word)).await?;
        }
        self.report.aside = self.aside.finish()?;
        Ok(self.report)
    }

    async fn take_rooms(&mut self, mut rows: Rows<Found>) -> Result<(), ImportError> {
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let count = rows.len() as u64;
            let mut rooms = Vec::new();
            for Placed { origin, row } in rows {
                match row {
                    Ok(Found::Other(kind)) => self.report.conversations.count(kind),
                    Ok(Found::Room(taken)) => {
                        self.report.rooms.read += 1;
                        if !taken.refused.is_empty() {
                            self.report.rooms.partly += 1;
                        }
                        for reason in &taken.refused {
                            self.aside.put(&file, &origin, reason, &mut self.report.reasons)?;
                        }
                        rooms.push(taken.room);
                    }
                    Err(reason) => {
                        self.report.rooms.read += 1;
                        self.report.rooms.aside += 1;
                        self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                    }
                }
            }
            self.store_rooms(rooms).await?;
            self.watch.advances(count);
        }
        Ok(())
    }

    async fn store_rooms(&mut self, rooms: Vec<Room>) -> Result<(), ImportError> {
        let Some(store) = self.store else {
            self.report.rooms.ready += rooms.len() as u64;
            self.rooms.extend(rooms.into_iter().map(|room| room.id));
            return Ok(());
        };
        let now = self.clock.wall();
        let taken = rooms.into_iter().map(|room| store.import_room(&self.app, room, now));
        for is_new in join_all(taken).await {
            if is_new? {
                self.report.rooms.imported += 1;
            } else {
                self.report.rooms.known += 1;
            }
        }
        Ok(())
    }

    async fn take_messages(&mut self, mut rows: Rows<(RoomId, StoredMessage)>) -> Result<(), ImportError> {
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let count = rows.len() as u64;
            self.report.messages.read += count;
            let mut rooms: IndexMap<RoomId, (Vec<Origin>, Vec<StoredMessage>)> = IndexMap::new();
            for Placed { origin, row } in rows {
                match row {
                    Ok((room, message)) => {
                        let (origins, messages) = rooms.entry(room).or_default();
                        origins.push(origin);
                        messages.push(message);
                    }
                    Err(reason) => {
                        self.report.messages.aside += 1;
                        self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                    }
                }
            }
            self.store_messages(&file, rooms).await?;
            self.watch.advances(count);
        }
        Ok(())
    }

    async fn store_messages(
        &mut self,
        file: &str,
        rooms: IndexMap<RoomId, (Vec<Origin>, Vec<StoredMessage>)>,
    ) -> Result<(), ImportError> {
        let now = self.clock.wall();
        let this = &*self;
        let stored = rooms.into_iter().map(|(room, (origins, messages))| async move {
            let outcome = match this.store {
                Some(store) => import_room_messages(store, &this.app, &room, messages, now).await,
                None if this.rooms.contains(&room) => Ok(None),
                None => Err(AppendError::NoRoom),
            };
            (origins, outcome)
        });
        for (origins, outcome) in join_all(stored).await {
            match outcome {
                Ok(Some(imported)) => {
                    self.report.messages.imported += imported.stored;
                    self.report.messages.known += imported.known;
                }
                Ok(None) => self.report.messages.ready += origins.len() as u64,
                Err(AppendError::Store(error)) => return Err(error.into()),
                Err(AppendError::NoRoom) => {
                    self.report.messages.aside += origins.len() as u64;
                    for origin in &origins {
                        self.aside.put(file, origin, &aside::NO_ROOM, &mut self.report.reasons)?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn take_restrictions(
        &mut self,
        section: Section,
        mut rows: Rows<RestrictionLine>,
    ) -> Result<(), ImportError> {
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let count = rows.len() as u64;
            let (origins, rows): (Vec<Origin>, Vec<_>) =
                rows.into_iter().map(|placed| (placed.origin, placed.row)).unzip();
            let rules = Rules { store: self.store, app: &self.app, rooms: &self.rooms };
            let outcomes = rules.restrict(section, rows, self.clock.wall()).await?;
            let tally = match section {
                Section::Blocks => &mut self.report.blocks,
                _ => &mut self.report.silences,
            };
            for (origin, outcome) in origins.iter().zip(outcomes) {
                outcome.count(tally);
                if let Put::Aside(reason) = outcome {
                    self.aside.put(&file, origin, &reason, &mut self.report.reasons)?;
                }
            }
            self.watch.advances(count);
        }
        Ok(())
    }

    async fn take_roles(&mut self, mut rows: Rows<RoleLine>) -> Result<(), ImportError> {
        while let Some(batch) = rows.recv().await {
            let Batch { file, mut rows } = batch?;
            let count = rows.len() as u64;
            // Owners first: a room is never without one, so that whoever was its creator can become less after them.
            rows.sort_by_key(|placed| placed.row.as_ref().map_or(0, lists::rank));
            for Placed { origin, row } in rows {
                let rules = Rules { store: self.store, app: &self.app, rooms: &self.rooms };
                let put = match row {
                    Ok(row) => rules.give(row, self.clock.wall()).await?,
                    Err(reason) => Put::Aside(reason),
                };
                put.count(&mut self.report.roles);
                if let Put::Aside(reason) = put {
                    self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                }
            }
            self.watch.advances(count);
        }
        Ok(())
    }
}

/// What a source's thread has read.
type Rows<T> = mpsc::Receiver<Result<Batch<T>, ImportError>>;

/// One commit after the other, so that the room's messages keep their order.
async fn import_room_messages(
    store: &dyn Store,
    app: &AppId,
    room: &RoomId,
    messages: Vec<StoredMessage>,
    now: Millis,
) -> Result<Option<Imported>, AppendError> {
    let mut sum = Imported::default();
    let mut messages = messages.into_iter();
    loop {
        let commit: Vec<StoredMessage> = messages.by_ref().take(COMMIT).collect();
        if commit.is_empty() {
            return Ok(Some(sum));
        }
        let imported = store.import_messages(app, room, commit, now).await?;
        sum.stored += imported.stored;
        sum.known += imported.known;
    }
}

/// How many rows there are, if all sources tell.
fn total(sources: &[Source], of: impl Fn(Counts) -> u64) -> Option<u64> {
    sources
        .iter()
        .map(|source| match source {
            Source::Archive(archive) => Some(of(archive.manifest().counts)),
            Source::Conversations(_) => None,
        })
        .sum()
}

/// Finds out what stands at a path: an archive's folder, or a file of rows.
///
/// # Errors
/// When it is neither.
pub fn source(path: &Path) -> Result<Source, ImportError> {
    if path.is_dir() {
        return Ok(Source::Archive(Arc::new(ArchiveReader::open(path)?)));
    }
    rows::Rows::open(path)?;
    Ok(Source::Conversations(path.to_owned()))
}
