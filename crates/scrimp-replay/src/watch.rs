//! A store that records the key that the cache looked up, and whether it stored the response.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use scrimp_cache::{Entry, FillToken, Lookup, MemoryBudget, MemoryStore, Store};
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

/// Passes all calls on to a [`MemoryStore`], and records them.
///
/// So the ceiling is counted with the real keys of the cache, including rules and query
/// parameters.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    inner: MemoryStore,
    seen: Arc<Mutex<Seen>>,
}

/// Use of the store for one request.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The key looked up; `None` if no stored response could have satisfied the request.
    pub(crate) key: Option<Key>,
    /// The last response that was stored, if one was.
    pub(crate) stored: Option<Stored>,
}

/// A response that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Weight in bytes.
    pub(crate) weight: u64,
    /// Time that it is fresh from now on.
    pub(crate) lifetime: Duration,
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            seen: Arc::default(),
        }
    }

    pub(crate) fn inner(&self) -> &MemoryStore {
        &self.inner
    }

    /// Returns the record since the last call.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock())
    }
}

impl Store for Watched {
    type Get = <MemoryStore as Store>::Get;
    type Put = <MemoryStore as Store>::Put;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.seen.lock().key = Some(key.to_key());
        self.inner.get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let policy = entry.policy();
        self.seen.lock().stored = Some(Stored {
            weight: entry.weight(),
            lifetime: policy.lifetime().saturating_sub(policy.age(Instant::now())),
        });
        self.inner.put(key, entry, token)
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.inner.remove(key, which);
    }

    fn budget(&self) -> &MemoryBudget {
        Store::budget(&self.inner)
    }

    fn max_body(&self) -> u64 {
        Store::max_body(&self.inner)
    }
}
