//! The servers behind a client: their breakers and their clocks, by the slots of keys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use redis::Value;
use scrimp_core::Breaker;
use tokio::time::Instant;

/// Number of slots of a cluster.
const SLOTS: usize = 16_384;

/// A server.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// Host and port of a node of a cluster.
    pub(crate) address: Option<(String, u16)>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) clock: ServerClock,
    /// Start of the present outage.
    pub(crate) down_since: Mutex<Option<Instant>>,
    /// Time of the last failure.
    pub(crate) last_failure: Mutex<Option<Instant>>,
}

/// The clock of a server, as it was at the last health check.
///
/// Ages of stored responses are differences on it, so the clocks of processes are never compared.
/// After a failover it is the clock of another machine, and the ages of what was stored before are
/// wrong by the difference of the two. What seems to be stored in the future has no age.
#[derive(Debug)]
pub(crate) struct ServerClock {
    start: Instant,
    /// The server's time in microseconds since 1970, at `start`.
    offset: AtomicI64,
}

/// The time since a moment on the clock of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// The clock is not known before the first health check.
    NoClock,
    Time(Duration),
    /// The moment is in the future: it was read on another clock.
    Ahead,
}

/// Difference by which a moment may be in the future: two clocks run apart between health checks.
const DRIFT: i64 = 1_000_000;

/// The servers of a client.
#[derive(Debug)]
pub(crate) struct Endpoints(RwLock<Arc<Map>>);

#[derive(Debug)]
struct Map {
    all: Vec<Arc<Endpoint>>,
    /// Index of the server of each slot; empty without a cluster.
    slots: Vec<u16>,
}

// === impl Endpoint ===

impl Endpoint {
    fn new(name: String, address: Option<(String, u16)>) -> Arc<Self> {
        Arc::new(Self {
            name,
            address,
            breaker: Arc::default(),
            clock: ServerClock {
                start: Instant::now(),
                offset: AtomicI64::new(i64::MIN),
            },
            down_since: Mutex::default(),
            last_failure: Mutex::default(),
        })
    }
}

// === impl ServerClock ===

impl ServerClock {
    /// Sets the clock by the reply to TIME, which was sent at `sent`. The server's time is at most
    /// this much, so ages are rounded up.
    pub(crate) fn set(&self, reply: &Value, sent: Instant) {
        let Value::Array(parts) = reply else {
            return;
        };
        let number = |part: Option<&Value>| match part {
            Some(Value::BulkString(text)) => std::str::from_utf8(text).ok()?.parse::<i64>().ok(),
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let (Some(seconds), Some(micros)) = (number(parts.first()), number(parts.get(1))) else {
            return;
        };
        let time = seconds.saturating_mul(1_000_000).saturating_add(micros);
        self.offset
            .store(time.saturating_sub(self.since_start(sent)), Relaxed);
    }

    /// Reports whether there was a health check.
    pub(crate) fn is_set(&self) -> bool {
        self.offset.load(Relaxed) != i64::MIN
    }

    /// Returns the time since a moment on the server's clock, in milliseconds since 1970.
    pub(crate) fn since(&self, moment: u64) -> Since {
        let offset = self.offset.load(Relaxed);
        if offset == i64::MIN {
            return Since::NoClock;
        }
        let now = offset.saturating_add(self.since_start(Instant::now()));
        let moment = i64::try_from(moment).unwrap_or(i64::MAX);
        let micros = now.saturating_sub(moment.saturating_mul(1000));
        match u64::try_from(micros) {
            Ok(micros) => Since::Time(Duration::from_micros(micros)),
            Err(_) if micros >= -DRIFT => Since::Time(Duration::ZERO),
            Err(_) => Since::Ahead,
        }
    }

    fn since_start(&self, instant: Instant) -> i64 {
        let time = instant.saturating_duration_since(self.start);
        i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
    }
}

// === impl Endpoints ===

impl Endpoints {
    /// Makes it of one server.
    pub(crate) fn one(name: String) -> Self {
        let all = vec![Endpoint::new(name, None)];
        let slots = Vec::new();
        Self(RwLock::new(Arc::new(Map { all, slots })))
    }

    /// Returns the server of a key.
    pub(crate) fn of(&self, key: &[u8]) -> Arc<Endpoint> {
        self.see(key, Arc::clone)
    }

    /// Passes the server of a key to `see`.
    pub(crate) fn see<T>(&self, key: &[u8], see: impl FnOnce(&Arc<Endpoint>) -> T) -> T {
        let map = self.0.read();
        let index = match map.slots.is_empty() {
            true => 0,
            false => usize::from(map.slots[usize::from(slot(key))]),
        };
        see(&map.all[index])
    }

