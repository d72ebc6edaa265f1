//! Sockets that wait for their turn, in the order in which turns are given: one of each address after the other, so that
//! an address that sends thousands holds up itself alone.

use std::collections::{HashMap, VecDeque};

use super::{super::admission::Address, acceptor::Arrival};

#[derive(Debug)]
pub(super) struct Line<T = Arrival> {
    /// What each address has waiting, oldest first; none is empty. Sockets of trusted proxies, whose clients are not
    /// known yet, stand under none.
    by_address: HashMap<Option<Address>, VecDeque<T>>,
    /// Each address once.
    turns: VecDeque<Option<Address>>,
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self { by_address: HashMap::new(), turns: VecDeque::new() }
    }

    pub(super) fn push(&mut self, address: Option<Address>, arrival: T) {
        let waiting = self.by_address.entry(address).or_default();
        if waiting.is_empty() {
            self.turns.push_back(address);
        }
        waiting.push_back(arrival);
    }

    pub(super) fn next(&mut self) -> Option<T> {
        let address = self.turns.pop_front()?;
        let waiting = self.by_address.get_mut(&address)?;
        let arrival = waiting.pop_front();
        if waiting.is_empty() {
            self.by_address.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        arrival
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn addresses_take_turns_and_each_keeps_its_order() {
        let [a, b] = [1, 2].map(|last| Some(Address::from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))));
        let mut line = Line::new();
        for (address, name) in [(a, "a1"), (a, "a2"), (a, "a3"), (b, "b1"), (None, "p1"), (b, "b2")] {
            line.push(address, name);
        }
        let mut came: Vec<_> = (0..4).filter_map(|_| line.next()).collect();
        line.push(b, "b3");
        came.extend(std::iter::from_fn(|| line.next()));
        assert_eq!(came, ["a1", "b1", "p1", "a2", "b2", "a3", "b3"]);
        assert!(line.by_address.is_empty() && line.turns.is_empty(), "nothing stays of who has gone");
    }
}
