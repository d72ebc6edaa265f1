//! An open session as the node sees it: who it is, how it is spoken to, which room it is in.

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId, Format, Level, RoomId};
use grandstand_room::{
    ring::Cursor,
    session::{Identity, Live},
};
use tokio::time::Instant;

use super::hub::Hub;
use crate::{
    fanout::Block,
    gateway::outbox::Outbox,
    store::Claimed,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// How pushes are written for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub format: Format,
    /// Knows no patch and goaway pushes.
    pub first_generation: bool,
}

/// What a client runs on, where that decides how it is told to go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// Asks the router at once, and in Node ends with an unhandled error when nobody answers.
    JavaScript,
    /// ObjC 11.5 to 12.1 heeds a goaway only without `peerId`.
    Apple,
    Other,
}

impl Sdk {
    /// From the `ua` of an open, such as `js/5.0.0-rc.8` or `ios/12.1.3`.
    pub fn from_user_agent(user_agent: &str) -> Self {
        match user_agent.split('/').next() {
            Some("js") => Self::JavaScript,
            Some("ios") => Self::Apple,
            _ => Self::Other,
        }
    }
}

/// What a client runs on, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Remote {
    pub sdk: Sdk,
    pub address: IpAddr,
}

/// An open session on this node.
#[derive(Debug)]
pub struct Session {
    pub app: AppId,
    pub identity: Identity,
    pub outbox: Arc<Outbox>,
    pub style: Style,
    pub sdk: Sdk,
    /// Where the client is, as told by a trusted proxy if there is one.
    pub address: IpAddr,
    /// When its open took another session over, if it did.
    replaced_at: Option<Instant>,
    place: Mutex<Option<Place>>,
    /// The newest message number of its room whose HIGH messages the client has confirmed.
    confirmed: AtomicU64,
    /// Whether its app has HIGH messages confirmed and delivered again.
    pub confirms_high: bool,
    exempt: Exempt,
}

#[derive(Debug)]
struct Place {
    hub: Arc<Hub>,
    block: Arc<Block>,
    epoch: u64,
    came: Came,
}

/// How a session's stay in its room began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// By the engine's clock.
    pub at: Duration,
    /// HIGH messages up to this number were not due to it.
    pub due_after: u64,
    /// Messages with higher numbers are shown to it as they come.
    pub live_after: u64,
}

/// Where a session is, since when, and what it has surely received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    pub room: RoomId,
    pub came: Came,
    pub confirmed: u64,
}

/// Positions of its room's ring that are not for a session and that it has not passed yet: what it sent itself.
#[derive(Debug, Default)]
struct Exempt {
    any: AtomicBool,
    /// Ascending, so that a long list is searched quickly: each frame of a write is looked up in it.
    positions: Mutex<Vec<(Level, u64)>>,
}

/// Where a session is, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub room: RoomId,
    pub epoch: u64,
    pub confirmed: u64,
}

impl Session {
    pub fn new(
        app: AppId,
        identity: Identity,
        outbox: Arc<Outbox>,
        style: Style,
        remote: Remote,
        replaced_at: Option<Instant>,
        confirms_high: bool,
    ) -> Self {
        let (place, confirmed) = (Mutex::new(None), AtomicU64::new(0));
        let exempt = Exempt::default();
        Self {
            app,
            identity,
            outbox,
            style,
            sdk: remote.sdk,
            address: remote.address,
            replaced_at,
            place,
            confirmed,
            confirms_high,
            exempt,
        }
    }

    /// Whose name pushes have to carry: none where the client does without.
    pub fn addressee(&self) -> Option<&ClientId> {
        (!self.outbox.omits_peer()).then_some(&self.identity.client)
    }

    /// As an open on another socket sees it.
    pub fn as_live(&self, now: Instant) -> Live {
        let replaced = self.replaced_at.map(|at| now.duration_since(at));
        Live { identity: self.identity.clone(), same_socket: false, replaced }
    }

    /// The room it is in.
    pub fn joined(&self) -> Option<Joined> {
        self.lock().as_ref().map(|place| self.describe(place))
    }

    /// Its stay in its room.
    pub fn stay(&self) -> Option<Stay> {
        let place = self.lock();
        let Place { hub, came, .. } = place.as_ref()?;
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        Some(Stay { room: hub.room.clone(), came: *came, confirmed })
    }

