//! Who may come in, and when: limits in all, per address, and for sockets that have opened no session; so many
//! handshakes a second, and so many logins at a time. A storm becomes a wait.

mod logins;
mod pace;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

pub use self::logins::Logins;
use self::pace::{Pace, Paces};
use crate::config::Limits;

/// Silent sockets that have to make room for others, in a second, at most: when they fill the places, so many of them
/// go every second. Those that are logging in are not silent, and stay. By default a socket gets ten seconds so: in a
/// storm both ends have more to do than they can, and whoever is sent away for that comes again.
const DISPLACED_PER_SECOND: u32 = 500;

/// How long a socket waits for its turn to shake hands, and a login for its own. Our choice: no source says how long
/// SDKs wait for an upgrade. For the answer to a command JavaScript, the least patient, waits 20 seconds (protocol.md
/// 2.2), and who is told to come back before its own patience ends comes back in order.
const PATIENCE: Duration = Duration::from_secs(15);

/// Counts the sockets of a port. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Floor>);

/// How many sockets there are, and what about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sockets {
    pub all: usize,
    /// Their turn has come, and they have no session.
    pub silent: usize,
    /// Their first login is under way.
    pub opening: usize,
    /// Their turn has not come.
    pub waiting: usize,
}

impl Sockets {
    #[must_use]
    pub fn without_session(&self) -> usize {
        self.silent + self.opening + self.waiting
    }
}

#[derive(Debug)]
struct Floor {
    connections: usize,
    per_address: usize,
    sessionless: usize,
    sessionless_per_address: usize,
    counts: Mutex<Counts>,
    /// A socket without a session opened one, or a socket went.
    freed: Notify,
    /// A socket went.
    gone: Notify,
}

#[derive(Debug)]
struct Counts {
    handshakes: Pace,
    handshakes_by_address: Paces<Address>,
    sockets: usize,
    /// Sockets whose turn has not come.
    waiting: usize,
    /// Sockets that are logging in.
    opening: usize,
    by_address: HashMap<Address, AddressCounts>,
    /// Sockets without a session, oldest first.
    sessionless: BTreeMap<Ticket, Waiting>,
    next_ticket: Ticket,
}

#[derive(Debug, Default)]
struct AddressCounts {
    sockets: usize,
    /// Those of them whose turn has not come.
    waiting: usize,
    /// In the same order as [`Counts::sessionless`].
    sessionless: BTreeSet<Ticket>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    address: Option<Address>,
    displaced: Arc<Notify>,
}

/// Tickets rise, so the least one is the socket that has waited longest.
type Ticket = u64;

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the server holds as many connections as it may")]
    Full,
    #[error("this address holds as many connections as it may")]
    AddressFull,
    #[error("this address connects too often; try again in a second")]
    AddressTooFast,
    #[error("too many connect at this moment; try again in a few seconds")]
    Busy,
}

/// What counts as one address: of IPv6 the /64, because a household gets that many for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(pub(crate) IpAddr);

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from(u128::from(address) & (u128::MAX << 64)).into()),
            address => Self(address),
        }
    }
}

/// The place of one socket; dropping the last clone gives the place back.
#[derive(Debug, Clone)]
pub struct Seat(Arc<Held>);

#[derive(Debug)]
struct Held {
    floor: Arc<Floor>,
    displaced: Arc<Notify>,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    /// Unknown until a proxy has told it.
    address: Option<Address>,
    state: Holding,
}

/// What a socket is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// Its turn has not come. It does nothing, so it is in nobody's way, and is not displaced.
    Waiting,
    /// It has no session, and may be displaced.
    Silent(Ticket),
    /// Its first login is under way.
    Opening,
    Session,
}

/// Sockets of the admin port: a few people and a scraper.
const OPERATORS: usize = 128;

