//! The way out of a connection: its socket, and what waits until the socket takes more.

mod replay;
mod waiting;

use std::{
    io,
    pin::Pin,
    sync::{Arc, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use grandstand_protocol::{Downlink, Format};
use grandstand_room::session::SessionId;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};
use tungstenite::protocol::frame::coding::{Control, OpCode};

pub use self::replay::Replay;
use self::{replay::Replayed, waiting::Waiting};
use super::{
    close::Close,
    frames::{data_frame, frame},
    receipts::{Receipt, Receipts},
    transport::Transport,
};
use crate::{
    router::Session,
    sync::{
        self, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// Frames of a room for one write: contiguous, so that it costs what one write costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where each frame ends.
    pub(crate) ends: &'a [usize],
    /// The stored HIGH messages: which frame, and its number in the room.
    pub(crate) numbered: &'a [(usize, u64)],
}

/// Whose frames a write carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Arc<Session>,
    /// Of the stay in the room.
    pub(crate) epoch: u64,
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    All,
    /// So many frames; the connection goes on by itself as soon as the socket takes more.
    Frames(usize),
    /// Nothing was tried: something goes first, or the socket is broken.
    Nothing,
}

/// What the next frames of a room would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing: the socket would be given them at once.
    Clear,
    /// Something goes first that the socket was not given yet: a reply, or what was missed before.
    Later,
    /// The socket has not taken what it was given.
    Full,
}

/// News for the connection that are not frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A session of this socket ended elsewhere.
    SessionEnded { session: SessionId, ending: Ending },
    /// Close the socket.
    Close(Close),
}

/// How a session ended that this socket still believes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was taken over by another socket; nothing is said.
    TakenOver,
    /// Another device took the tag: 4111.
    Conflict,
    /// The client was told already.
    Told,
}

/// One per connection. The messages of rooms do not wait here but in the rooms: fan-out writes them to the socket, and
/// what a socket does not take is written by the connection's own task later.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    /// There is something to write.
    pub(super) to_write: Notify,
    /// There is a signal, or room for replies again.
    pub(super) signalled: Notify,
    omits_peer: AtomicBool,
}

/// Bytes of one write (design 5).
pub(crate) const WRITE_BYTES: usize = sync::bound(64 * 1024, 512);

/// Small, because every write to a member touches it.
#[derive(Debug)]
struct State {
    transport: Transport,
    waiting: Option<Box<Waiting>>,
    receipts: Option<Box<Receipts>>,
    /// The writer knows of a ping that is due later.
    awaits_ping: bool,
    /// TLS may hold bytes that the socket has not taken.
    unflushed: bool,
    /// Only control frames go out: the HIGH messages of the gap have to come first.
    held: bool,
    /// The rest of a gap is not in memory any more: until the close only control frames go out, because later HIGH
    /// messages would confirm what was not sent.
    given_up: bool,
    /// Nothing more is taken; the writer flushes what is there.
    closed: bool,
    /// The socket failed: the writer finds out when it tries.
    broken: bool,
}

impl Outbox {
    pub fn new(transport: Transport) -> Self {
        let state = State {
            transport,
            waiting: None,
            receipts: None,
            awaits_ping: false,
            unflushed: false,
            held: false,
            given_up: false,
            closed: false,
            broken: false,
        };
        Self {
            state: Mutex::new(state),
            to_write: Notify::new(),
            signalled: Notify::new(),
            omits_peer: AtomicBool::new(false),
        }
    }

    /// Whether pushes may go without `peerId`: the socket has only ever opened one client id, which shows that it can.
    pub fn omits_peer(&self) -> bool {
        self.omits_peer.load(Ordering::Relaxed)
    }

    /// Told at each open, and by the client's own commands.
    pub fn set_omits_peer(&self, omits: bool) {
        self.omits_peer.store(omits, Ordering::Relaxed);
    }

    /// Writes frames of a room at once, if nothing waits. Never blocks. The first frame that the socket does not take
    /// is kept here; those behind it stay in the room, and the connection fetches them later.
    pub(crate) fn write(&self, batch: Batch<'_>, reader: Reader<'_>, now: Duration) -> Taken {
        let mut state = self.lock();
        let taken = if state.is_clear() { state.write(batch, reader, now) } else { Taken::Nothing };
        let fetches = taken != Taken::All && state.fall_behind(reader.session);
        // Once for each ping, not for each write.
        let plans_ping = !state.awaits_ping && state.ping_wait(now).is_some();
        state.awaits_ping |= plans_ping;
        if fetches || plans_ping {
            drop(state);
            self.to_write.notify_one();
        }
        taken
    }

    /// What the next frames of a room would meet.
    pub(crate) fn way(&self) -> Way {
        self.lock().way()
    }

    /// The room has more for a member than it was just given: the connection fetches it.
    pub(crate) fn fetch_later(&self, session: &Arc<Session>) {
        if self.lock().fall_behind(session) {
            self.to_write.notify_one();
        }
    }

