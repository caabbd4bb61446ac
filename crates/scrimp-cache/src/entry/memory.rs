//! The store in memory.

use std::{
    fmt,
    future::Ready,
    sync::{Arc, Weak},
    time::Duration,
};

use scrimp_core::{BoxError, Key, KeyRef, Settings};
use scrimp_table::{Change, Table};
use tokio::time::Instant;

use super::{
    Entry, FillToken, Lookup, MemoryBudget, MemoryStoreBuilder, PutOutcome, Store, Variants,
    collector::Room, limits::Limits,
};
use crate::{
    invalidation::{Erased, Erasing, Erasure},
    stats::StoreStats,
};

/// Number of times that an entry may be as heavy as a response on its way which takes its place.
const HEAVIER: u64 = 4;

/// Keeps responses in memory, bounded by bytes.
///
/// Keys, header fields, bodies, bookkeeping and responses still being received all count. The last
/// have 3 % of the limit to themselves, and take up to one eighth of it from what is free, or from
/// the least valuable entries. Above the limit, the store evicts the entry with
/// the lowest value per byte: its uses, times what a hit saves, which is the price of the call if the
/// layer knows it, or else its time. How much older uses count follows from the traffic (see
/// [`scrimp_table`]). Responses that save no more calls go first. A clone is another handle on the
/// same memory.
///
/// Parts that the responses of a layer have in common are shared, and not counted: 64 sets of
/// header fields of at most 4 KiB, and 64 selections. What is not shared counts.
///
/// A body that is evicted while clients read it stays in memory until the last of them has it. Long
/// bodies (64 KiB or more) in store and with clients take at most twice the limit: beyond that, no
/// more of them are stored until clients have read on.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    table: Table<Variants>,
    budget: MemoryBudget,
    /// Memory for bodies that are stored, or evicted and still read.
    bodies: MemoryBudget,
    max_body: u64,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// Returns a store that holds at most `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self::with(&Limits::new(max_bytes))
    }

    /// Starts a builder for a store of at most `max_bytes`, with the default settings.
    pub fn builder(max_bytes: u64) -> MemoryStoreBuilder {
        MemoryStoreBuilder(Settings::new("MemoryStore", Limits::new(max_bytes)))
    }

    pub(super) fn with(limits: &Limits) -> Self {
        Self(Arc::new_cyclic(|inner: &Weak<Inner>| Inner {
            table: Table::new(
                limits.max_bytes - limits.reserved(),
                limits.max_keys_per_tenant,
            ),
            budget: MemoryBudget::within(limits.for_fills(), limits.reserved(), inner.clone()),
            bodies: MemoryBudget::new(limits.max_bytes.saturating_mul(2)),
            max_body: limits.max_body,
        }))
    }

    /// Returns the size of the largest body that is stored, in bytes.
    #[must_use]
    pub fn max_body_size(&self) -> u64 {
        self.0.max_body
    }

    /// Returns what the store holds now.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let table = self.0.table.stats();
        StoreStats {
            entries: table.entries,
            bytes: table.bytes,
            peak_bytes: table.peak_bytes,
            fill_bytes: self.0.budget.used(),
            evicted: table.evicted,
            found: table.found,
            missing: table.missing,
        }
    }

    fn put_now(&self, key: Key, entry: &Arc<Entry>, token: &FillToken) -> PutOutcome {
        let put = self.0.table.change(key, entry.sent(), |present| {
            if !token.allows(entry) || present.is_some_and(|here| here.outdates(entry, token)) {
                return Change::Keep(PutOutcome::Superseded);
            }
            let variants = match present {
                None => Variants::from_iter([Arc::clone(entry)]),
                Some(present) => present.with(entry),
            };
            Change::Put(variants.staying(token.stay()), PutOutcome::Stored)
        });
        match put {
            Ok(outcome) => outcome,
            Err(refused) => {
                // The response that it replaces is removed, though the new one is not stored.
                if let Some(key) = refused.into_key() {
                    self.leave(key, entry, |present| {
                        (!present.outdates(entry, token)).then(|| present.beside(entry))
                    });
                }
                PutOutcome::Rejected
            }
        }
    }

    /// Removes the responses that `is_meant` selects, and returns how many there were.
    fn remove_all(&self, is_meant: impl Fn(&Entry) -> bool) -> u64 {
        let mut keys = Vec::new();
        self.0.table.for_each_key(|key, variants| {
            if variants.iter().any(|entry| is_meant(entry)) {
                keys.push(key.to_key());
            }
        });
        let (mut removed, now) = (0, Instant::now());
        for key in keys {
            let mut here = 0;
            // What remains weighs less, so there is room for it.
            let _ = self.0.table.change(key, now, |present| {
                let Some(present) = present else {
                    return Change::Keep(());
                };
                let meant = present.iter().filter(|entry| is_meant(entry)).count();
                here = meant as u64;
                match present.only(|entry| !is_meant(entry)) {
                    _ if meant == 0 => Change::Keep(()),
                    Some(rest) => Change::Put(rest, ()),
                    None => Change::Remove(()),
                }
            });
            removed += here;
        }
        removed
    }

    /// Replaces the responses under a key by a part of them. `None` changes nothing.
    fn leave(&self, key: Key, entry: &Entry, part: impl Fn(&Variants) -> Option<Option<Variants>>) {
        // The rest weighs less, so there is room for it.
        let _ = self
            .0
            .table
            .change(key, entry.sent(), |present| match present.and_then(&part) {
                None => Change::Keep(()),
                Some(Some(rest)) => Change::Put(rest, ()),
                Some(None) => Change::Remove(()),
            });
    }
}

impl Store for MemoryStore {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    #[inline]
    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(self.0.table.get(key))
    }

    fn peek(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(self.0.table.peek(key))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        std::future::ready(Ok(self.put_now(key, &entry, &token)))
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        match which {
            None => self.0.table.remove(key),
            Some(which) => self.leave(key.to_key(), which, |here| Some(here.without(which))),
        }
    }

    fn budget(&self) -> &MemoryBudget {
        &self.0.budget
    }

    fn bodies(&self) -> Option<&MemoryBudget> {
        Some(&self.0.bodies)
    }

    fn max_body(&self) -> u64 {
        self.max_body_size()
    }

    fn count(&self, is_meant: &mut dyn FnMut(&Entry) -> bool) -> Option<u64> {
        let mut count = 0;
        self.0.table.for_each(|variants| {
            let meant = variants.iter().filter(|entry| is_meant(entry));
            count += meant.count() as u64;
        });
        Some(count)
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        // A put decides under the lock of its key, so one that began before is there, or is refused.
        let removed = self.remove_all(|entry| erasure.selects(entry));
        Box::pin(std::future::ready(Ok(Erased::new(removed, 0))))
    }

    fn sweep(&self, retention: Duration, now: Instant) -> Erasing {
        let age = |entry: &Entry| now.saturating_duration_since(entry.sent());
        let removed = self.remove_all(|entry| age(entry) >= retention);
        Box::pin(std::future::ready(Ok(Erased::new(removed, 0))))
    }

    fn stats(&self) -> StoreStats {
        Self::stats(self)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("max_entry_bytes", &self.0.table.capacity())
            .field("max_fill_bytes", &self.0.budget.limit())
            .field("max_body", &self.max_body_size())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Room for Inner {
    fn take(&self, bytes: u64, in_all: u64) -> bool {
        // A response on its way does not displace what is much heavier than itself.
        self.table.take(bytes, in_all.saturating_mul(HEAVIER))
    }

    fn give_back(&self, bytes: u64) {
        self.table.give_back(bytes);
    }
}
