//! A store of encoded responses, as on disk.

use std::{
    collections::HashMap,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp::{
    cache::{Codec, Entry, FillToken, Journal, Lookup, MemoryBudget, PutOutcome, Store, Variants},
    core::{BoxError, Key, KeyRef},
};

/// The bytes and their journal outlive the layers that use them.
#[derive(Clone)]
pub(super) struct Packed {
    codec: Codec,
    bytes: Arc<Mutex<HashMap<Key, Bytes>>>,
    journal: Records,
    budget: MemoryBudget,
}

#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<u8>>>);

// === impl Packed ===

impl Packed {
    pub(super) fn new() -> Self {
        Self {
            codec: Codec::new(),
            bytes: Arc::default(),
            journal: Records::default(),
            budget: MemoryBudget::new(1 << 20),
        }
    }

    fn read(&self, key: KeyRef<'_>) -> Option<Variants> {
        let bytes = self.bytes.lock().get(&key.to_key()).cloned()?;
        Some(self.codec.decode(key, &bytes).expect("own bytes"))
    }
}

impl Store for Packed {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(self.read(key).map(Arc::new))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let both = self.read(key.as_ref()).unwrap_or_default().with(&entry);
        let bytes = self.codec.encode(key.as_ref(), &both).expect("small");
        if !token.allows(&entry) {
            return ready(Ok(PutOutcome::Superseded));
        }
        self.bytes.lock().insert(key, bytes);
        ready(Ok(PutOutcome::Stored))
    }

    fn remove(&self, key: KeyRef<'_>, _: Option<&Arc<Entry>>) {
        self.bytes.lock().remove(&key.to_key());
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::new(self.journal.clone()))
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        1 << 20
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packed")
    }
}

// === impl Records ===

impl Journal for Records {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.lock().clone())
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        self.0.lock().extend_from_slice(record);
        Ok(())
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        *self.0.lock() = records.to_vec();
        Ok(())
    }
}