    /// A reply, a pong, a notice: goes before everything else, and is never left out.
    pub fn push_control(&self, bytes: Bytes) {
        let mut state = self.lock();
        if !state.closed {
            state.waiting().push_control(bytes);
            drop(state);
            self.to_write.notify_one();
        }
    }

    /// An event for one session: encoded, and queued as a reply is.
    pub(crate) fn push_downlink(&self, format: Format, downlink: &Downlink) {
        let encoded = downlink.encode(format);
        self.push_control(data_frame(encoded.text, &[&encoded.payload]));
    }

    /// From now on only control frames go out, until [`Self::release`].
    pub fn hold(&self) {
        self.lock().held = true;
    }

    /// Ends a hold; what a member missed goes before what came meanwhile.
    pub fn release(&self, replay: Option<Replay>) {
        let mut state = self.lock();
        if !state.closed {
            state.waiting().replays.extend(replay);
        }
        state.held = false;
        drop(state);
        self.to_write.notify_one();
    }

    /// What still waits for a session that left its room is not for it any more.
    pub fn forget(&self, session: SessionId) {
        let mut state = self.lock();
        if let Some(waiting) = &mut state.waiting {
            let is_other = |known: &Weak<Session>| {
                known.upgrade().is_some_and(|known| known.identity.session != session)
            };
            waiting.replays.retain(|replay| replay.member != session);
            waiting.behind.retain(is_other);
        }
        state.tidy();
    }

    /// Of closes the first counts.
    pub fn signal(&self, signal: Signal) {
        let is_close = |signal: &Signal| matches!(signal, Signal::Close(_));
        let mut state = self.lock();
        let signals = &mut state.waiting().signals;
        if !is_close(&signal) || !signals.iter().any(is_close) {
            signals.push(signal);
        }
        drop(state);
        self.signalled.notify_one();
    }

    /// Whether so many replies wait that no further command is read.
    pub(super) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Takes the signals that came, oldest first.
    pub(crate) fn take_signals(&self) -> Vec<Signal> {
        let mut state = self.lock();
        let signals = state.waiting.as_mut().map(|waiting| std::mem::take(&mut waiting.signals));
        state.tidy();
        signals.unwrap_or_default()
    }

