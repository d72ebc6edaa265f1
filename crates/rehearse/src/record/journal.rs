//! The file: one thread writes it, and whoever has something for it waits for its turn.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use tokio::sync::{mpsc, oneshot};

use super::RecordError;
use crate::recording::{Event, Header, Line, Side};

/// Lines that wait for the disk; beyond them, what passes waits.
const WAITING: usize = 64;

/// How much was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub lines: u64,
    pub web_sockets: u64,
    /// Commands of apps.
    pub sent: u64,
    /// Replies and pushes.
    pub received: u64,
    pub calls: u64,
    /// Messages that are no commands.
    pub unread: u64,
}

/// Takes events, in the order in which they pass.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begin: Instant,
    lines: Mutex<Option<mpsc::Sender<Line>>>,
    connections: AtomicU64,
    exchanges: AtomicU64,
}

/// The other end: the file's fate.
#[derive(Debug)]
pub(crate) struct End {
    writer: JoinHandle<io::Result<Totals>>,
    failed: oneshot::Receiver<()>,
    path: std::path::PathBuf,
}

impl Journal {
    /// Makes the file, for its owner only: names of people are in it.
    pub(super) fn begin(path: &Path, header: &Header) -> Result<(Self, End), RecordError> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(path.to_owned()),
            _ => RecordError::Write { path: path.to_owned(), cause },
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let mut file = BufWriter::with_capacity(256 * 1024, file);
        write(&mut file, header).and_then(|()| file.flush()).map_err(failed)?;
        let (sender, lines) = mpsc::channel(WAITING);
        let (alive, fate) = oneshot::channel();
        let writer = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let written = write_all(file, lines);
            drop(alive);
            written
        });
        let shared = Shared {
            begin: Instant::now(),
            lines: Mutex::new(Some(sender)),
            connections: AtomicU64::new(0),
            exchanges: AtomicU64::new(0),
        };
        let end = End { writer: writer.map_err(failed)?, failed: fate, path: path.to_owned() };
        Ok((Self(Arc::new(shared)), end))
    }

    pub(super) fn next_connection(&self) -> u64 {
        self.0.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn next_exchange(&self) -> u64 {
        self.0.exchanges.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes an event down before it passes, so that causes stand before what they cause.
    pub(super) async fn note(&self, connection: u64, event: Event) {
        let at = u64::try_from(self.0.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sender = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sender) = sender {
            // The recorder ends when its file does.
            let _ = sender.send(Line { at, connection, event }).await;
        }
    }

    /// No more events: the file ends with those that wait.
    pub(super) fn close(&self) {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl End {
    /// Waits until the file cannot be written any more.
    pub(super) async fn failed(&mut self) {
        let _ = (&mut self.failed).await;
    }

    /// Waits for the last line.
    pub(super) async fn totals(self) -> Result<Totals, RecordError> {
        let Self { writer, path, .. } = self;
        let joined = tokio::task::spawn_blocking(move || writer.join()).await;
        let written = match joined {
            Ok(Ok(written)) => written,
            _ => Err(io::Error::other("the thread that writes it has panicked")),
        };
        written.map_err(|cause| RecordError::Write { path, cause })
    }
}

fn write_all(mut file: BufWriter<File>, mut lines: mpsc::Receiver<Line>) -> io::Result<Totals> {
    let mut totals = Totals::default();
    while let Some(line) = lines.blocking_recv() {
        totals.count(&line.event);
        write(&mut file, &line)?;
        if lines.is_empty() {
            file.flush()?;
        }
    }
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(totals)
}

fn write(file: &mut BufWriter<File>, line: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

impl Totals {
    fn count(&mut self, event: &Event) {
        self.lines += 1;
        match event {
            Event::Upgraded { status: 101, .. } => self.web_sockets += 1,
            Event::Command { from: Side::App, .. } => self.sent += 1,
            Event::Command { from: Side::Server, .. } => self.received += 1,
            Event::Request(_) => self.calls += 1,
            Event::Message { .. } | Event::Broken { .. } => self.unread += 1,
            _ => {}
        }
    }
}
