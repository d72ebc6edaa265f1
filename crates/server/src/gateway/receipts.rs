//! What a connection has surely received: HIGH messages are confirmed by the pong to a ping written behind them.

use std::time::Duration;

use grandstand_room::{gap::Confirmation, session::SessionId};

/// A stored HIGH message that a member got, if the pong behind it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub member: SessionId,
    /// Of the member's stay in the room.
    pub epoch: u64,
    /// Of the message in the room.
    pub number: u64,
}

/// One per connection that was ever written a HIGH message, whatever the number of its sessions: the writes with HIGH
/// in them are counted, and a ping confirms all that went before.
#[derive(Debug)]
pub(super) struct Receipts {
    /// Positions here count the writes with HIGH messages.
    confirmation: Confirmation,
    written: u64,
    /// The newest receipt of each member since the last ping.
    open: Vec<Receipt>,
    /// Those that the outstanding ping confirms.
    pinged: Vec<Receipt>,
}

impl Default for Receipts {
    fn default() -> Self {
        Self { confirmation: Confirmation::new(0, 0), written: 0, open: Vec::new(), pinged: Vec::new() }
    }
}

impl Receipts {
    /// What [`Self::next_ping`] is when nothing was written yet.
    pub(super) const FIRST_PING: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

    /// The payload of the ping that would be due behind one more write with HIGH in it.
    pub(super) fn next_ping(&self, now: Duration) -> Option<[u8; 8]> {
        let mut after = self.confirmation.clone();
        after.wrote_high(self.written + 1);
        after.ping_due(now)
    }

    /// HIGH messages go to the socket, this one last.
    pub(super) fn wrote(&mut self, receipt: Receipt) {
        self.written += 1;
        self.confirmation.wrote_high(self.written);
        match self.open.iter_mut().find(|known| known.member == receipt.member) {
            Some(known) => *known = receipt,
            None => self.open.push(receipt),
        }
    }

    /// The payload of the ping to write now, if one is due.
    pub(super) fn ping_due(&mut self, now: Duration) -> Option<[u8; 8]> {
        let payload = self.confirmation.ping_due(now)?;
        self.pinged = std::mem::take(&mut self.open);
        Some(payload)
    }

    /// How long until a ping is due, if one will be without further writes.
    pub(super) fn ping_wait(&self, now: Duration) -> Option<Duration> {
        self.confirmation.ping_wait(now)
    }

    /// What a pong confirms; nothing when it was not asked for.
    pub(super) fn pong(&mut self, payload: &[u8]) -> Vec<Receipt> {
        if self.confirmation.pong(payload) { std::mem::take(&mut self.pinged) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(member: u128, number: u64) -> Receipt {
        Receipt { member: SessionId(member), epoch: 1, number }
    }

    #[test]
    fn a_pong_confirms_what_was_written_before_its_ping() {
        let mut receipts = Receipts::default();
        let second = Duration::from_secs(1);
        assert_eq!(receipts.ping_due(second), None, "nothing to confirm");
        assert_eq!(receipts.next_ping(second), Some(Receipts::FIRST_PING));
        for written in [receipt(1, 5), receipt(2, 9), receipt(1, 6)] {
            receipts.wrote(written);
        }
        let ping = receipts.ping_due(second).unwrap();
        assert_eq!(receipts.next_ping(second * 9), None, "one is outstanding");
        receipts.wrote(receipt(1, 7));
        assert_eq!(receipts.ping_due(second * 9), None, "one is outstanding");
        assert_eq!(receipts.pong(b"unasked."), []);
        assert_eq!(receipts.pong(&ping), [receipt(1, 6), receipt(2, 9)]);
        assert_eq!(receipts.pong(&ping), [], "once");
        assert!(receipts.ping_due(second * 9).is_some(), "the rest");
    }
}
