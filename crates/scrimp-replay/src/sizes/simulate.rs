//! Tables of several sizes that are driven beside the replay.

use std::collections::HashMap;

use http::Method;
use scrimp_cache::{MemoryStore, Store};
use scrimp_core::{Key, KeyHashBuilder, KeyRef};
use scrimp_table::{Change, Kept, Table};
use tokio::time::Instant;

use super::{Footprint, footprint::target_hash};
use crate::{
    curve::{Curve, Point},
    line::Entry,
    stack::Verdict,
    units::ratio,
    watch::Stored,
};

/// Number of sizes, each twice the one before.
const SIZES: u32 = 9;
/// Smallest size.
const LEAST: u64 = 64 << 10;
/// Requests of a log that is simulated as a whole.
const REQUESTS: u64 = 1 << 15;
/// Of a longer log, one request in this many is simulated if there are enough keys for it.
const PART: u64 = 16;
/// Keys that are simulated at most, if they are as many as the estimate says.
const KEYS: u64 = 1 << 14;
/// Keys that are simulated at least.
const FEWEST_KEYS: u64 = 512;
/// Keys after which the simulation ends, as the estimate was far too low.
const MAX_KEYS: usize = 4 << 14;
/// Responses of the mean size that the smallest simulated table has room for.
const FEWEST_RESPONSES: u64 = 16;
/// Misses in the sample from which their number says how large a part of all it is.
const FEWEST_MISSES: u64 = 100;
/// Part of a store that a body may take.
const BODY: u64 = 8;

/// Drives tables of several sizes with the keys of a sample.
pub(crate) struct Simulation {
    /// Highest hash of a key in the sample.
    most: u64,
    sampled: f64,
    tables: Vec<Sized>,
    /// The last response for each key of the sample.
    known: HashMap<Key, Stored, KeyHashBuilder>,
    /// Keys of targets, for requests that invalidate them.
    targets: HashMap<u64, Key, KeyHashBuilder>,
    /// Requests, and those of them that a stored response could answer.
    requests: u64,
    lookups: u64,
    /// Look-ups that the replay's own cache did not answer, and those of them in the sample.
    missed: u64,
    missed_sampled: u64,
    over: bool,
}

/// A table of one size.
struct Sized {
    /// The limit of memory that it stands for.
    max_bytes: u64,
    table: Table<Virtual>,
    misses: u64,
}

/// A response without its body.
struct Virtual {
    weight: u64,
    /// `None`: without end.
    until: Option<Instant>,
}

// === impl Simulation ===

