//! The outbox of a connection: what waits to be written, shared by fan-out, service and the connection's writer.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use grandstand_protocol::{Level, MessageId};
use grandstand_room::{
    lanes::{Bounds, Lanes, Offer},
    session::SessionId,
};
use tokio::sync::Notify;

use super::{close::Close, receipts::Receipt};

/// A frame on its way out, WebSocket header included.
#[derive(Debug, Clone)]
pub struct Frame {
    pub bytes: Bytes,
    /// The member it is for; `None` for replies and the like.
    pub member: Option<SessionId>,
    /// For stored HIGH messages: what is confirmed once the client has it.
    pub receipt: Option<Receipt>,
    /// The message that it carries, so that a patch finds it while it waits.
    pub message: Option<MessageMark>,
}

/// Stands for a message id: as good as unique among the few frames that wait for one member, and cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageMark(u64);

impl MessageMark {
    pub fn of(message: &MessageId) -> Self {
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Frame {
    fn control(bytes: Bytes) -> Self {
        Self { bytes, member: None, receipt: None, message: None }
    }
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
}

/// What became of an offered frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shed {
    pub normal: u32,
    pub low: u32,
}

/// One per connection. The locks are leaves, held for a few lines.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    /// There is something to write.
    pub(super) to_write: Notify,
    /// There is a signal, or room for replies again.
    pub(super) signalled: Notify,
}

/// Bytes of replies that may wait before the connection stops reading commands.
const REPLIES_WAITING: usize = 256 * 1024;

/// What a waiting reply takes beside its bytes: its place in the lane, and what the allocator and `Bytes` add. Pongs
/// may be two bytes long.
const REPLY_OVERHEAD: usize = 2 * size_of::<Frame>();

#[derive(Debug)]
struct State {
    lanes: Lanes<Frame>,
    signals: Vec<Signal>,
    /// Nothing more is taken; the writer flushes what is there.
    closed: bool,
}

impl Outbox {
    pub fn new(bounds: Bounds) -> Self {
        let state = State { lanes: Lanes::new(bounds), signals: Vec::new(), closed: false };
        Self { state: Mutex::new(state), to_write: Notify::new(), signalled: Notify::new() }
    }

    /// A push of a room. HIGH that does not fit closes the connection: the client comes back and gets what it missed.
    pub fn push(&self, level: Level, frame: Frame) -> Shed {
        let size = frame.bytes.len();
        let mut state = self.lock();
        if state.closed {
            return Shed::default();
        }
        let offer = state.lanes.offer(level, frame, size);
        drop(state);
        self.to_write.notify_one();
        self.outcome(offer)
    }

    /// Where a member's message still waits, it goes out as `edited`. `None` when it does not wait here.
    pub fn edit(&self, member: SessionId, message: MessageMark, edited: impl Fn() -> Bytes) -> Option<Shed> {
        let mut state = self.lock();
        if state.closed || state.lanes.is_empty() {
            return None;
        }
        let offer = state.lanes.change_where(|frame| {
            let found = frame.member == Some(member) && frame.message == Some(message);
            found.then(|| {
                frame.bytes = edited();
                frame.bytes.len()
            })
        });
        drop(state);
        offer.map(|offer| self.outcome(offer))
    }

    fn outcome(&self, offer: Offer) -> Shed {
        match offer {
            Offer::Taken => Shed::default(),
            Offer::Shed { normal, low } => Shed { normal, low },
            Offer::HighFull => {
                self.signal(Signal::Close(Close::COME_BACK));
                Shed::default()
            }
        }
    }

    /// A reply, a pong, a notice: goes before everything else, and is never shed.
    pub fn push_control(&self, bytes: Bytes) {
        let size = bytes.len() + REPLY_OVERHEAD;
        let mut state = self.lock();
        if !state.closed {
            state.lanes.push_control(Frame::control(bytes), size);
            drop(state);
            self.to_write.notify_one();
        }
    }

    /// From now on only control frames go out, until [`Self::release`].
    pub fn hold(&self) {
        self.lock().lanes.hold();
    }

    /// Ends a hold; `replayed` HIGH messages go before those that came meanwhile.
    pub fn release(&self, replayed: Vec<Frame>) {
        self.lock().lanes.release(replayed.into_iter().map(|frame| {
            let size = frame.bytes.len();
            (frame, size)
        }));
        self.to_write.notify_one();
    }

