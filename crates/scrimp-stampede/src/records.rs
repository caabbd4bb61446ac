//! Records of keys, in a table of fixed size.
//!
//! A record is a hint. It says when a request may pass without further checks. Whether a refresh
//! is really due is decided by what the cache says of the entry itself. So a record may be lost,
//! torn between two writers, or shared by two keys with one fingerprint. That costs time or a
//! call, and never gives a caller a wrong response, because the cache itself answers every
//! request. In return, a look-up takes no lock and allocates nothing, and the table never grows.

use std::{
    fmt,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// Number of records in a bucket.
const WAYS: usize = 8;

/// Weight of a new measurement in the average: one part in this many.
const SMOOTHING: u64 = 4;

/// The table of records.
pub(crate) struct Records {
    slots: Box<[Slot]>,
    base: Instant,
}

/// A record, one cache line long.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// Fingerprint of the key. Zero: no record.
    tag: AtomicU64,
    expires: AtomicU64,
    lifetime: AtomicU64,
    /// Cost in microseconds, smoothed. Zero: not measured.
    cost: AtomicU64,
    /// Earliest time for a refresh, by the lifetime.
    reach: AtomicU64,
    /// Earliest time for a refresh, after failures.
    rest: AtomicU64,
    flags: AtomicU32,
    hits: AtomicU32,
    failures: AtomicU32,
}

/// A time in microseconds since the table was made. A real time is never zero.
pub(crate) type Micros = u64;

/// Flags of a record.
pub(crate) mod flag {
    /// A refresh is under way.
    pub(crate) const REFRESHING: u32 = 1;
    /// Hits come with the first poll, as from memory. A response that does not is no hit.
    pub(crate) const AT_ONCE: u32 = 2;
    /// A response has just contradicted the record: check before relying on it.
    pub(crate) const SUSPECT: u32 = 4;
    /// Responses are not stored, or nothing tells whether they are: the layer does not intervene.
    pub(crate) const PASS: u32 = 8;
    /// The cache describes its entries in extensions, so it obeys `max-stale`.
    pub(crate) const EXPLAINED: u32 = 16;
    /// Since the last fill, the cache did not serve stale when it was allowed to.
    pub(crate) const NEVER_STALE: u32 = 32;
    /// Since the last fill, the upstream refused a refresh.
    pub(crate) const REFUSED: u32 = 64;
}

// === impl Records ===

impl Records {
    pub(crate) fn new(count: usize, base: Instant) -> Self {
        let buckets = count.div_ceil(WAYS).next_power_of_two();
        Self {
            slots: (0..buckets * WAYS).map(|_| Slot::default()).collect(),
            base,
        }
    }

    pub(crate) fn micros(&self, now: Instant) -> Micros {
        to_micros(now.saturating_duration_since(self.base)).saturating_add(1)
    }

    fn bucket(&self, fingerprint: u64) -> &[Slot] {
        let buckets = self.slots.len() / WAYS;
        // The low half: the tag is compared as a whole anyway.
        let at = (fingerprint as usize) & (buckets - 1);
        &self.slots[at * WAYS..(at + 1) * WAYS]
    }

    pub(crate) fn get(&self, fingerprint: u64) -> Option<&Slot> {
        let mut bucket = self.bucket(fingerprint).iter();
        bucket.find(|slot| slot.tag.load(Relaxed) == fingerprint)
    }

    /// Returns the record of a key. If there is none, it takes the place of an empty one, or else
    /// of the one that expires first.
    pub(crate) fn claim(&self, fingerprint: u64) -> &Slot {
        if let Some(slot) = self.get(fingerprint) {
            return slot;
        }
        let bucket = self.bucket(fingerprint);
        let rank = |slot: &&Slot| (slot.tag.load(Relaxed) != 0, slot.expires.load(Relaxed));
        let slot = bucket.iter().min_by_key(rank).unwrap_or(&bucket[0]);
        slot.clear(fingerprint);
        slot
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({})", self.slots.len())
    }
}

// === impl Slot ===

impl Slot {
    fn clear(&self, fingerprint: u64) {
        self.tag.store(0, Relaxed);
        for number in [
            &self.expires,
            &self.lifetime,
            &self.cost,
            &self.reach,
            &self.rest,
        ] {
            number.store(0, Relaxed);
        }
        for number in [&self.flags, &self.hits, &self.failures] {
            number.store(0, Relaxed);
        }
        self.tag.store(fingerprint, Relaxed);
    }

    pub(crate) fn remaining(&self, now: Micros) -> Duration {
        Duration::from_micros(self.expires.load(Relaxed).saturating_sub(now))
    }

    /// Returns the time since expiry. Zero before it.
    pub(crate) fn staleness(&self, now: Micros) -> Duration {
        Duration::from_micros(now.saturating_sub(self.expires.load(Relaxed)))
    }

    pub(crate) fn is_fresh(&self, now: Micros) -> bool {
        self.expires.load(Relaxed) > now
    }