    /// Returns all of them.
    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        self.0.read().all.clone()
    }

    /// Takes the servers and their slots from the reply to CLUSTER SLOTS. Servers that are known
    /// keep their breakers.
    pub(crate) fn set_slots(&self, reply: &Value) {
        let Value::Array(ranges) = reply else {
            return;
        };
        let known = self.all();
        let mut all: Vec<Arc<Endpoint>> = Vec::new();
        let mut slots = vec![0; SLOTS];
        for (from, to, host, port) in ranges.iter().filter_map(range) {
            let name = format!("{host}:{port}");
            let find = |list: &[Arc<Endpoint>]| list.iter().position(|one| one.name == name);
            let index = find(&all).unwrap_or_else(|| {
                all.push(match find(&known) {
                    Some(index) => Arc::clone(&known[index]),
                    None => Endpoint::new(name.clone(), Some((host, port))),
                });
                all.len() - 1
            });
            let index = u16::try_from(index).unwrap_or(0);
            slots[from..=to].fill(index);
        }
        if !all.is_empty() {
            *self.0.write() = Arc::new(Map { all, slots });
        }
    }
}

/// Reads one element of the reply to CLUSTER SLOTS: first and last slot, and the primary.
fn range(value: &Value) -> Option<(usize, usize, String, u16)> {
    let Value::Array(parts) = value else {
        return None;
    };
    let slot = |part: Option<&Value>| match part {
        Some(Value::Int(slot)) => usize::try_from(*slot).ok().filter(|&slot| slot < SLOTS),
        _ => None,
    };
    let (from, to) = (slot(parts.first())?, slot(parts.get(1))?);
    let Some(Value::Array(primary)) = parts.get(2) else {
        return None;
    };
    let (Some(Value::BulkString(host)), Some(Value::Int(port))) = (primary.first(), primary.get(1))
    else {
        return None;
    };
    let host = String::from_utf8(host.clone()).ok()?;
    (from <= to).then_some((from, to, host, u16::try_from(*port).ok()?))
}

/// Returns the slot of a key: CRC-16 (XMODEM) of what is between the first braces, or of the key.
fn slot(key: &[u8]) -> u16 {
    let part = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let length = rest.iter().position(|&byte| byte == b'}')?;
        (length > 0).then(|| &rest[..length])
    });
    let sum = part.unwrap_or(key).iter().fold(0_u16, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| match sum & 0x8000 {
            0 => sum << 1,
            _ => (sum << 1) ^ 0x1021,
        })
    });
    sum % SLOTS as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // From the cluster specification, and CLUSTER KEYSLOT.
        assert_eq!(slot(b"123456789"), 12_739);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), slot(b"foo{}{bar}"));
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
    }

    #[test]
    fn a_server_that_stays_keeps_its_breaker() {
        let endpoints = Endpoints::one("cluster".into());
        let node = |from, to, host: &str| {
            let primary = [Value::BulkString(host.into()), Value::Int(7000)];
            Value::Array(vec![
                Value::Int(from),
                Value::Int(to),
                Value::Array(primary.into()),
            ])
        };
        let both = [node(0, 8191, "a"), node(8192, 16_383, "b")];
        endpoints.set_slots(&Value::Array(both.into()));
        assert_eq!(endpoints.of(b"123456789").name, "b:7000");
        endpoints.of(b"123456789").breaker.open();
        let moved = [node(0, 4095, "c"), node(4096, 16_383, "b")];
        endpoints.set_slots(&Value::Array(moved.into()));
        assert!(endpoints.of(b"123456789").breaker.is_open());
        assert_eq!(endpoints.all().len(), 2);
        endpoints.set_slots(&Value::Array(Vec::new()));
        endpoints.set_slots(&Value::Array(vec![node(9, 2, "x"), node(0, 99_999, "x")]));
        assert_eq!(endpoints.all().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn ages_are_differences_on_the_servers_clock() {
        let endpoint = Endpoint::new("one".into(), None);
        assert_eq!(endpoint.clock.since(0), Since::NoClock);
        let text = |text: &str| Value::BulkString(text.into());
        let reply = Value::Array(vec![text("1700000000"), text("500000")]);
        endpoint.clock.set(&reply, Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        let since = |moment| endpoint.clock.since(moment);
        assert_eq!(
            since(1_700_000_000_000),
            Since::Time(Duration::from_millis(2500))
        );
        assert_eq!(since(1_700_000_003_000), Since::Time(Duration::ZERO));
        assert_eq!(since(1_700_000_009_000), Since::Ahead);
        assert_eq!(since(u64::MAX), Since::Ahead);
    }
}
