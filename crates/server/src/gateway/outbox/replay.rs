//! What a returning member is given first: a place in what the members of its room share, and no copies.

use std::{
    sync::{Arc, Weak},
    vec,
};

use grandstand_room::session::SessionId;

use crate::{
    fanout::Broadcast,
    gateway::receipts::Receipt,
    router::{Hub, Session},
    service::gaps::Missed,
};

/// Bytes of one write, about: that much a member takes that does not read.
const WRITE_BYTES: usize = 16 * 1024;

/// What a member still has to get of its gap. Made into frames when its socket takes them.
#[derive(Debug)]
pub struct Replay {
    pub(super) member: SessionId,
    session: Weak<Session>,
    hub: Weak<Hub>,
    /// Of the stay in the room.
    epoch: u64,
    /// They come first.
    patches: vec::IntoIter<Arc<Broadcast>>,
    high: Missed,
}

/// What a write has of a gap.
#[derive(Debug)]
pub(super) struct Replayed {
    hub: Weak<Hub>,
    numbers: Vec<u64>,
    /// What is confirmed once the client has it.
    pub(super) receipt: Option<Receipt>,
    /// Nothing follows.
    pub(super) is_last: bool,
    /// The rest is not in memory any more: the client has to come back for it.
    pub(super) is_given_up: bool,
}

impl Replay {
    pub(crate) fn new(
        session: &Arc<Session>,
        hub: &Arc<Hub>,
        epoch: u64,
        patches: Vec<Arc<Broadcast>>,
        high: Missed,
    ) -> Self {
        let member = session.identity.session;
        let (session, hub) = (Arc::downgrade(session), Arc::downgrade(hub));
        Self { member, session, hub, epoch, patches: patches.into_iter(), high }
    }

    /// Appends what comes next.
    pub(super) fn append_to(&mut self, bytes: &mut Vec<u8>) -> Replayed {
        let hub = Weak::clone(&self.hub);
        let mut replayed =
            Replayed { hub, numbers: Vec::new(), receipt: None, is_last: true, is_given_up: false };
        let Some(session) = self.session.upgrade() else { return replayed };
        let mut append = |message: &Broadcast| {
            let is_for_it = !message.except().leaves_out(&session)
                && message.is_understood(session.style.first_generation);
            if is_for_it {
                message.append_to(bytes, session.style.format, session.addressee());
            }
            (is_for_it, bytes.len() >= WRITE_BYTES)
        };
        for patch in self.patches.by_ref() {
            if append(&patch).1 {
                replayed.is_last = false;
                return replayed;
            }
        }
        while let Some((number, message)) = self.high.next() {
            let (is_for_it, is_full) = append(&message);
            if is_for_it {
                replayed.numbers.push(number);
                let (member, epoch) = (self.member, self.epoch);
                replayed.receipt = session.confirms_high.then_some(Receipt { member, epoch, number });
            }
            if is_full {
                replayed.is_last = false;
                break;
            }
        }
        replayed.is_given_up = self.high.is_given_up();
        replayed
    }
}

impl Replayed {
    /// Tells the room. Not under the lock of an outbox.
    pub(super) fn count(self) {
        if let Some(hub) = self.hub.upgrade() {
            self.numbers.into_iter().for_each(|number| hub.replayed(number));
        }
    }
}
