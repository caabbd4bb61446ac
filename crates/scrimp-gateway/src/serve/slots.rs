//! The number of connections and requests, and the connections that wait for a request.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::config::Server;

/// Time for which a connection may wait for a request although others wait for a slot.
const PATIENCE: Duration = Duration::from_secs(1);

/// Slots for connections and requests.
pub(crate) struct Slots {
    connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    per_address: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Connections per address. An address without connections is not in it.
    addresses: HashMap<IpAddr, usize>,
    /// Connections without an open request, the one that has waited longest first.
    waiting: LinkedHashMap<u64, Waiting>,
    next: u64,
}

struct Waiting {
    since: Instant,
    cut: Arc<Notify>,
}

/// One connection's place. Its drop gives the place back.
pub(crate) struct Seat {
    slots: Arc<Slots>,
    pub(crate) address: SocketAddr,
    id: u64,
    cut: Arc<Notify>,
    permit: Option<OwnedSemaphorePermit>,
}

// === impl Slots ===

impl Slots {
    pub(crate) fn new(server: &Server) -> Arc<Self> {
        let most = server.max_connections;
        Arc::new(Self {
            connections: Arc::new(Semaphore::new(most)),
            requests: Arc::new(Semaphore::new(server.max_requests)),
            per_address: server.max_connections_per_address.unwrap_or(most),
            table: Mutex::default(),
        })
    }

    /// Counts a connection of an address, or returns `None` if that has too many.
    pub(crate) fn seat(self: &Arc<Self>, address: SocketAddr) -> Option<Seat> {
        let mut table = self.table.lock();
        let count = table.addresses.entry(network(address.ip())).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        table.next += 1;
        Some(Seat {
            slots: Arc::clone(self),
            address,
            id: table.next,
            cut: Arc::new(Notify::new()),
            permit: None,
        })
    }

    /// Takes the permit of a request, if one is free.
    pub(crate) fn request(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    /// Waits for a free connection. If all are taken, those that wait for a request make room, the
    /// longest waiting first.
    async fn connection(&self) -> OwnedSemaphorePermit {
        loop {
            // Each turn waits for a slot up to a moment that is still to come.
            let again = self.make_room(Instant::now());
            let permit = Arc::clone(&self.connections).acquire_owned();
            if let Ok(permit) = timeout_at(again, permit).await {
                return permit.expect("it is never closed");
            }
        }
    }

    /// Cuts a connection if all are taken and one has waited long enough. Returns the time of the
    /// next attempt.
    fn make_room(&self, now: Instant) -> Instant {
        if self.connections.available_permits() > 0 {
            return now + PATIENCE;
        }
        let mut table = self.table.lock();
        match table.waiting.front() {
            Some((_, oldest)) if oldest.since + PATIENCE > now => oldest.since + PATIENCE,
            _ => {
                if let Some((_, oldest)) = table.waiting.pop_front() {
                    oldest.cut.notify_one();
                }
                now + PATIENCE
            }
        }
    }
}

// === impl Seat ===

impl Seat {
    /// Waits for the slot of this connection.
    pub(crate) async fn taken(mut self) -> Self {
        self.permit = Some(self.slots.connection().await);
        self
    }

    /// Notes that the connection has no open request.
    pub(crate) fn waits(&self, since: Instant) {
        let cut = Arc::clone(&self.cut);
        let waiting = Waiting { since, cut };
        self.slots.table.lock().waiting.insert(self.id, waiting);
    }

    /// Notes that the connection has an open request.
    pub(crate) fn serves(&self) {
        self.slots.table.lock().waiting.remove(&self.id);
    }

    /// Ends when the connection has to make room.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let network = network(self.address.ip());
        let mut table = self.slots.table.lock();
        table.waiting.remove(&self.id);
        if let Some(count) = table.addresses.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                table.addresses.remove(&network);
            }
        }
    }
}

/// Returns what one client can name: an IPv4 address, or a /64 network of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(connections: usize, per_address: usize) -> Arc<Slots> {
        Slots::new(&Server {
            max_connections: connections,
            max_connections_per_address: Some(per_address),
            ..Server::default()
        })
    }

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[test]
    fn an_address_has_its_share_and_a_network_of_ipv6_counts_as_one() {
        let slots = slots(100, 2);
        for (same, too, other) in [
            ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            let first = slots.seat(at(same)).unwrap();
            let second = slots.seat(at(too)).unwrap();
            assert!(slots.seat(at(same)).is_none());
            assert!(slots.seat(at(other)).is_some());
            drop(first);
            assert!(slots.seat(at(same)).is_some());
            drop(second);
        }
        assert!(slots.table.lock().addresses.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_has_waited_longest_makes_room() {
        let slots = slots(2, 10);
        let address = at("10.0.0.1");
        let first = slots.seat(address).unwrap().taken().await;
        let second = slots.seat(address).unwrap().taken().await;
        second.waits(Instant::now());
        first.waits(Instant::now());
        let start = Instant::now();
        let third = slots.seat(address).unwrap().taken();
        let cut = async {
            second.cut().await;
            drop(second);
        };
        let (_third, ()) = tokio::join!(third, cut);
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(slots.table.lock().waiting.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_serves_a_request_is_not_cut() {
        let slots = slots(1, 10);
        let address = at("10.0.0.1");
        let first = slots.seat(address).unwrap().taken().await;
        first.waits(Instant::now());
        first.serves();
        let wait = Duration::from_secs(100);
        let third = slots.seat(address).unwrap().taken();
        let mut third = std::pin::pin!(third);
        assert!(tokio::time::timeout(wait, &mut third).await.is_err());
        drop(first);
        third.await;
        assert!(slots.table.lock().addresses.is_empty());
    }
}
