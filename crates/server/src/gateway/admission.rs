//! Who may hold a socket: limits in all, per address, and for sockets that have opened no session.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::config::Limits;

/// Sockets that displace older ones, in a second, at most. When everybody returns at once, those who come later wait
/// in the kernel, while who is in has the time to open a session (measured: 4,900 a second do, on two cores that also
/// carried the load); when silent sockets fill the places, so many of them go every second.
const DISPLACED_PER_SECOND: u32 = 1000;

/// Counts the sockets of a port. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Floor>);

#[derive(Debug)]
struct Floor {
    connections: usize,
    per_address: usize,
    sessionless: usize,
    sessionless_per_address: usize,
    counts: Mutex<Counts>,
    /// A socket without a session opened one, or went.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    sockets: usize,
    by_address: HashMap<Address, AddressCounts>,
    /// Sockets without a session, oldest first.
    sessionless: BTreeMap<Ticket, Waiting>,
    next_ticket: Ticket,
}

#[derive(Debug, Default)]
struct AddressCounts {
    sockets: usize,
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
}

/// What counts as one address: of IPv6 the /64, because a household gets that many for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Address(IpAddr);

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
    /// `None` while there is a session.
    ticket: Option<Ticket>,
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
            counts: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Floor {
            connections: limits.connections,
            per_address: limits.sockets_per_address,
            sessionless: limits.sessionless_sockets,
            sessionless_per_address: limits.sessionless_sockets_per_address,
            counts: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Returns when the next socket may be taken from the kernel: there is a place among those without a session, or
    /// the oldest of them has had its time.
    pub async fn ready(&self) {
        let places = u32::try_from(self.0.sessionless).unwrap_or(u32::MAX);
        let time = Duration::from_secs(1) * places / DISPLACED_PER_SECOND;
        while let Some(oldest) = self.0.oldest_of_a_full_set() {
            if timeout_at(oldest + time, self.0.freed.notified()).await.is_err() {
                return;
            }
        }
    }

    /// A place for a socket from this address. It counts as one without a session; when there are too many of those,
    /// the oldest has to go.
    ///
    /// # Errors
    /// [`Refusal`] when there are too many sockets, in all or from this address.
    pub fn enter(&self, address: IpAddr) -> Result<Seat, Refusal> {
        let seat = self.enter_through_proxy()?;
        seat.settle(address)?;
        Ok(seat)
    }

    /// A place for a socket whose address is not known yet: [`Seat::settle`] tells it.
    ///
    /// # Errors
    /// [`Refusal::Full`].
    pub fn enter_through_proxy(&self) -> Result<Seat, Refusal> {
        let floor = Arc::clone(&self.0);
        {
            let mut counts = floor.lock();
            if counts.sockets >= floor.connections {
                return Err(Refusal::Full);
            }
            counts.sockets += 1;
        }
        let place = Mutex::new(Place { address: None, ticket: None });
        let seat = Seat(Arc::new(Held { floor, displaced: Arc::default(), place }));
        seat.session_lost();
        Ok(seat)
    }

    /// Closes every socket without a session: the server stops.
    pub fn displace_all(&self) {
        let mut counts = self.0.lock();
        while let Some((&oldest, _)) = counts.sessionless.first_key_value() {
            counts.displace(oldest);
        }
    }

    /// Sockets in all, and those of them without a session.
    #[must_use]
    pub fn sockets(&self) -> (usize, usize) {
        let counts = self.0.lock();
        (counts.sockets, counts.sessionless.len())
    }
}

impl Seat {
    /// Tells the address of a socket that came without one; once told, it stays.
    ///
    /// # Errors
    /// [`Refusal::AddressFull`]; the seat then counts for no address, and should be dropped.
    pub fn settle(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = Address::from(address);
        let mut place = self.0.place();
        if place.address.is_some() {
            return Ok(());
        }
        let mut counts = self.0.floor.lock();
        let of_address = counts.by_address.entry(address).or_default();
        if of_address.sockets >= self.0.floor.per_address {
            return Err(Refusal::AddressFull);
        }
        of_address.sockets += 1;
        place.address = Some(address);
        if let Some(ticket) = place.ticket {
            counts.settle(&self.0.floor, ticket, address);
        }
        Ok(())
    }

    /// The socket has a session now: it is no longer among those that may be displaced.
    pub fn session_opened(&self) {
        let mut place = self.0.place();
        if let Some(ticket) = place.ticket.take() {
            self.0.floor.lock().end_wait(ticket, place.address);
            self.0.floor.freed.notify_one();
        }
    }

