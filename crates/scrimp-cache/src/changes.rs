//! Changes of responses, seen when they are fetched again, and the lifetimes that follow.
//!
//! Changes of a resource are taken as a Poisson process. A lifetime `T` at a rate `r` leaves the
//! stored response out of date for `1 - (1 - exp(-rT)) / rT` of that time, which is at most `rT / 2`.
//! So the longest lifetime with a share `s` of stale time is `2s / r`. Of an `r` that is estimated from
//! `n` events, the errors that make lifetimes longer last longer, and count more: with one event more,
//! the share is right in the mean.
//!
//! What is seen of a resource is only that it has changed since the last fetch or has not (Cho and
//! Garcia-Molina, "Estimating frequency of change", 2003). A fetch that finds no change adds time
//! without an event. One that finds a change adds the number of events to expect in that time if there
//! was at least one. A key begins with what is known of its rule.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use scrimp_core::Counter;

use crate::{rule::LearnedTtl, stats::LearnedStats};

/// Number of sets of keys.
const SETS: usize = 4_096;

/// Number of keys in a set.
const WAYS: usize = 4;

/// Number of observations that keep a key's place.
const MOST_USES: u8 = 8;

/// Number of rules with observations of their own. The rules beyond share those of others.
const ROUTES: usize = 64;

/// Part of the observations of a key that remains with each new one, so that half of them is from the
/// last 35.
const KEY_MEMORY: f32 = 0.98;

/// The same for a rule: half is from the last 700.
const ROUTE_MEMORY: f32 = 0.999;

/// Observed changes of a layer's responses, under rules with learned lifetimes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Locked once for each response that is decided upon.
    table: Mutex<Table>,
    observed: Counter,
    changed: Counter,
    fresh_ms: Counter,
    stale_ms: Counter,
}

/// The observations. Memory for keys is allocated with the first.
#[derive(Debug, Default)]
struct Table {
    keys: Vec<[Key; WAYS]>,
    routes: Vec<Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Key {
    /// Upper half of the key's hash.
    mark: u32,
    /// Observations after the first, up to a few, less those that made room for others.
    uses: u8,
    seen: Seen,
}

/// A key under a rule with a learned lifetime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LearnedKey {
    /// Index of the rule.
    pub(crate) rule: usize,
    /// Hash of the key.
    pub(crate) hash: u64,
    pub(crate) ttl: LearnedTtl,
}

/// A response that was fetched again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    /// Time since the fetch before it.
    pub(crate) after: Duration,
    /// The response had changed meanwhile.
    pub(crate) changed: bool,
}

/// A lifetime, and the rate of changes that it follows from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) time: Duration,
    /// Events in a second, as if there had been one more.
    rate: f64,
}

/// Events, and the seconds in which they happened.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    events: f32,
    seconds: f32,
}

// === impl Changes ===

impl Changes {
    /// Returns the lifetime of a key's response, after it has learned from an observation.
    pub(crate) fn lifetime(&self, key: LearnedKey, seen: Option<Observation>) -> Lifetime {
        if let Some(seen) = seen {
            self.0.observed.increment();
            self.0.changed.add(u64::from(seen.changed));
        }
        let mut table = self.0.table.lock();
        if let Some(seen) = seen {
            table.observe(key, seen);
        }
        let rate = table.belief(key).careful_rate();
        drop(table);
        let longest = Duration::try_from_secs_f64(2.0 * share(key.ttl) / rate);
        let bounded = |time: Duration| time.clamp(key.ttl.min, key.ttl.max);
        Lifetime {
            time: longest.map_or(key.ttl.max, bounded),
            rate,
        }
    }

    /// Counts a lifetime that a response is stored with, bounds and jitter of its rule included.
    pub(crate) fn count(&self, learned: Lifetime, stored: Duration) {
        let seconds = stored.as_secs_f64();
        let fresh = seconds * 1e3;
        self.0.fresh_ms.add(fresh as u64);
        let stale = fresh * stale_share(learned.rate * seconds);
        self.0.stale_ms.add(stale as u64);
    }

    pub(crate) fn read(&self) -> LearnedStats {
        LearnedStats {
            observed: self.0.observed.get(),
            changed: self.0.changed.get(),
            fresh_ms: self.0.fresh_ms.get(),
            stale_ms: self.0.stale_ms.get(),
        }
    }
}

// === impl Table ===