    /// Returns whether the key is known, and no longer fresh.
    pub(crate) fn has_expired(&self, now: Micros) -> bool {
        let expires = self.expires.load(Relaxed);
        expires > 0 && expires <= now && !self.has(flag::PASS)
    }

    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_micros(self.lifetime.load(Relaxed))
    }

    pub(crate) fn cost(&self) -> Option<Duration> {
        let cost = self.cost.load(Relaxed);
        (cost > 0).then(|| Duration::from_micros(cost))
    }

    pub(crate) fn set_lifetime(&self, expires: Micros, lifetime: Duration) {
        self.expires.store(expires, Relaxed);
        self.lifetime.store(to_micros(lifetime), Relaxed);
    }

    /// Sets how long before expiry a refresh may begin.
    pub(crate) fn set_reach(&self, reach: Duration) {
        let from = self.expires.load(Relaxed).saturating_sub(to_micros(reach));
        self.reach.store(from, Relaxed);
    }

    pub(crate) fn is_in_reach(&self, now: Micros) -> bool {
        self.reach.load(Relaxed) <= now
    }

    /// Sets a cost that another service has averaged.
    pub(crate) fn set_cost(&self, cost: Duration) {
        self.cost.store(to_micros(cost).max(1), Relaxed);
    }

    /// Averages a measured cost in.
    pub(crate) fn measure(&self, cost: Duration) {
        let new = to_micros(cost).max(1);
        let smoothed = match self.cost.load(Relaxed) {
            0 => new,
            old => old - old / SMOOTHING + new / SMOOTHING,
        };
        self.cost.store(smoothed.max(1), Relaxed);
    }

    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags.load(Relaxed) & flags != 0
    }

    pub(crate) fn set(&self, flags: u32) {
        self.flags.fetch_or(flags, Relaxed);
    }

    pub(crate) fn unset(&self, flags: u32) {
        self.flags.fetch_and(!flags, Relaxed);
    }

    /// Takes the only place for a refresh. Returns false if it is taken.
    pub(crate) fn begin_refresh(&self) -> bool {
        self.flags.fetch_or(flag::REFRESHING, Relaxed) & flag::REFRESHING == 0
    }

    /// Counts a hit since the last fill, up to `enough`. Above that, a hot record is only read,
    /// never written, by many cores. Two simultaneous hits may count as one.
    pub(crate) fn hit(&self, enough: u32) {
        let hits = self.hits.load(Relaxed);
        if hits < enough {
            self.hits.store(hits + 1, Relaxed);
        }
    }

    pub(crate) fn hits(&self) -> u32 {
        self.hits.load(Relaxed)
    }

    pub(crate) fn is_resting(&self, now: Micros) -> bool {
        self.rest.load(Relaxed) > now
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    /// Notes that the key was filled again.
    pub(crate) fn filled(&self) {
        self.hits.store(0, Relaxed);
        self.failures.store(0, Relaxed);
        self.rest.store(0, Relaxed);
        self.unset(flag::PASS | flag::SUSPECT | flag::NEVER_STALE | flag::REFUSED);
    }

    /// Counts a failed refresh. Returns the number of failures in a row.
    pub(crate) fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    pub(crate) fn rest_until(&self, time: Micros) {
        self.rest.store(time, Relaxed);
    }
}

pub(crate) fn to_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: usize) -> Records {
        Records::new(count, Instant::now())
    }

    #[test]
    fn a_full_bucket_forgets_what_expires_first() {
        let records = records(WAYS);
        for key in 1..=8 {
            records.claim(key).set_lifetime(100 + key, Duration::ZERO);
        }
        records.claim(9).set_lifetime(500, Duration::ZERO);
        assert!(records.get(1).is_none());
        assert!((2..=9).all(|key| records.get(key).is_some()));
    }

    #[test]
    fn costs_are_smoothed_and_never_zero() {
        let records = records(1);
        let slot = records.claim(7);
        assert_eq!(slot.cost(), None);
        slot.measure(Duration::from_millis(400));
        slot.measure(Duration::from_millis(800));
        assert_eq!(slot.cost(), Some(Duration::from_millis(500)));
        slot.set_cost(Duration::ZERO);
        assert_eq!(slot.cost(), Some(Duration::from_micros(1)));
    }

    #[test]
    fn infinite_times_saturate() {
        let records = records(1);
        let slot = records.claim(7);
        slot.set_lifetime(u64::MAX, Duration::MAX);
        let now = records.micros(records.base + Duration::from_secs(1 << 35));
        assert!(slot.is_fresh(now) && slot.staleness(now).is_zero());
        slot.set_lifetime(0, Duration::ZERO);
        assert!(!slot.is_fresh(records.micros(records.base)));
    }

    #[test]
    fn a_refresh_is_begun_once() {
        let records = records(1);
        let slot = records.claim(7);
        assert!(slot.begin_refresh() && !slot.begin_refresh());
        slot.unset(flag::REFRESHING);
        assert!(slot.begin_refresh());
    }
}
