//! The gap of a dropped session: it begins behind what the session has surely received.

use std::time::Duration;

/// Least time between two pings of a member (design.md section 5).
pub const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Bits of a ping's payload that hold the message number; the rest is the mark.
const NUMBER_BITS: u32 = 48;

/// How far a member has surely read: a ping behind HIGH frames carries their position, and its pong confirms it.
///
/// One value per session and stay in a room. At most one ping is outstanding, at most one is sent a second, and none
/// while nothing is unconfirmed. A client that never answers is never confirmed: it gets HIGH messages twice on return,
/// not never.
#[derive(Debug, Clone)]
pub struct Confirmation {
    mark: u16,
    written: u64,
    confirmed: u64,
    outstanding: Option<u64>,
    pinged_at: Option<Duration>,
}

impl Confirmation {
    /// Starts at the room's newest message when the member joined. `mark` tells the sessions of one socket apart.
    #[must_use]
    pub fn new(mark: u16, head: u64) -> Self {
        Self { mark, written: head, confirmed: head, outstanding: None, pinged_at: None }
    }

    /// A stored HIGH message of this number went to the socket.
    pub fn wrote_high(&mut self, number: u64) {
        self.written = self.written.max(number);
    }

    /// The payload of the ping to write now, behind everything written so far, if one is due.
    pub fn ping_due(&mut self, now: Duration) -> Option<[u8; 8]> {
        if self.ping_wait(now)? > Duration::ZERO {
            return None;
        }
        self.outstanding = Some(self.written);
        self.pinged_at = Some(now);
        Some(self.payload(self.written))
    }

    /// How long until a ping is due; `None` while none is needed or one is outstanding.
    #[must_use]
    pub fn ping_wait(&self, now: Duration) -> Option<Duration> {
        if self.outstanding.is_some() || self.written == self.confirmed {
            return None;
        }
        Some(self.pinged_at.map_or(Duration::ZERO, |at| (at + PING_INTERVAL).saturating_sub(now)))
    }

    /// Takes a pong; `false` when it answers no ping of this value (clients may send pongs unasked).
    pub fn pong(&mut self, payload: &[u8]) -> bool {
        let Some(number) = self.outstanding.filter(|number| self.payload(*number) == payload) else {
            return false;
        };
        self.outstanding = None;
        self.confirmed = number;
        true
    }

    /// The client has all HIGH messages up to this number.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }

    fn payload(&self, number: u64) -> [u8; 8] {
        let number = number & ((1 << NUMBER_BITS) - 1);
        (u64::from(self.mark) << NUMBER_BITS | number).to_be_bytes()
    }
}