impl Table {
    fn observe(&mut self, key: LearnedKey, seen: Observation) {
        let rate = self.belief(key).rate();
        let seconds = seen.after.as_secs_f64();
        let events = match seen.changed {
            true => expected_events(rate * seconds),
            false => 0.0,
        };
        self.route(key.rule).add(events, seconds, ROUTE_MEMORY);
        let own = self.own(key.hash);
        own.add(events, seconds, KEY_MEMORY);
        own.cap(longest_seconds(key.ttl));
    }

    /// Returns what is believed of a key: its own observations, and those of its rule, at first as one event.
    fn belief(&self, LearnedKey { rule, hash, ttl }: LearnedKey) -> Seen {
        // Without observations, the shortest lifetime is as long as the share of stale time allows.
        let first = Seen {
            events: 1.0,
            seconds: (ttl.min.as_secs_f64() / (2.0 * share(ttl))) as f32,
        };
        let route = self.routes.get(rule % ROUTES).copied().unwrap_or_default();
        let route = first.and(route).rate();
        let key = self.keys.get(set(hash));
        let key = key.and_then(|ways| ways.iter().find(|key| key.is(hash)));
        let own = key.map_or_else(Seen::default, |key| key.seen);
        // The more there is of its own, the less do others count.
        let weight = (1.0 + own.events).recip();
        own.and(Seen {
            events: weight,
            seconds: weight * route.recip() as f32,
        })
    }

    fn route(&mut self, rule: usize) -> &mut Seen {
        if self.routes.is_empty() {
            self.routes.resize(ROUTES, Seen::default());
        }
        &mut self.routes[rule % ROUTES]
    }

    /// Returns what is known of a key. A new one takes the place of the least used of its set.
    fn own(&mut self, hash: u64) -> &mut Seen {
        if self.keys.is_empty() {
            self.keys.resize(SETS, [Key::default(); WAYS]);
        }
        let ways = &mut self.keys[set(hash)];
        if let Some(at) = ways.iter().position(|key| key.is(hash)) {
            let key = &mut ways[at];
            key.uses = (key.uses + 1).min(MOST_USES);
            return &mut key.seen;
        }
        let least = (0..WAYS).min_by_key(|&way| ways[way].uses).unwrap_or(0);
        let price = ways[least].uses;
        for key in ways.iter_mut() {
            key.uses -= price;
        }
        // The newest is last, so that of equals the oldest goes first.
        ways.copy_within(least + 1.., least);
        ways[WAYS - 1] = Key {
            mark: mark(hash),
            ..Key::default()
        };
        &mut ways[WAYS - 1].seen
    }
}

// === impl Key ===

impl Key {
    fn is(&self, hash: u64) -> bool {
        self.mark == mark(hash)
    }
}

// === impl Seen ===

impl Seen {
    fn add(&mut self, events: f64, seconds: f64, memory: f32) {
        self.events = self.events.mul_add(memory, events as f32);
        self.seconds = self.seconds.mul_add(memory, seconds as f32);
    }

    fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            seconds: self.seconds + other.seconds,
        }
    }

    /// Keeps the rate, and no more than these seconds, so that a long calm does not hide a change.
    fn cap(&mut self, seconds: f32) {
        if self.seconds > seconds {
            self.events *= seconds / self.seconds;
            self.seconds = seconds;
        }
    }

    /// Returns the rate as if there had been one event more.
    fn careful_rate(self) -> f64 {
        let one = Self {
            events: 1.0,
            seconds: 0.0,
        };
        self.and(one).rate()
    }

    fn rate(self) -> f64 {
        f64::from(self.events) / f64::from(self.seconds)
    }
}

fn set(hash: u64) -> usize {
    hash as usize % SETS
}

fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Returns the seconds without an event that allow the longest lifetime.
fn longest_seconds(ttl: LearnedTtl) -> f32 {
    (ttl.max.as_secs_f64() / share(ttl)) as f32
}

fn share(ttl: LearnedTtl) -> f64 {
    f64::from(ttl.stale) / 1000.0
}

/// Returns the mean number of events in a time with at least one, if `mean` is that of all times.
fn expected_events(mean: f64) -> f64 {
    match mean < 1e-9 {
        true => 1.0,
        false => mean / -(-mean).exp_m1(),
    }
}

/// Returns the share of a time in which an event has happened already, if `mean` are expected in it.
fn stale_share(mean: f64) -> f64 {
    match mean < 1e-6 {
        true => mean / 2.0,
        false => 1.0 + (-mean).exp_m1() / mean,
    }
}

#[cfg(test)]
mod tests;
