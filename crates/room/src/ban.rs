//! Bans from a whole app: by client id, or by network address.

use std::{collections::HashMap, net::IpAddr};

use grandstand_protocol::ClientId;
use ipnet::IpNet;

use crate::clock::Millis;

/// Most banned clients of an app, and most banned networks.
pub const BANS: u32 = 10_000;
/// Longest reason, in characters.
pub const REASON_CHARS: usize = 200;

/// Who is banned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Banned {
    /// A client id.
    Client(ClientId),
    /// Everybody from this network; one address is a network, too.
    Network(IpNet),
}

/// A ban from an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub banned: Banned,
    /// When it ends, if it does.
    pub until: Option<Millis>,
    /// Why, in words for operators.
    pub reason: Option<String>,
    /// Since when.
    pub made_at: Millis,
}

impl Ban {
    /// Whether it is not over.
    #[must_use]
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// The bans of an app, to look up who logs in.
#[derive(Debug, Default)]
pub struct Bans {
    clients: HashMap<ClientId, Ban>,
    addresses: HashMap<IpAddr, Ban>,
    networks: Vec<(IpNet, Ban)>,
}

impl Bans {
    /// All of them.
    #[must_use]
    pub fn new(bans: Vec<Ban>) -> Self {
        let mut sorted = Self::default();
        for ban in bans {
            match ban.banned.clone() {
                Banned::Client(client) => drop(sorted.clients.insert(client, ban)),
                Banned::Network(net) if net.prefix_len() == net.max_prefix_len() => {
                    drop(sorted.addresses.insert(net.addr().to_canonical(), ban));
                }
                Banned::Network(net) => sorted.networks.push((net, ban)),
            }
        }
        sorted
    }

    /// The ban that keeps a client out.
    #[must_use]
    pub fn find(&self, client: &ClientId, address: Option<IpAddr>, now: Millis) -> Option<&Ban> {
        let of_client = self.clients.get(client).filter(|ban| ban.holds(now));
        of_client.or_else(|| self.of_address(address?.to_canonical(), now))
    }

    fn of_address(&self, address: IpAddr, now: Millis) -> Option<&Ban> {
        let exact = self.addresses.get(&address).filter(|ban| ban.holds(now));
        exact.or_else(|| {
            let networks = self.networks.iter().filter(|(net, ban)| net.contains(&address) && ban.holds(now));
            networks.map(|(_, ban)| ban).next()
        })
    }
}
