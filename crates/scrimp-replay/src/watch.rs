//! A store that tells which key the cache looked up, and whether it kept the answer.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_cache::{Entry, FillToken, Lookup, MemoryBudget, MemoryStore, Store};
use scrimp_core::{Key, KeyRef};

/// Passes everything on to a [`MemoryStore`], and notes what the cache asks of it.
///
/// This is how the ceiling is counted by the very keys of the cache: rules, query
/// parameters and all.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    inner: MemoryStore,
    seen: Arc<Mutex<Seen>>,
}

/// What the cache did with its store for one request.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The key it looked for; `None` if no stored answer could have satisfied the request.
    pub(crate) key: Option<Vec<u8>>,
    /// Whether it kept an answer.
    pub(crate) kept: bool,
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

    /// What was seen since the last time.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock())
    }
}

impl Store for Watched {
    type Get = <MemoryStore as Store>::Get;
    type Put = <MemoryStore as Store>::Put;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.seen.lock().key = Some(key.as_bytes().to_vec());
        self.inner.get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        self.seen.lock().kept = true;
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
