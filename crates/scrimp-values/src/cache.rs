//! The cache.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::{BoxError, Key, KeyBuf, SharedError};
use scrimp_flight::single_flight::{Entry, Gate, Lead, Turn};
use scrimp_table::{Change, Table};

use crate::{
    ValueCacheStats,
    config::Config,
    fills::{Fills, Round},
    stats::Counts,
    value::Stored,
};

/// A cache of values by key, filled by one caller at a time. Clones share the values.
pub struct ValueCache<V: Send + Sync + 'static>(Arc<Inner<V>>);

struct Inner<V: Send + Sync + 'static> {
    config: Config<V>,
    table: Table<Stored<V>>,
    gate: Gate<Filled<V>>,
    fills: Fills,
    counts: Counts,
}

/// Result of a fill.
type Filled<V> = Result<Arc<V>, SharedError>;

/// Way of the callers of a key.
enum Way<V: Send + Sync + 'static> {
    Done(Filled<V>),
    Fill(Lead<Filled<V>>),
}

// === impl ValueCache ===

impl<V: Send + Sync + 'static> ValueCache<V> {
    pub(crate) fn with(config: Config<V>) -> Self {
        Self(Arc::new(Inner {
            table: Table::new(config.max_bytes, u64::MAX),
            gate: Gate::new(),
            fills: Fills::default(),
            counts: Counts::default(),
            config,
        }))
    }

    /// Returns the value under a key, if there is one and its time is not over.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Arc<V>> {
        let found = self.0.look_up(&key_of(key.as_ref()));
        if found.is_none() {
            self.0.counts.misses.increment();
        }
        found
    }

    /// Returns the value under a key, or fills it: one caller does, and the others wait for its value.
    ///
    /// # Errors
    ///
    /// If the fill fails. All callers that waited for it get its error, and nothing is stored.
    pub async fn get_or_set<F, E>(
        &self,
        key: impl AsRef<[u8]>,
        fill: impl FnOnce() -> F,
    ) -> Result<Arc<V>, SharedError>
    where
        F: Future<Output = Result<V, E>>,
        E: Into<BoxError>,
    {
        let lifetime = self.0.config.lifetime;
        let fill = || async { fill().await.map(|value| (value, lifetime)) };
        self.get_or_set_for(key, fill).await
    }

    /// Returns the value under a key, or fills it. The fill says how long the value lives; `None` is without end.
    ///
    /// # Errors
    ///
    /// If the fill fails. All callers that waited for it get its error, and nothing is stored.
    pub async fn get_or_set_for<F, E>(
        &self,
        key: impl AsRef<[u8]>,
        fill: impl FnOnce() -> F,
    ) -> Result<Arc<V>, SharedError>
    where
        F: Future<Output = Result<(V, Option<Duration>), E>>,
        E: Into<BoxError>,
    {
        let parts = key_of(key.as_ref());
        if let Some(value) = self.0.look_up(&parts) {
            return Ok(value);
        }
        let key = parts.to_key();
        let round = self.0.fills.join(&key);
        let lead = match self.0.turn(parts, round.number()).await {
            Way::Done(result) => return result,
            Way::Fill(lead) => lead,
        };
        // The round before may have ended since the look-up.
        if let Some(value) = self.0.look_up_key(&key) {
            lead.end(Ok(Arc::clone(&value)));
            return Ok(value);
        }
        self.0.counts.misses.increment();
        let result = match fill().await {
            Ok((value, lifetime)) => {
                let value = Arc::new(value);
                self.0.store(&round, &key, &value, lifetime);
                Ok(value)
            }
            Err(error) => {
                self.0.counts.failed.increment();
                Err(SharedError::new(error))
            }
        };
        lead.end(result.clone());
        result
    }

    /// Sets the value under a key. A fill in progress does not replace it.
    pub fn set(&self, key: impl AsRef<[u8]>, value: V) {
        let key = key_of(key.as_ref()).to_key();
        let lifetime = self.0.config.lifetime;
        let value = Arc::new(value);
        self.0
            .fills
            .end(&key, || self.0.put(&key, &value, lifetime));
    }

    /// Removes a key. A fill in progress does not bring it back.
    pub fn remove(&self, key: impl AsRef<[u8]>) {
        let key = key_of(key.as_ref()).to_key();
        self.0.fills.end(&key, || self.0.table.remove(key.as_ref()));
    }

    /// Removes all keys. Fills in progress do not bring them back.
    pub fn clear(&self) {
        self.0.fills.end_all(|| self.0.table.clear());
    }

    /// Returns the number of keys that are being filled.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.fills.len()
    }

    /// Returns the counters.
    #[must_use]
    pub fn stats(&self) -> ValueCacheStats {
        let (counts, table) = (&self.0.counts, self.0.table.stats());
        ValueCacheStats {
            hits: counts.hits.get(),
            misses: counts.misses.get(),
            joined: counts.joined.get(),
            failed: counts.failed.get(),
            overtaken: counts.overtaken.get(),
            store_full: counts.store_full.get(),
            entries: table.entries,
            bytes: table.bytes,
            evicted: table.evicted,
        }
    }
}

impl<V: Send + Sync + 'static> Clone for ValueCache<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V: Send + Sync + 'static> fmt::Debug for ValueCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueCache")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl<V: Send + Sync + 'static> Inner<V> {
    fn look_up(&self, key: &KeyBuf) -> Option<Arc<V>> {
        let stored = self.table.get(key.as_ref())?;
        self.fresh(&stored)
    }

    fn look_up_key(&self, key: &Key) -> Option<Arc<V>> {
        let stored = self.table.get(key.as_ref())?;
        self.fresh(&stored)
    }

    fn fresh(&self, stored: &Stored<V>) -> Option<Arc<V>> {
        let is_fresh = stored.is_fresh(self.config.clock.instant());
        is_fresh.then(|| {
            self.counts.hits.increment();
            Arc::clone(&stored.value)
        })
    }

    /// Waits for the value of a round, or for the turn to fill it.
    async fn turn(&self, mut key: KeyBuf, round: u64) -> Way<V> {
        // Callers of two rounds do not meet.
        key.part(&round.to_le_bytes());
        let wait = match self.gate.enter(key.as_ref()) {
            Entry::Lead(lead) => return Way::Fill(lead),
            Entry::Wait(wait) => wait,
        };
        match wait.await {
            Turn::Lead(lead) => Way::Fill(lead),
            Turn::Result(result) => {
                self.counts.joined.increment();
                Way::Done(result)
            }
        }
    }

    fn store(&self, round: &Round<'_>, key: &Key, value: &Arc<V>, lifetime: Option<Duration>) {
        if round.store(|| self.put(key, value, lifetime)).is_none() {
            self.counts.overtaken.increment();
        }
    }

    fn put(&self, key: &Key, value: &Arc<V>, lifetime: Option<Duration>) {
        let now = self.config.clock.instant();
        let weigh = self.config.weight.as_ref();
        let weight = weigh.map_or(0, |weigh| weigh(value));
        let until = lifetime.and_then(|lifetime| now.checked_add(lifetime));
        let length = key.as_ref().as_bytes().len();
        let stored = || Stored::new(Arc::clone(value), length, weight, until);
        let put = self
            .table
            .change(key.clone(), now, |_| Change::Put(stored(), ()));
        if put.is_err() {
            // What is there is older.
            self.table.remove(key.as_ref());
            self.counts.store_full.increment();
        }
    }
}

fn key_of(name: &[u8]) -> KeyBuf {
    let mut key = KeyBuf::new();
    // The first part of a key is its tenant.
    key.part(b"").part(name);
    key
}
