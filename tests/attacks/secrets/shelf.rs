//! A store of encoded responses, as on disk, and its journal, open to inspection.

use std::{collections::HashMap, future::Ready, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp::{
    cache::{
        Codec, EncryptedJournal, EncryptionKeys, Entry, FillToken, Journal, Lookup, MemoryBudget,
        PutOutcome, Store, Variants,
    },
    core::{BoxError, Key, KeyRef},
};

#[derive(Clone)]
pub(super) struct Shelf {
    codec: Codec,
    seen: Arc<Mutex<Seen>>,
    journal: Arc<dyn Journal>,
    pages: Pages,
    budget: MemoryBudget,
}

/// The contents of a store, and what it was shown.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) files: HashMap<Vec<u8>, Bytes>,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) debug: Vec<String>,
    pub(super) stored: usize,
}

#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Shelf {
    pub(super) fn new(codec: Codec) -> Self {
        let pages = Pages::default();
        Self {
            codec,
            seen: Arc::default(),
            journal: Arc::new(pages.clone()),
            pages,
            budget: MemoryBudget::new(1 << 20),
        }
    }

    pub(super) fn with_encrypted_journal(mut self, keys: EncryptionKeys) -> Self {
        self.journal = Arc::new(EncryptedJournal::new(self.pages.clone(), keys));
        self
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().clone()
    }

    pub(super) fn journal_bytes(&self) -> Vec<u8> {
        self.pages.0.lock().clone()
    }

    /// Lets what goes on in the background take its steps.
    pub(super) async fn settle(&self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    fn read(&self, key: KeyRef<'_>) -> Option<Variants> {
        let seen = self.seen.lock();
        let bytes = seen.files.get(&Codec::name(key)[..])?;
        Some(self.codec.decode(key, bytes).expect("own bytes"))
    }
}

impl Store for Shelf {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let found: Lookup<Self::Get> = Lookup::Now(self.read(key).map(Arc::new));
        let mut seen = self.seen.lock();
        seen.debug.push(format!("{key:?} {found:?}"));
        seen.keys.push(key.as_bytes().to_vec());
        found
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let present = self.read(key.as_ref()).unwrap_or_default();
        let both = present.with(&entry);
        let bytes = self.codec.encode(key.as_ref(), &both).expect("small");
        let mut seen = self.seen.lock();
        let selection = entry.selection();
        seen.debug.push(format!(
            "{key:?} {entry:?} {selection:?} {token:?} {both:?} {:?}",
            self.codec
        ));
        seen.stored += 1;
        seen.files.insert(Codec::name(key.as_ref()).to_vec(), bytes);
        std::future::ready(Ok(PutOutcome::Stored))
    }

    fn remove(&self, _: KeyRef<'_>, _: Option<&Arc<Entry>>) {}

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::clone(&self.journal))
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        1 << 20
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shelf")
    }
}

impl Journal for Pages {
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