    /// The socket's last session ended: it waits again, as the newest.
    pub fn session_lost(&self) {
        let mut place = self.0.place();
        if place.ticket.is_none() {
            let Held { floor, displaced, .. } = &*self.0;
            place.ticket = Some(floor.lock().wait(floor, place.address, Arc::clone(displaced)));
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
        if let Some(ticket) = place.ticket {
            counts.end_wait(ticket, place.address);
        }
        counts.sockets -= 1;
        if let Some(address) = place.address {
            counts.leave(address);
        }
        self.floor.freed.notify_one();
    }
}

impl Floor {
    /// Since when the oldest socket without a session waits, if there are as many as there may be.
    fn oldest_of_a_full_set(&self) -> Option<Instant> {
        let counts = self.lock();
        let full = counts.sessionless.len() >= self.sessionless;
        counts.sessionless.first_key_value().filter(|_| full).map(|(_, waiting)| waiting.since)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Enters the sockets without a session, after the oldest went if there are too many.
    fn wait(&mut self, floor: &Floor, address: Option<Address>, displaced: Arc<Notify>) -> Ticket {
        if self.sessionless.len() >= floor.sessionless
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

    fn end_wait(&mut self, ticket: Ticket, address: Option<Address>) {
        self.sessionless.remove(&ticket);
        if let Some(of_address) = address.and_then(|address| self.by_address.get_mut(&address)) {
            of_address.sessionless.remove(&ticket);
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
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::config::Config;

    fn admission(change: impl FnOnce(&mut Limits)) -> Admission {
        let mut limits = Config::from_toml("").unwrap().limits;
        change(&mut limits);
        Admission::new(&limits)
    }

    fn is_displaced(seat: &Seat) -> bool {
        seat.displaced().now_or_never().is_some()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_full_server_and_a_full_address_refuse_until_a_seat_is_given_back() {
        let admission = admission(|limits| {
            limits.connections = 3;
            limits.sockets_per_address = 2;
        });
        let first = admission.enter(HERE).unwrap();
        let _second = admission.enter(HERE).unwrap();
        assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
        let third = admission.enter(THERE).unwrap();
        assert_eq!(admission.enter(THERE).unwrap_err(), Refusal::Full);
        assert_eq!(admission.sockets(), (3, 3));

        drop(first);
        admission.enter(HERE).unwrap();
        drop(third);
        assert_eq!(admission.sockets(), (1, 1));
        assert_eq!(admission.0.lock().by_address.len(), 1, "addresses without sockets are forgotten");
    }

    #[test]
    fn a_refused_socket_leaves_no_trace_of_its_address() {
        let admission = admission(|limits| limits.sockets_per_address = 1);
        let first = admission.enter(HERE).unwrap();
        assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
        assert_eq!(admission.sockets(), (1, 1));
        drop(first);
        assert!(admission.0.lock().by_address.is_empty());
    }

    #[test]
    fn the_oldest_socket_without_a_session_makes_room() {
        let admission = admission(|limits| limits.sessionless_sockets = 2);
        let opened = admission.enter(HERE).unwrap();
        opened.session_opened();
        opened.session_opened();
        let oldest = admission.enter(HERE).unwrap();
        let newer = admission.enter(THERE).unwrap();
        assert!(!is_displaced(&oldest));

        let newest = admission.enter(THERE).unwrap();
        assert!(is_displaced(&oldest));
        assert!(!is_displaced(&opened) && !is_displaced(&newer) && !is_displaced(&newest));
        assert_eq!(admission.sockets(), (4, 2), "a displaced socket counts as a socket until it is closed");
        drop(oldest);
        assert_eq!(admission.sockets(), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_socket_waits_until_the_oldest_has_had_its_time() {
        let admission = admission(|limits| limits.sessionless_sockets = 100);
        let start = Instant::now();
        let first = admission.enter(HERE).unwrap();
        admission.ready().await;
        let _others: Vec<Seat> = (1..100).map(|_| admission.enter(HERE).unwrap()).collect();
        assert!(admission.ready().now_or_never().is_none());
        first.session_opened();
        admission.ready().await;
        assert_eq!(start.elapsed(), Duration::ZERO, "a session makes room at once");

        let _next = admission.enter(HERE).unwrap();
        admission.ready().await;
        assert_eq!(start.elapsed(), Duration::from_millis(100), "a silent socket only after a while");
    }

    #[test]
    fn an_address_displaces_its_own_oldest_only() {
        let admission = admission(|limits| limits.sessionless_sockets_per_address = 1);
        let other = admission.enter(THERE).unwrap();
        let oldest = admission.enter(HERE).unwrap();
        let newest = admission.enter(HERE).unwrap();
        assert!(is_displaced(&oldest));
        assert!(!is_displaced(&other) && !is_displaced(&newest));
    }

    #[test]
    fn a_socket_that_lost_its_session_waits_as_the_newest() {
        let admission = admission(|limits| limits.sessionless_sockets = 2);
        let lost = admission.enter(HERE).unwrap();
        lost.session_opened();
        let waiting = admission.enter(HERE).unwrap();
        lost.session_lost();
        lost.session_lost();
        assert_eq!(admission.sockets(), (2, 2));
        let _newest = admission.enter(HERE).unwrap();
        assert!(is_displaced(&waiting) && !is_displaced(&lost));
    }

    #[test]
    fn a_proxied_socket_counts_for_its_address_once_that_is_known() {
        let admission = admission(|limits| limits.sockets_per_address = 1);
        let proxied = admission.enter_through_proxy().unwrap();
        let direct = admission.enter(HERE).unwrap();
        assert_eq!(proxied.settle(HERE), Err(Refusal::AddressFull));
        drop(direct);
        assert_eq!(proxied.settle(HERE), Ok(()));
        assert_eq!(admission.enter(HERE).unwrap_err(), Refusal::AddressFull);
    }

    #[test]
    fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2:ffff::"));
        assert_ne!(address("2001:db8:1:2::"), address("2001:db8:1:3::"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