impl Simulation {
    /// Chooses the sample and the sizes for a log of so much content.
    pub(crate) fn new(footprint: &Footprint, requests: u64) -> Self {
        let (keys, bytes) = (footprint.keys().max(1), footprint.bytes().max(1));
        let sampled = sample(keys, requests);
        let whole = (bytes / 6 + bytes).next_power_of_two().max(LEAST);
        let sizes = (0..SIZES).rev().map(|halvings| whole >> halvings);
        let fewest = ratio(bytes, keys) * ratio(FEWEST_RESPONSES, 1);
        let sizes = sizes
            .filter(|size| *size >= LEAST && ratio(*size, 1) * sampled >= fewest || *size == whole);
        let unlimited = whole.saturating_mul(64);
        let tables = sizes.chain([unlimited]);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of the hashes"
        )]
        let most = (sampled * u64::MAX as f64) as u64;
        Self {
            most,
            sampled,
            tables: tables.map(|size| Sized::new(size, sampled)).collect(),
            known: HashMap::default(),
            targets: HashMap::default(),
            requests: 0,
            lookups: 0,
            missed: 0,
            missed_sampled: 0,
            over: false,
        }
    }

    /// Makes a request in each table, given the cache's verdict on it and its number of calls.
    ///
    /// `hash` is the [hash of its key](super::key_hash).
    pub(crate) fn request(
        &mut self,
        entry: &Entry,
        verdict: &Verdict,
        hash: Option<u64>,
        calls: u64,
    ) {
        if self.over {
            return;
        }
        self.requests += 1;
        let (Some(key), Some(hash)) = (&verdict.key, hash) else {
            return self.invalidate(entry);
        };
        self.lookups += 1;
        let missed = u64::from(calls > 0 || verdict.stored.is_some());
        self.missed += missed;
        if hash > self.most {
            return;
        }
        self.missed_sampled += missed;
        // The cache has answered from its store: a table without the response would fetch it again.
        let known = || self.known.get(key).copied();
        let fetched = calls == 0 && entry.method == Method::GET.as_str();
        let stored = verdict.stored.or_else(|| fetched.then(known).flatten());
        let now = Instant::now();
        for table in &mut self.tables {
            table.request(key.as_ref(), stored, now);
        }
        if let Some(stored) = stored {
            self.known.insert(key.clone(), stored);
        }
        self.targets.insert(target_hash(entry), key.clone());
        // No key may fill the memory, even if the estimate was wrong.
        self.over = self.known.len().max(self.targets.len()) > MAX_KEYS;
    }

    /// Removes the response for a target that a request has changed (RFC 9111 §4.4).
    fn invalidate(&self, entry: &Entry) {
        let method = Method::from_bytes(entry.method.as_bytes());
        let is_safe = method.is_ok_and(|method| method.is_safe());
        if is_safe || !(200..400).contains(&entry.status) {
            return;
        }
        if let Some(key) = self.targets.get(&target_hash(entry)) {
            self.tables
                .iter()
                .for_each(|table| table.table.remove(key.as_ref()));
        }
    }

    /// Returns the curve; `None` if no stored response could have answered a request.
    pub(crate) fn finish(self) -> Option<Curve> {
        if self.lookups == 0 {
            return None;
        }
        let (requests, lookups) = (ratio(self.requests, 1), ratio(self.lookups, 1));
        // Misses are scaled up, not hits: a key that is asked for most of the time would distort
        // these as it is in the sample or not. The replay's own misses say by how much.
        let scale = match self.missed_sampled {
            ..FEWEST_MISSES => 1.0 / self.sampled,
            missed => ratio(self.missed, missed),
        };
        let rate = |table: &Sized| {
            let misses = ratio(table.misses, 1) * scale;
            (lookups - misses).clamp(0.0, lookups) / requests
        };
        let (unlimited, limited) = self.tables.split_last()?;
        let points = limited.iter().map(|table| Point {
            max_bytes: table.max_bytes,
            hit_rate: rate(table),
        });
        let points = points.collect();
        Some(Curve::new(
            points,
            rate(unlimited),
            self.sampled,
            self.requests,
        ))
    }
}

/// Returns the part of the keys that is simulated.
fn sample(keys: u64, requests: u64) -> f64 {
    let by_requests = ratio(REQUESTS, requests.max(1)).max(ratio(1, PART));
    let by_keys = ratio(KEYS, keys);
    let least = ratio(FEWEST_KEYS, keys);
    by_requests.min(by_keys).max(least).min(1.0)
}

// === impl Sized ===

impl Sized {
    fn new(max_bytes: u64, sampled: f64) -> Self {
        // The store keeps a part of its memory for responses still being received.
        let room = max_bytes - MemoryStore::new(max_bytes).budget().limit();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a size"
        )]
        let room = (ratio(room, 1) * sampled) as u64;
        Self {
            max_bytes,
            table: Table::new(room, u64::MAX),
            misses: 0,
        }
    }

    fn request(&mut self, key: KeyRef<'_>, stored: Option<Stored>, now: Instant) {
        let is_fresh = |here: &Virtual| here.until.is_none_or(|until| until > now);
        if self.table.get(key).is_some_and(|here| is_fresh(&here)) {
            return;
        }
        self.misses += 1;
        let Some(Stored { weight, lifetime }) = stored.filter(|one| self.takes(one)) else {
            return;
        };
        let until = now.checked_add(lifetime);
        let change = |_: Option<&Virtual>| Change::Put(Virtual { weight, until }, ());
        // A response without room is a miss the next time, too.
        let _ = self.table.change(key.to_key(), now, change);
    }

    fn takes(&self, stored: &Stored) -> bool {
        stored.weight <= self.max_bytes / BODY
    }
}

// === impl Virtual ===

impl Kept for Virtual {
    fn weight(&self) -> u64 {
        self.weight
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }
}
