//! How many connections there may be: of all clients, and of one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of connections, so that slow clients cannot exhaust the memory.
const MAX_CONNECTIONS: usize = 4096;

/// Descriptors that connections leave to the database, backups and workers.
const OTHER_DESCRIPTORS: usize = 128;

/// Connections that there may be however few descriptors the process may have.
const MIN_CONNECTIONS: usize = 16;

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Connections {
    max: usize,
    /// Maximum number of one client.
    max_of_client: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// By client; those without a connection are not there.
    by_client: HashMap<Client, usize>,
}

/// A connection that counts until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    connections: Arc<Connections>,
    client: Client,
}

impl Connections {
    /// As many as a process with this number of descriptors may have. One client may have
    /// `max_of_client` (0: any number), and at most three quarters of all, so that others are answered,
    /// too.
    pub(crate) fn new(descriptors: usize, max_of_client: usize) -> Arc<Self> {
        let max = descriptors.saturating_sub(OTHER_DESCRIPTORS).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        let most = max / 4 * 3;
        let max_of_client = if max_of_client == 0 { most } else { max_of_client.min(most) };
        Arc::new(Self { max, max_of_client, counts: Mutex::default() })
    }

    /// Counts a connection. `None`: it is one too many.
    pub(super) fn count(self: &Arc<Self>, peer: SocketAddr) -> Option<Counted> {
        let client = Client::from(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = counts.by_client.get(&client).copied().unwrap_or(0);
        if counts.all >= self.max || of_client >= self.max_of_client {
            return None;
        }
        counts.all += 1;
        counts.by_client.insert(client, of_client + 1);
        Some(Counted { connections: Arc::clone(self), client })
    }

    /// Number of connections.
    pub(super) fn number(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Entry::Occupied(mut of_client) = counts.by_client.entry(self.client) {
            *of_client.get_mut() -= 1;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }
}

/// What counts as one client: an address of IPv4, or a network of IPv6, of which a client may use
/// every address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl From<SocketAddr> for Client {
    fn from(peer: SocketAddr) -> Self {
        Self(match peer.ip().to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().expect("an address"), 1)
    }

    #[test]
    fn one_client_cannot_take_all_connections() {
        let connections = Connections::new(256, 1024);
        let many: Vec<_> = std::iter::from_fn(|| connections.count(peer("10.0.0.1"))).collect();
        assert_eq!((many.len(), connections.number()), (96, 96));
        let other = connections.count(peer("10.0.0.2"));
        assert!(other.is_some() && connections.count(peer("::ffff:10.0.0.1")).is_none());
        drop(many);
        assert_eq!(connections.number(), 1);
        assert!(connections.count(peer("10.0.0.1")).is_some());
        drop(other);
        assert_eq!(connections.counts.lock().expect("no panic").by_client.len(), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let connections = Connections::new(10_000, 2);
        let _two = ["2001:db8::1", "2001:db8::2"].map(|text| connections.count(peer(text)).expect("room"));
        assert!(connections.count(peer("2001:db8::3")).is_none());
        assert!(connections.count(peer("2001:db8:0:1::3")).is_some());
    }

    #[test]
    fn few_descriptors_are_no_reason_to_answer_nobody() {
        assert_eq!(Connections::new(20, 1024).max, MIN_CONNECTIONS);
        assert_eq!(Connections::new(usize::MAX, 1024).max, MAX_CONNECTIONS);
        assert_eq!(Connections::new(usize::MAX, 0).max_of_client, MAX_CONNECTIONS / 4 * 3);
    }
}
