//! What is known of each key, in a table of fixed size.
//!
//! A record is a hint. It says when a request may be answered without further thought; whether
//! a refresh is really due is decided by what the cache says of the entry itself. So a record
//! may be lost, torn between two writers or shared by two keys of one fingerprint: that costs
//! time or a call, and never gives a caller a wrong answer, as every request is answered by
//! the cache itself. In return a look-up takes no lock and allocates nothing, and the table
//! never grows.

use std::{
    fmt,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// Records that share a place to look in.
const WAYS: usize = 8;

/// Weight of a new measurement in the average: one part in this many.
const SMOOTHING: u64 = 4;

/// All records.
pub(crate) struct Records {
    slots: Box<[Slot]>,
    base: Instant,
}

/// One record, a cache line.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// The key's fingerprint; zero where there is no record.
    tag: AtomicU64,
    expires: AtomicU64,
    lifetime: AtomicU64,
    /// Microseconds, smoothed; zero where nothing was measured.
    cost: AtomicU64,
    /// No refresh before this: it would be too early.
    reach: AtomicU64,
    /// No refresh before this: the last ones have failed.
    rest: AtomicU64,
    flags: AtomicU32,
    hits: AtomicU32,
    failures: AtomicU32,
}

/// A time in microseconds since the table was made. Never zero for a real time.
pub(crate) type Micros = u64;

/// What a record can say besides times.
pub(crate) mod flag {
    /// A refresh is under way.
    pub(crate) const REFRESHING: u32 = 1;
    /// Hits come with the first poll, as from memory: one that does not is no hit.
    pub(crate) const AT_ONCE: u32 = 2;
    /// What the record says was just contradicted: ask before believing it.
    pub(crate) const SUSPECT: u32 = 4;
    /// Answers are not kept, or nothing tells whether they are: stay out of it.
    pub(crate) const PASS: u32 = 8;
    /// The cache tells about its entries in extensions, and so obeys `max-stale`.
    pub(crate) const EXPLAINED: u32 = 16;
    /// The cache did not serve stale when it was allowed to, since the last fill.
    pub(crate) const NEVER_STALE: u32 = 32;
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
        // The low half: the tag is compared whole anyway.
        let at = (fingerprint as usize) & (buckets - 1);
        &self.slots[at * WAYS..(at + 1) * WAYS]
    }

    pub(crate) fn get(&self, fingerprint: u64) -> Option<&Slot> {
        let mut bucket = self.bucket(fingerprint).iter();
        bucket.find(|slot| slot.tag.load(Relaxed) == fingerprint)
    }

    /// The record of a key, in place of the one that is missed least if there is none: an
    /// empty one, else the one that expires first.
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

    /// Time since expiry; zero before it.
    pub(crate) fn staleness(&self, now: Micros) -> Duration {
        Duration::from_micros(now.saturating_sub(self.expires.load(Relaxed)))
    }

    pub(crate) fn is_fresh(&self, now: Micros) -> bool {
        self.expires.load(Relaxed) > now
    }

    /// It is known, and not fresh any more.
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

    /// How long before expiry a refresh may begin.
    pub(crate) fn set_reach(&self, reach: Duration) {
        let from = self.expires.load(Relaxed).saturating_sub(to_micros(reach));
        self.reach.store(from, Relaxed);
    }

    pub(crate) fn is_in_reach(&self, now: Micros) -> bool {
        self.reach.load(Relaxed) <= now
    }

    /// A cost that another has averaged.
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

    /// Takes the one place there is for a refresh.
    pub(crate) fn begin_refresh(&self) -> bool {
        self.flags.fetch_or(flag::REFRESHING, Relaxed) & flag::REFRESHING == 0
    }

    /// Counts a hit since the last fill, up to as many as matter: a hot record is read by many
    /// cores and written by none. Two at once may count as one.
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

    /// The key was filled anew.
    pub(crate) fn filled(&self) {
        self.hits.store(0, Relaxed);
        self.failures.store(0, Relaxed);
        self.rest.store(0, Relaxed);
        self.unset(flag::PASS | flag::SUSPECT | flag::NEVER_STALE);
    }

    /// Counts a failed refresh, and says how many there were in a row.
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
    fn costs_are_smoothed_and_never_nothing() {
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
    fn times_without_end_saturate() {
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
