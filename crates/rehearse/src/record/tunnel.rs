//! A WebSocket through the recorder: the bytes of both sides as they are, and what they mean on the side.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use grandstand_protocol::{Fields, Format};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::timeout;

use super::{
    Shared,
    tap::{Seen, Tap},
};
use crate::recording::{Event, Side};

/// Bytes under way in one direction: who does not read them holds up who sends them.
const BUFFER: usize = 16 * 1024;

/// What the second side has to end after the first one.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Where a request leaves the tunnel that its connection becomes.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Tunnel>>>);

impl Slot {
    pub(super) fn put(&self, tunnel: Tunnel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(super) fn take(&self) -> Option<Tunnel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Both sides have agreed to a WebSocket.
pub(super) struct Tunnel {
    pub(super) connection: u64,
    /// `None` if no subprotocol was named: the first message shows it.
    pub(super) format: Option<Format>,
    pub(super) app: OnUpgrade,
    pub(super) server: Upgraded,
}

impl Tunnel {
    /// Passes bytes until both sides have ended.
    pub(super) async fn run(self, shared: &Shared) {
        let Ok(app) = self.app.await else { return };
        let format = self.format.map_or_else(OnceLock::new, OnceLock::from);
        let way = |side| Way { side, connection: self.connection, shared, format: &format };
        let (from_app, to_app) = split(TokioIo::new(app));
        let (from_server, to_server) = split(TokioIo::new(self.server));
        let up = way(Side::App).pass(from_app, to_server);
        let down = way(Side::Server).pass(from_server, to_app);
        tokio::pin!(up, down);
        // A connection that breaks breaks on both sides; one that ends may still be told something.
        tokio::select! {
            whole = &mut up => if whole { timeout(LAST_WORDS, down).await.ok(); },
            whole = &mut down => if whole { timeout(LAST_WORDS, up).await.ok(); },
        }
    }
}

/// One direction.
struct Way<'a> {
    side: Side,
    connection: u64,
    shared: &'a Shared,
    format: &'a OnceLock<Format>,
}

impl Way<'_> {
    /// Whether it ended in good order.
    async fn pass(self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> bool {
        let mut tap = Tap::new(self.shared.redactor.clone());
        let mut buffer = vec![0; BUFFER];
        let mut seen = Vec::new();
        let broke = loop {
            let read = match from.read(&mut buffer).await {
                Ok(0) => break None,
                Ok(read) => &buffer[..read],
                Err(cause) => break Some(cause),
            };
            tap.feed(read, &mut seen);
            for seen in seen.drain(..) {
                let event = self.event(seen);
                self.shared.journal.note(self.connection, event).await;
            }
            if let Err(cause) = to.write_all(read).await {
                break Some(cause);
            }
            if let Err(cause) = to.flush().await {
                break Some(cause);
            }
        };
        let note = broke.as_ref().map(|cause| cause.kind().to_string());
        let end = Event::End { from: self.side, unreadable: tap.unreadable, note };
        self.shared.journal.note(self.connection, end).await;
        to.shutdown().await.is_ok() && broke.is_none()
    }

    fn event(&self, seen: Seen) -> Event {
        let from = self.side;
        match seen {
            Seen::Message { text, payload } => self.message(text, &payload),
            Seen::Long { text, content } => {
                Event::Message { from, text, content, note: "too long to be read here".to_owned() }
            }
            Seen::Ping(bytes) => Event::Ping { from, bytes },
            Seen::Pong(bytes) => Event::Pong { from, bytes },
            Seen::Close { code, reason } => Event::Close { from, code, reason },
            Seen::Broken(note) => Event::Broken { from, note: note.to_owned() },
        }
    }

    fn message(&self, text: bool, payload: &[u8]) -> Event {
        let from = self.side;
        if self.format.get().is_none()
            && let Some(format) = Format::of_first_message(text, payload)
        {
            // The other direction may have been quicker, and saw the same.
            let _ = self.format.set(format);
        }
        let read = match self.format.get() {
            Some(format) if format.is_text() == text => {
                Fields::read(*format, payload).map_err(|cause| cause.to_string())
            }
            Some(_) if text => Err("text, where the subprotocol has binary messages".to_owned()),
            Some(_) => Err("binary, where the subprotocol has text".to_owned()),
            None => Err("no subprotocol was named, and this shows none".to_owned()),
        };
        match read {
            Ok(Fields { mut object, unknown }) => {
                self.shared.redactor.command(&mut object);
                Event::Command { from, text, fields: object, unknown }
            }
            Err(note) => Event::Message { from, text, content: self.shared.redactor.content(payload), note },
        }
    }
}