    /// Whether it is in this room.
    pub fn is_in(&self, room: &RoomId) -> bool {
        self.lock().as_ref().is_some_and(|place| place.hub.room == *room)
    }

    /// The client has everything HIGH up to `number` of the room that it entered with `epoch`.
    pub fn confirm(&self, epoch: u64, number: u64) {
        let place = self.lock();
        if place.as_ref().is_some_and(|place| place.epoch == epoch) {
            self.confirmed.fetch_max(number, Ordering::Relaxed);
        }
    }

    /// Enters the room that it claimed, leaving any other; up to `confirmed` nothing HIGH is due to it. Returns the
    /// newest number delivered before.
    pub(super) fn enter(self: &Arc<Self>, hub: &Arc<Hub>, claimed: &Claimed, confirmed: u64) -> u64 {
        let mut place = self.lock();
        if let Some(former) = place.take_if(|former| !Arc::ptr_eq(&former.hub, hub)) {
            former.hub.remove(self);
            self.outbox.forget(self.identity.session);
        }
        if place.is_none() {
            self.confirmed.store(confirmed, Ordering::Relaxed);
        }
        let (block, delivered) = hub.insert(self, claimed.epoch, claimed.head);
        let now = hub.engine().now();
        let came = Came { at: now, due_after: confirmed, live_after: delivered };
        // Who joins once more has been here all the time.
        let came = place.as_ref().map_or(came, |place| place.came);
        *place = Some(Place { hub: Arc::clone(hub), block, epoch: claimed.epoch, came });
        delivered
    }

    /// Where it is in its room, for fan-out.
    pub(crate) fn seat(&self) -> Option<(Arc<Hub>, Arc<Block>)> {
        self.lock().as_ref().map(|place| (Arc::clone(&place.hub), Arc::clone(&place.block)))
    }

    /// Whether something is pending in its room that is not for it.
    pub(crate) fn has_exempt(&self) -> bool {
        self.exempt.any.load(Ordering::Acquire)
    }

    /// What is pending in its room that is not for it, ascending.
    pub(crate) fn exempt(&self) -> Vec<(Level, u64)> {
        if self.has_exempt() { self.exempt.lock().clone() } else { Vec::new() }
    }

    pub(super) fn add_exempt(&self, level: Level, position: u64) {
        self.exempt.add(level, position);
    }

    /// It has got so far: what is behind it does not matter any more.
    pub(crate) fn forget_exempt(&self, cursor: Cursor) {
        if self.has_exempt() {
            self.exempt.change(|positions| {
                positions.retain(|(level, position)| cursor.next(*level) <= *position);
            });
        }
    }

    pub(super) fn forget_all_exempt(&self) {
        self.exempt.change(Vec::clear);
    }

    /// Leaves its room if `condition` holds for where it is; returns where it was.
    pub(crate) fn leave_if(self: &Arc<Self>, condition: impl FnOnce(&Joined) -> bool) -> Option<Joined> {
        let mut place = self.lock();
        let joined = self.describe(place.as_ref()?);
        if !condition(&joined) {
            return None;
        }
        if let Some(left) = place.take() {
            left.hub.remove(self);
            self.outbox.forget(self.identity.session);
        }
        Some(joined)
    }

    fn describe(&self, place: &Place) -> Joined {
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        Joined { room: place.hub.room.clone(), epoch: place.epoch, confirmed }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exempt {
    fn add(&self, level: Level, position: u64) {
        self.change(|positions| {
            let at = positions.partition_point(|known| *known < (level, position));
            positions.insert(at, (level, position));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Vec<(Level, u64)>)) {
        let mut positions = self.lock();
        change(&mut positions);
        if positions.is_empty() {
            *positions = Vec::new();
        }
        self.any.store(!positions.is_empty(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Level, u64)>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exempt_ascends_whatever_the_order_of_levels() {
        let exempt = Exempt::default();
        let entered =
            [(Level::Low, 4), (Level::High, 7), (Level::Low, 5), (Level::Normal, 0), (Level::High, 9)];
        for (level, position) in entered {
            exempt.add(level, position);
        }
        let ascending =
            [(Level::High, 7), (Level::High, 9), (Level::Normal, 0), (Level::Low, 4), (Level::Low, 5)];
        assert_eq!(*exempt.lock(), ascending);
        assert!(ascending.iter().all(|own| exempt.lock().binary_search(own).is_ok()));
    }
}