    /// What still waits for a session that left its room is not for it any more.
    pub fn forget(&self, session: SessionId) {
        self.lock().lanes.remove_where(|frame| frame.member == Some(session));
    }

    /// Whether so many replies wait that no further command is read.
    pub(super) fn is_full(&self) -> bool {
        self.lock().lanes.control_bytes() > REPLIES_WAITING
    }

    /// Of closes the first counts.
    pub fn signal(&self, signal: Signal) {
        let is_close = |signal: &Signal| matches!(signal, Signal::Close(_));
        let mut state = self.lock();
        if !is_close(&signal) || !state.signals.iter().any(is_close) {
            state.signals.push(signal);
        }
        drop(state);
        self.signalled.notify_one();
    }

    /// Takes the signals that came, oldest first.
    pub(super) fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut self.lock().signals)
    }

    /// Moves up to about `max_bytes` of frames into `batch`. True when there will never be more.
    pub(super) fn take_batch(&self, max_bytes: usize, batch: &mut Vec<Frame>) -> bool {
        let mut state = self.lock();
        let was_full = state.lanes.control_bytes() > REPLIES_WAITING;
        state.lanes.pop_batch(max_bytes, batch);
        if was_full && state.lanes.control_bytes() <= REPLIES_WAITING {
            self.signalled.notify_one();
        }
        state.closed && batch.is_empty()
    }

    /// Whether [`Self::finish`] was called: what is written now is the last.
    pub(super) fn is_finished(&self) -> bool {
        self.lock().closed
    }

    /// Lets the last control frame in and closes. Replies before it still go out; the messages that wait are left out,
    /// because nothing may follow a close frame.
    pub(super) fn finish(&self, last: Option<Bytes>) {
        let mut state = self.lock();
        if !state.closed {
            if let Some(bytes) = last {
                let size = bytes.len();
                state.lanes.push_control(Frame::control(bytes), size);
            }
            state.lanes.remove_where(|_| true);
            state.closed = true;
        }
        drop(state);
        self.to_write.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: SessionId = SessionId(1);

    fn outbox() -> Outbox {
        Outbox::new(Bounds { high_bytes: 10, rest_bytes: 100 })
    }

    fn frame(message: &'static str) -> Frame {
        let mark = MessageMark::of(&MessageId::from(message));
        Frame { bytes: Bytes::from(message), member: Some(MEMBER), receipt: None, message: Some(mark) }
    }

    fn written(outbox: &Outbox) -> Vec<Bytes> {
        let mut batch = Vec::new();
        outbox.take_batch(1000, &mut batch);
        batch.into_iter().map(|frame| frame.bytes).collect()
    }

    #[test]
    fn a_message_that_waits_goes_out_as_edited() {
        let outbox = outbox();
        let mark = MessageMark::of(&MessageId::from("second"));
        let edit = |member| outbox.edit(member, mark, || Bytes::from_static(b"edited"));
        assert_eq!(edit(MEMBER), None, "it is not here yet");
        for message in ["first", "second", "third"] {
            outbox.push(Level::Normal, frame(message));
        }
        assert_eq!(edit(SessionId(2)), None, "another member's");
        assert_eq!(edit(MEMBER), Some(Shed::default()));
        assert_eq!(written(&outbox), ["first", "edited", "third"]);
        assert_eq!(edit(MEMBER), None, "it is out");
    }

    #[test]
    fn an_overflow_is_told_once() {
        let outbox = outbox();
        for _ in 0..5 {
            outbox.push(Level::High, frame("too much"));
        }
        assert_eq!(outbox.take_signals(), [Signal::Close(Close::COME_BACK)]);
    }

    #[test]
    fn nothing_follows_the_close_frame() {
        let outbox = outbox();
        outbox.push(Level::High, frame("high"));
        outbox.push(Level::Low, frame("low"));
        outbox.push_control(Bytes::from_static(b"reply"));
        outbox.finish(Some(Bytes::from_static(b"close")));
        outbox.push(Level::Low, frame("late"));
        assert_eq!(written(&outbox), ["reply", "close"]);
        assert!(outbox.take_batch(1000, &mut Vec::new()), "and there will be nothing more");
    }
}
