//! What waits for the connection's task: what its socket did not take, replies, what members missed, signals.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use bytes::Bytes;

use super::{Replay, Replayed, Signal, WRITE_BYTES};
use crate::router::Session;

/// Bytes of replies that may wait before the connection stops reading commands.
const REPLIES_WAITING: usize = 256 * 1024;

/// What a waiting reply takes beside its bytes: its place in the queue, and what the allocator and `Bytes` add. Pongs
/// may be two bytes long.
const REPLY_OVERHEAD: usize = 160;

/// Most connections are idle most of the time, and have none.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What the socket has not taken of the last write: the rest of a frame, or of some replies.
    pub(super) unsent: Bytes,
    /// Replies, pongs, notices.
    pub(super) control: VecDeque<Bytes>,
    control_bytes: usize,
    /// What members missed, delivered before the live messages.
    pub(super) replays: VecDeque<Replay>,
    /// Members whose rooms have more for them.
    pub(super) behind: Vec<Weak<Session>>,
    pub(super) signals: Vec<Signal>,
}

impl Waiting {
    /// Whether nothing here comes before the messages of rooms.
    pub(super) fn is_clear(&self) -> bool {
        self.unsent.is_empty() && self.control.is_empty() && self.replays.is_empty()
    }

    /// Whether there is nothing here at all.
    pub(super) fn is_empty(&self) -> bool {
        self.is_clear() && self.behind.is_empty() && self.signals.is_empty()
    }

    /// Whether so many replies wait that no further command is read.
    pub(super) fn is_full(&self) -> bool {
        self.control_bytes > REPLIES_WAITING
    }

    /// Whether the member was not known to be behind.
    pub(super) fn fall_behind(&mut self, session: &Arc<Session>) -> bool {
        let is_known = self.behind.iter().any(|known| known.as_ptr() == Arc::as_ptr(session));
        if !is_known {
            self.behind.push(Arc::downgrade(session));
        }
        !is_known
    }

    pub(super) fn push_control(&mut self, bytes: Bytes) {
        self.control_bytes += bytes.len() + REPLY_OVERHEAD;
        self.control.push_back(bytes);
    }

    /// Gathers replies into one write.
    pub(super) fn gather_replies(&mut self) {
        let mut parts = Vec::new();
        let mut size = 0;
        while let Some(bytes) =
            self.control.pop_front_if(|bytes| size == 0 || size + bytes.len() <= WRITE_BYTES)
        {
            self.control_bytes -= bytes.len() + REPLY_OVERHEAD;
            size += bytes.len();
            parts.push(bytes);
        }
        self.unsent = match &parts[..] {
            [only] => only.clone(),
            parts => parts.concat().into(),
        };
    }

    /// Makes a write of what the first of the returning members missed.
    pub(super) fn replay(&mut self) -> Option<Replayed> {
        let mut bytes = Vec::new();
        let replayed = self.replays.front_mut()?.append_to(&mut bytes);
        if replayed.is_last {
            self.replays.pop_front();
        }
        // It may wait long: no more than what it takes.
        self.unsent = bytes.into_boxed_slice().into();
        Some(replayed)
    }
}
