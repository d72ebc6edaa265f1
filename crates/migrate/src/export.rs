//! Export: everything that an app has in its rooms, out of a LeanCloud app or of a Grandstand server, over REST.
//!
//! One reading after the other: the list of rooms, their messages, who is silenced, blocked or has a role; then what is
//! in the files is checked. What was read is sealed every now and then together with a cursor, so that an export that was
//! interrupted anywhere goes on from there, without a gap and without a double.

mod checks;
mod cursor;
mod failure;
mod item;
mod lists;
mod messages;
mod of_app;
mod page;
mod progress;
mod report;
mod rooms;
mod row;
mod source;

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use grandstand_room::clock::Millis;
use indexmap::IndexMap;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use self::{
    cursor::{Anchor, Cursor, Lists, Place, Walk},
    rooms::Windows,
    source::Source,
};
pub use self::{
    failure::{ExportError, Refusal},
    progress::{Progress, Stage, Waiting},
    report::{Checked, Continuity, Finding, OtherMessages, Others, Report},
    source::{Calls, Pace},
};
use crate::archive::{self, About, ArchiveError, ArchiveReader, ArchiveWriter, Manifest, Rooms, SourceKind};

/// Messages of a page: more than LeanCloud and Grandstand give.
const PAGE: usize = 1000;

/// By how much the next export overlaps this one, in milliseconds: clocks of a service's machines differ and are set, and
/// a message may become visible some time after its time.
const OVERLAP: i64 = 60_000;

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder.
    pub out: PathBuf,
    /// The app's id.
    pub app: String,
    /// These rooms; when empty, all.
    pub rooms: Vec<String>,
    /// Messages from this time on, in Unix milliseconds.
    pub since: Option<i64>,
    /// Messages before this time.
    pub until: Option<i64>,
    /// How messages are read; by default as it costs least.
    pub by: Option<By>,
    /// Lists that are left out.
    pub without: Vec<List>,
    /// What is checked at the end.
    pub checks: Thoroughness,
    /// How often what was read is sealed. An interruption costs so much time.
    pub seal_every: Duration,
    /// The program and its version.
    pub made_by: String,
}

/// How messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// In one stream of the whole app: a page has a thousand messages, whatever rooms they are from.
    App,
    /// Room after room: two requests at least for each, and one for a silent one.
    Room,
}

/// A list that each room has, or the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    Silences,
    Blocks,
    Roles,
    // LeanCloud has none of these.
    Switches,
    Bans,
    Words,
}

/// What is checked at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thoroughness {
    /// What was written is read back.
    Files,
    /// And some rooms are read again, among them all that are suspected to lack something.
    #[default]
    Sample,
    /// And every room is read again.
    All,
}

/// What an export came to.
#[derive(Debug)]
pub struct Exported {
    /// `manifest.json`.
    pub manifest: Manifest,
    /// `report.json`.
    pub report: Report,
    /// Whether it was all there already.
    pub was_done: bool,
}

/// An export under way.
struct Run {
    source: Source,
    options: Options,
    kind: SourceKind,
    writer: ArchiveWriter,
    cursor: Cursor,
    /// Rooms in the order of the archive, and when their last message came by their rows.
    rooms: IndexMap<String, Option<i64>>,
    /// Conversations that were looked up, and are no rooms.
    no_rooms: HashSet<String>,
    /// Rows that were set aside.
    broken: HashSet<String>,
    /// Rows of a page of messages.
    most: usize,
    sealed_at: Instant,
    /// What was asked before this run.
    calls_before: Calls,
    /// Held as long as somebody writes into the folder.
    _lock: File,
}

/// Exports, or goes on with an export of the same in the same folder.
///
/// `http` sends the app's keys with every request, and follows no redirect.
///
/// # Errors
/// When it cannot go on. What was sealed stays, and the next call goes on from there.
pub async fn export(
    http: reqwest::Client,
    base: Url,
    pace: Pace,
    options: Options,
    progress: watch::Sender<Progress>,
) -> Result<Exported, ExportError> {
    let lock = lock(&options.out)?;
    if let Some(done) = done(&options, &base)? {
        return Ok(done);
    }
    let mut source = Source::new(http, base, pace, progress);
    let kind = source.kind().await?;
    // A wrong key leaves nothing in the folder.
    source.get(&["1.2", "rtm", "chatrooms"], &[("limit", "1".to_owned())], Value::is_object).await?;
    let (writer, cursor) = open(&source, &options, kind)?;
    let calls_before = cursor.report.calls;
    let mut run = Run {
        source,
        options,
        kind,
        writer,
        cursor,
        rooms: IndexMap::new(),
        no_rooms: HashSet::new(),
        broken: HashSet::new(),
        most: PAGE,
        sealed_at: Instant::now(),
        calls_before,
        _lock: lock,
    };
    run.remember_rooms()?;
    run.go().await?;
    run.finish()
}