impl Admission {
    /// Limits of the admin port, which are no one's to choose: it must answer when the public port is full.
    #[must_use]
    pub fn for_operators() -> Self {
        Self(Arc::new(Floor {
            connections: OPERATORS,
            per_address: OPERATORS,
            sessionless: OPERATORS,
            sessionless_per_address: OPERATORS,
            counts: Counts::new(Pace::new(u32::MAX), u32::MAX),
            freed: Notify::new(),
            gone: Notify::new(),
        }))
    }

    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let pace = Pace::new(limits.handshakes_per_second);
        Self(Arc::new(Floor {
            connections: limits.connections,
            per_address: limits.sockets_per_address,
            sessionless: limits.sessionless_sockets,
            sessionless_per_address: limits.sessionless_sockets_per_address,
            counts: Counts::new(pace, limits.handshakes_per_second_per_address),
            freed: Notify::new(),
            gone: Notify::new(),
        }))
    }

    /// How many sockets may wait for their turn. More would wait in vain, or take the places of those whose turn has
    /// come: who waits has a place already.
    #[must_use]
    pub fn longest_queue(&self) -> usize {
        let in_time = self.0.lock().handshakes.within(PATIENCE);
        in_time.min(self.0.connections / 2).max(1)
    }

    /// Whether half of the longest queue are sockets of this one's address.
    pub(super) fn crowds(&self, seat: &Seat) -> bool {
        let half = self.longest_queue() / 2;
        let Some(address) = seat.address() else { return false };
        self.0.lock().by_address.get(&address).is_some_and(|of_address| of_address.waiting > half)
    }

    /// Returns when it is the turn of this socket, which has waited since then.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when it waited for too long.
    pub async fn turn(&self, seat: &Seat, since: Instant) -> Result<(), Refusal> {
        timeout_at(since + PATIENCE, self.ready()).await.map_err(|_| Refusal::Busy)?;
        seat.begin();
        Ok(())
    }

    /// Returns when the next socket may begin: it is time for another one, and there is a place among those without a
    /// session, or the oldest silent one has had its time.
    async fn ready(&self) {
        let next = self.0.lock().handshakes.next();
        if let Some(next) = next {
            sleep_until(next).await;
        }
        let places = u32::try_from(self.0.sessionless).unwrap_or(u32::MAX);
        let time = Duration::from_secs(1) * places / DISPLACED_PER_SECOND;
        loop {
            match self.0.crowd() {
                Crowd::Place => return,
                Crowd::LoggingIn => self.0.freed.notified().await,
                Crowd::Silent(oldest) => {
                    if timeout_at(oldest + time, self.0.freed.notified()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Returns when a socket has gone, perhaps one that went before.
    pub async fn gone(&self) {
        self.0.gone.notified().await;
    }

    /// A place for a socket from this address, which waits for its turn.
    ///
    /// # Errors
    /// [`Refusal`] when there are too many sockets, in all or from this address, or when this address comes too often.
    pub fn enter(&self, address: IpAddr) -> Result<Seat, Refusal> {
        // First: who comes too often takes nobody else's time.
        self.0.lock().may_come(address.into())?;
        let seat = self.sit()?;
        seat.sit_at(address)?;
        Ok(seat)
    }

    /// A place for a socket whose address is not known yet: [`Seat::settle`] tells it.
    ///
    /// # Errors
    /// [`Refusal::Full`].
    pub fn enter_through_proxy(&self) -> Result<Seat, Refusal> {
        self.sit()
    }

    fn sit(&self) -> Result<Seat, Refusal> {
        let floor = Arc::clone(&self.0);
        {
            let mut counts = floor.lock();
            if counts.sockets >= floor.connections {
                return Err(Refusal::Full);
            }
            counts.sockets += 1;
            counts.waiting += 1;
        }
        let place = Mutex::new(Place { address: None, state: Holding::Waiting });
        Ok(Seat(Arc::new(Held { floor, displaced: Arc::default(), place })))
    }

    /// Closes silent sockets until so many are left, the oldest first: the server stops.
    pub fn displace_down_to(&self, left: usize) {
        let mut counts = self.0.lock();
        while counts.sessionless.len() > left
            && let Some((&oldest, _)) = counts.sessionless.first_key_value()
        {
            counts.displace(oldest);
        }
    }

    /// As they are at this moment.
    #[must_use]
    pub fn sockets(&self) -> Sockets {
        let counts = self.0.lock();
        Sockets {
            all: counts.sockets,
            silent: counts.sessionless.len(),
            opening: counts.opening,
            waiting: counts.waiting,
        }
    }
}

impl Seat {
    /// Its turn has come. It counts as a socket without a session; when there are too many of those, the oldest has to
    /// go.
    fn begin(&self) {
        self.become_of(|held, counts, address| {
            counts.handshakes.take();
            Holding::Silent(counts.wait(&held.floor, address, Arc::clone(&held.displaced)))
        });
    }

    /// Tells the address of a socket that came without one; once told, it stays.
    ///
    /// # Errors
    /// [`Refusal`] of the address; the seat then counts for none, and should be dropped.
    pub fn settle(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.0.place().address.is_some() {
            return Ok(());
        }
        self.0.floor.lock().may_come(address.into())?;
        self.sit_at(address)
    }

    fn sit_at(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = Address::from(address);
        let mut place = self.0.place();
        let mut counts = self.0.floor.lock();
        let of_address = counts.by_address.entry(address).or_default();
        if of_address.sockets >= self.0.floor.per_address {
            return Err(Refusal::AddressFull);
        }
        of_address.sockets += 1;
        of_address.waiting += usize::from(place.state == Holding::Waiting);
        place.address = Some(address);
        if let Holding::Silent(ticket) = place.state {
            counts.settle(&self.0.floor, ticket, address);
        }
        Ok(())
    }

    /// As far as it is known.
    pub(super) fn address(&self) -> Option<Address> {
        self.0.place().address
    }

    /// The socket's first login is under way, or waits for its turn: it is not displaced meanwhile.
    pub fn session_opening(&self) {
        self.become_of(|_, _, _| Holding::Opening);
    }

    /// The socket has a session now: it is no longer among those that may be displaced.
    pub fn session_opened(&self) {
        self.become_of(|_, _, _| Holding::Session);
        self.0.floor.freed.notify_one();
    }

    /// The socket has no session any more, or its login failed: it waits again, as the newest.
    pub fn session_lost(&self) {
        self.become_of(|held, counts, address| {
            Holding::Silent(counts.wait(&held.floor, address, Arc::clone(&held.displaced)))
        });
    }

    fn become_of(&self, next: impl FnOnce(&Held, &mut Counts, Option<Address>) -> Holding) {
        let mut place = self.0.place();
        let mut counts = self.0.floor.lock();
        counts.end(place.state, place.address);
        place.state = next(&self.0, &mut counts, place.address);
        if place.state == Holding::Opening {
            counts.opening += 1;
        }
    }

    /// Returns when this socket has to make room for newer ones: close it with 4108.
    pub async fn displaced(&self) {
        self.0.displaced.notified().await;
    }
}

impl Held {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut counts = self.floor.lock();
        counts.end(place.state, place.address);
        counts.sockets -= 1;
        if let Some(address) = place.address {
            counts.leave(address);
        }
        self.floor.freed.notify_one();
        self.floor.gone.notify_one();
    }
}

/// Whether there is room for another socket without a session.
enum Crowd {
    Place,
    /// Everybody there is logging in: the next place is free soon.
    LoggingIn,
    /// Since when the oldest silent one is there.
    Silent(Instant),
}

impl Floor {
    fn crowd(&self) -> Crowd {
        let counts = self.lock();
        if counts.sessionless.len() + counts.opening < self.sessionless {
            return Crowd::Place;
        }
        let oldest = counts.sessionless.first_key_value();
        oldest.map_or(Crowd::LoggingIn, |(_, waiting)| Crowd::Silent(waiting.since))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn new(handshakes: Pace, per_address: u32) -> Mutex<Self> {
        Mutex::new(Self {
            handshakes,
            handshakes_by_address: Paces::new(per_address),
            sockets: 0,
            waiting: 0,
            opening: 0,
            by_address: HashMap::new(),
            sessionless: BTreeMap::new(),
            next_ticket: 0,
        })
    }

    fn may_come(&mut self, address: Address) -> Result<(), Refusal> {
        if self.handshakes_by_address.take(address) { Ok(()) } else { Err(Refusal::AddressTooFast) }
    }

    /// Enters the sockets without a session, after the oldest went if there are too many.
    fn wait(&mut self, floor: &Floor, address: Option<Address>, displaced: Arc<Notify>) -> Ticket {
        if self.sessionless.len() + self.opening >= floor.sessionless
            && let Some((&oldest, _)) = self.sessionless.first_key_value()
        {
            self.displace(oldest);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.sessionless.insert(ticket, Waiting { since: Instant::now(), address: None, displaced });
        if let Some(address) = address {
            self.settle(floor, ticket, address);
        }
        ticket
    }

    /// Counts a waiting socket for its address, after the oldest of it went if there are too many.
    fn settle(&mut self, floor: &Floor, ticket: Ticket, address: Address) {
        let waiting = &self.by_address.entry(address).or_default().sessionless;
        if waiting.len() >= floor.sessionless_per_address
            && let Some(&oldest) = waiting.first()
        {
            self.displace(oldest);
        }
        // A socket that was displaced already is on its way out.
        if let Entry::Occupied(mut waiting) = self.sessionless.entry(ticket) {
            waiting.get_mut().address = Some(address);
            self.by_address.entry(address).or_default().sessionless.insert(ticket);
        }
    }

    fn displace(&mut self, ticket: Ticket) {
        let Some(waiting) = self.sessionless.remove(&ticket) else { return };
        waiting.displaced.notify_one();
        if let Some(of_address) = waiting.address.and_then(|address| self.by_address.get_mut(&address)) {
            of_address.sessionless.remove(&ticket);
        }
        metrics::counter!("grandstand_sockets_displaced_total").increment(1);
    }

    fn end(&mut self, state: Holding, address: Option<Address>) {
        match state {
            Holding::Session => {}
            Holding::Waiting => {
                self.waiting -= 1;
                if let Some(of_address) = address.and_then(|address| self.by_address.get_mut(&address)) {
                    of_address.waiting -= 1;
                }
            }
            Holding::Opening => self.opening -= 1,
            Holding::Silent(ticket) => {
                self.sessionless.remove(&ticket);
                if let Some(of_address) = address.and_then(|address| self.by_address.get_mut(&address)) {
                    of_address.sessionless.remove(&ticket);
                }
            }
        }
    }

    fn leave(&mut self, address: Address) {
        if let Some(of_address) = self.by_address.get_mut(&address) {
            of_address.sockets -= 1;
            if of_address.sockets == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