    /// Reads from the socket.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().transport).poll_read(cx, buffer)
    }

    /// What a pong of the client confirms.
    pub(super) fn pong(&self, payload: &[u8]) -> Vec<Receipt> {
        let mut state = self.lock();
        let confirmed = state.receipts.as_mut().map(|receipts| receipts.pong(payload)).unwrap_or_default();
        drop(state);
        if !confirmed.is_empty() {
            // There may be more to confirm, in a while.
            self.to_write.notify_one();
        }
        confirmed
    }

    /// Writes what waits here. Ready when all of it is out and the rooms' turn has come.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        let was_full = state.is_full();
        let mut replayed = Vec::new();
        let drained = state.poll_drain(cx, &mut replayed);
        if was_full && !state.is_full() {
            self.signalled.notify_one();
        }
        drop(state);
        if replayed.iter().any(|replayed| replayed.is_given_up) {
            self.signal(Signal::Close(Close::COME_BACK));
        }
        replayed.into_iter().for_each(Replayed::count);
        drained
    }

    /// Ends the writing side of the socket.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().transport).poll_shutdown(cx)
    }

    /// Members whose rooms have more for them; nobody while they are held.
    pub(super) fn take_behind(&self) -> Vec<Arc<Session>> {
        let mut state = self.lock();
        if state.held || state.given_up {
            return Vec::new();
        }
        let behind = state.waiting.as_mut().map(|waiting| std::mem::take(&mut waiting.behind));
        state.tidy();
        behind.unwrap_or_default().into_iter().filter_map(|session| session.upgrade()).collect()
    }

    /// Asks for the confirmation of HIGH messages, if it is time: true when there is a ping to write now.
    pub(super) fn ping_if_due(&self, now: Duration) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let Some(payload) = state.receipts.as_mut().and_then(|receipts| receipts.ping_due(now)) else {
            return false;
        };
        state.awaits_ping = false;
        state.waiting().push_control(ping(&payload));
        true
    }

    /// How long until a ping is due, if one will be without further writes.
    pub(super) fn ping_wait(&self, now: Duration) -> Option<Duration> {
        self.lock().ping_wait(now)
    }

    /// Whether [`Self::finish`] was called: what is written now is the last.
    pub(super) fn is_finished(&self) -> bool {
        self.lock().closed
    }

    /// Whether nothing waits here.
    pub(super) fn is_drained(&self) -> bool {
        self.lock()
            .waiting
            .as_ref()
            .is_none_or(|waiting| waiting.unsent.is_empty() && waiting.control.is_empty())
    }

    /// Lets the last control frame in and closes. Replies before it still go out; the messages that wait are left out,
    /// because nothing may follow a close frame.
    pub(crate) fn finish(&self, last: Option<Bytes>) {
        let mut state = self.lock();
        if !state.closed {
            if let Some(bytes) = last {
                state.waiting().push_control(bytes);
            }
            if let Some(waiting) = &mut state.waiting {
                waiting.replays.clear();
                waiting.behind.clear();
            }
            state.closed = true;
        }
        drop(state);
        self.to_write.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nothing comes before the messages of rooms.
    fn is_clear(&self) -> bool {
        !(self.held || self.given_up || self.closed || self.broken || self.unflushed)
            && self.waiting.as_ref().is_none_or(|waiting| waiting.is_clear())
    }

    fn way(&self) -> Way {
        if self.is_clear() {
            return Way::Clear;
        }
        let is_refused = self.waiting.as_ref().is_some_and(|waiting| !waiting.unsent.is_empty());
        if is_refused || self.unflushed { Way::Full } else { Way::Later }
    }

    /// Whether so many replies wait that no further command is read.
    fn is_full(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.is_full())
    }

    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }

    /// Gives back what is not needed any more.
    fn tidy(&mut self) {
        self.waiting.take_if(|waiting| waiting.is_empty());
    }

    fn write(&mut self, batch: Batch<'_>, reader: Reader<'_>, now: Duration) -> Taken {
        let confirms = !batch.numbered.is_empty() && reader.session.confirms_high;
        // If everything is taken, the ping goes in the same write.
        let payload =
            self.receipts.as_deref().map_or(Some(Receipts::FIRST_PING), |known| known.next_ping(now));
        let tail = payload.filter(|_| confirms).map(|payload| ping(&payload)).unwrap_or_default();
        let written = match self.transport.write_now(batch.bytes, &tail) {
            Ok(written) => written,
            Err(_) => {
                self.broken = true;
                return Taken::Nothing;
            }
        };
        self.unflushed = !self.transport.flush_now().unwrap_or(false);
        if written >= batch.bytes.len() {
            if confirms && let Some((_, number)) = batch.numbered.last() {
                let receipts = self.receipts.get_or_insert_default();
                receipts.wrote(reader.receipt(*number));
                if !tail.is_empty() {
                    receipts.ping_due(now);
                    self.awaits_ping = false;
                }
            }
            let rest = tail.slice(written - batch.bytes.len()..);
            if !rest.is_empty() {
                self.waiting().unsent = rest;
            }
            return if self.is_clear() { Taken::All } else { Taken::Frames(batch.ends.len()) };
        }
        let cut = batch.ends.partition_point(|end| *end <= written);
        self.waiting().unsent = Bytes::copy_from_slice(&batch.bytes[written..batch.ends[cut]]);
        let newest = batch.numbered.iter().take_while(|(frame, _)| *frame <= cut).last();
        if let Some((_, number)) = newest.filter(|_| confirms) {
            self.receipts.get_or_insert_default().wrote(reader.receipt(*number));
        }
        Taken::Frames(cut + 1)
    }

    fn ping_wait(&self, now: Duration) -> Option<Duration> {
        self.receipts.as_ref().and_then(|receipts| receipts.ping_wait(now))
    }

    /// Whether the member was not known to be behind.
    fn fall_behind(&mut self, session: &Arc<Session>) -> bool {
        if self.closed {
            return false;
        }
        self.waiting().fall_behind(session)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>, replayed: &mut Vec<Replayed>) -> Poll<io::Result<()>> {
        while self.next_write(replayed) {
            let Some(Waiting { unsent, .. }) = self.waiting.as_deref_mut() else { break };
            let written = ready!(Pin::new(&mut self.transport).poll_write(cx, unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            unsent.advance(written);
            if unsent.is_empty() {
                // `Bytes` would keep the whole allocation.
                *unsent = Bytes::new();
            }
        }
        self.tidy();
        let flushed = Pin::new(&mut self.transport).poll_flush(cx);
        // Until it is done nobody else may write: that would take the wake-up from the writer.
        self.unflushed = flushed.is_pending();
        ready!(flushed)?;
        Poll::Ready(if self.broken { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) })
    }

    /// Whether there is something to write: the rest of the last write, or replies, or what is replayed.
    fn next_write(&mut self, replayed: &mut Vec<Replayed>) -> bool {
        let Some(waiting) = self.waiting.as_deref_mut() else { return false };
        if waiting.unsent.is_empty() {
            waiting.gather_replies();
        }
        while waiting.unsent.is_empty()
            && !(self.held || self.given_up)
            && let Some(written) = waiting.replay()
        {
            if let Some(receipt) = written.receipt {
                self.receipts.get_or_insert_default().wrote(receipt);
            }
            self.given_up |= written.is_given_up;
            replayed.push(written);
        }
        !waiting.unsent.is_empty()
    }
}

impl Reader<'_> {
    fn receipt(&self, number: u64) -> Receipt {
        Receipt { member: self.session.identity.session, epoch: self.epoch, number }
    }
}

fn ping(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Ping), &[payload])
}

#[cfg(test)]
mod tests;