impl Run {
    async fn go(&mut self) -> Result<(), ExportError> {
        loop {
            let place = std::mem::replace(&mut self.cursor.place, Place::Done);
            self.enter(&place);
            let next = match place {
                Place::Rooms(windows) => {
                    self.read_rooms(windows).await?;
                    Place::Messages(Walk::default())
                }
                Place::Messages(walk) => {
                    self.read_messages(walk).await?;
                    Place::Lists(Lists::default())
                }
                Place::Lists(lists) => {
                    self.read_lists(lists).await?;
                    Place::OfApp
                }
                Place::OfApp => {
                    self.read_of_app().await?;
                    Place::Checks { all: false }
                }
                Place::Checks { all } => {
                    self.check(all).await?;
                    Place::Done
                }
                Place::Done => return Ok(()),
            };
            self.cursor.place = next;
            self.seal()?;
        }
    }

    /// After an interruption: the rooms that are sealed.
    fn remember_rooms(&mut self) -> Result<(), ExportError> {
        for line in self.writer.reader()?.rooms() {
            let line = line?;
            self.rooms.insert(line.id, line.last_message_at);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.sealed_at.elapsed() >= self.options.seal_every
            || self.writer.unsealed().messages >= archive::SEGMENT
    }

    fn seal_if_due(&mut self) -> Result<(), ExportError> {
        if self.is_due() { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), ExportError> {
        self.note_calls();
        self.writer.seal(&self.cursor)?;
        self.sealed_at = Instant::now();
        Ok(())
    }

    fn note_calls(&mut self) {
        let (before, now) = (self.calls_before, self.source.calls());
        self.cursor.report.calls = Calls {
            sent: before.sent + now.sent,
            repeated: before.repeated + now.repeated,
            over_quota: before.over_quota + now.over_quota,
            mended: before.mended + now.mended,
        };
    }

    fn finish(mut self) -> Result<Exported, ExportError> {
        self.note_calls();
        let report = &mut self.cursor.report;
        report.not_told = not_told(self.kind).iter().map(ToString::to_string).collect();
        let began = Some(self.cursor.began).filter(|began| *began > 0);
        let overlapped = began.map(|began| began - OVERLAP);
        report.next_since = self.options.until.or(overlapped).map(|time| Millis(time).to_iso());
        let complete = report.is_complete();
        if !complete {
            // Called again, it looks at every room.
            self.cursor.place = Place::Checks { all: true };
        }
        let report = self.cursor.report.clone();
        let written = serde_json::to_value(&report).unwrap_or_default();
        let manifest = self.writer.finish(&self.cursor, &written, Some(now().to_iso()), complete)?;
        Ok(Exported { manifest, report, was_done: false })
    }

    fn enter(&self, place: &Place) {
        let stage = match place {
            Place::Rooms(_) => Stage::Rooms,
            Place::Messages(_) => Stage::Messages,
            Place::Lists(_) | Place::OfApp => Stage::Lists,
            Place::Checks { .. } | Place::Done => Stage::Checks,
        };
        self.source.progress().send_modify(|progress| (progress.stage, progress.share) = (stage, None));
        self.tell();
    }

    fn tell(&self) {
        let (sealed, unsealed) = (self.writer.sealed(), self.writer.unsealed());
        let calls = self.source.calls().sent;
        self.source.progress().send_modify(|progress| {
            progress.rooms = self.rooms.len() as u64;
            progress.messages = sealed.messages + unsealed.messages;
            progress.listed = sealed.rules() + unsealed.rules();
            progress.calls = calls;
        });
    }

    fn tell_share(&self, share: f64) {
        self.source.progress().send_modify(|progress| progress.share = Some(share));
        self.tell();
    }

    /// How far the stream is, by the time of its messages; or by the number of rooms.
    fn tell_walk(&self, walk: &Walk) {
        let end = self.options.until.unwrap_or(self.cursor.began);
        match (self.cursor.by, &walk.anchor, walk.first) {
            (By::App, Some(Anchor { timestamp, .. }), Some(first)) if end > first => {
                self.tell_share(((timestamp - first) as f64 / (end - first) as f64).clamp(0.0, 1.0));
            }
            (By::Room, ..) => self.tell_share(walk.room as f64 / self.rooms.len().max(1) as f64),
            _ => self.tell(),
        }
    }
}

/// What stays unknown.
fn not_told(kind: SourceKind) -> &'static [&'static str] {
    match kind {
        SourceKind::LeanCloud => &[
            "LeanCloud shows to nobody who is silenced for a time, and until when: only permanent silences are here",
            "LeanCloud does not tell levels, mentions and times of edits of messages in history",
        ],
        SourceKind::Grandstand => &["the audit log and the evidence stay where they are"],
    }
}

/// Begins an export, or takes up one that was interrupted.
fn open(
    source: &Source,
    options: &Options,
    kind: SourceKind,
) -> Result<(ArchiveWriter, Cursor), ExportError> {
    let by = options.by.unwrap_or(if options.rooms.is_empty() { By::App } else { By::Room });
    let about = about(source.base(), options, kind);
    let fresh = || Cursor {
        by,
        without: options.without.clone(),
        began: source.clock(),
        place: Place::Rooms(Windows::default()),
        report: Report::default(),
    };
    let Some((mut writer, cursor)) = ArchiveWriter::resume(&options.out)? else {
        let mut writer = ArchiveWriter::create(&options.out, about)?;
        let cursor = fresh();
        writer.seal(&cursor)?;
        return Ok((writer, cursor));
    };
    if let Some(difference) = difference(writer.about(), &about) {
        return Err(ExportError::Another { folder: options.out.display().to_string(), difference });
    }
    if cursor.is_null() {
        let cursor = fresh();
        writer.seal(&cursor)?;
        return Ok((writer, cursor));
    }
    let cursor: Cursor = serde_json::from_value(cursor).map_err(|error| ArchiveError::BadState {
        path: options.out.join("state"),
        problem: error.to_string(),
    })?;
    let is_same = options.by.is_none_or(|by| by == cursor.by) && options.without == cursor.without;
    if !is_same {
        let difference = "it reads messages another way, or has other lists".to_owned();
        return Err(ExportError::Another { folder: options.out.display().to_string(), difference });
    }
    Ok((writer, cursor))
}

fn about(base: &Url, options: &Options, kind: SourceKind) -> About {
    let time = |time: Option<i64>| time.map(|time| Millis(time).to_iso());
    About {
        source: archive::Source { kind, url: base.to_string(), app: options.app.clone() },
        made_by: options.made_by.clone(),
        started_at: now().to_iso(),
        range: archive::Range { from: time(options.since), to: time(options.until) },
        rooms: if options.rooms.is_empty() { Rooms::ALL } else { Rooms::Only(options.rooms.clone()) },
    }
}

/// What is asked for now, and was not then.
fn difference(then: &About, now: &About) -> Option<String> {
    let app = |about: &About| format!("app {} of {}", about.source.app, about.source.url);
    if app(then) != app(now) {
        return Some(app(then));
    }
    if then.range != now.range {
        return Some("other times of messages".to_owned());
    }
    (then.rooms != now.rooms).then(|| "other rooms".to_owned())
}

/// What a finished export of the same came to.
fn done(options: &Options, base: &Url) -> Result<Option<Exported>, ExportError> {
    let manifest = match ArchiveReader::open(&options.out) {
        Ok(reader) => reader.manifest().clone(),
        Err(ArchiveError::NoManifest(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if let Some(difference) = difference(&manifest.about, &about(base, options, SourceKind::LeanCloud)) {
        return Err(ExportError::Another { folder: options.out.display().to_string(), difference });
    }
    if !manifest.complete {
        return Ok(None);
    }
    let report = fs::read(options.out.join("report.json")).ok();
    let report = report.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    Ok(Some(Exported { manifest, report, was_done: true }))
}

/// Two that write into one folder would spoil it. An empty folder stays empty until somebody writes into it.
fn lock(folder: &Path) -> Result<File, ExportError> {
    let failed = |path: &Path, cause| ArchiveError::Io { path: path.to_owned(), cause };
    archive::make_folder(folder).map_err(|cause| failed(folder, cause))?;
    let file = File::open(folder).map_err(|cause| failed(folder, cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ExportError::Busy(folder.display().to_string())),
        Err(TryLockError::Error(cause)) => Err(failed(folder, cause).into()),
    }
}

/// By the clock of this machine.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl List {
    /// Those that each room has.
    const OF_ROOMS: [Self; 4] = [Self::Silences, Self::Blocks, Self::Roles, Self::Switches];

    const fn name(self) -> &'static str {
        match self {
            Self::Silences => "silences",
            Self::Blocks => "blocks",
            Self::Roles => "roles",
            Self::Switches => "switches",
            Self::Bans => "bans",
            Self::Words => "words",
        }
    }
}
