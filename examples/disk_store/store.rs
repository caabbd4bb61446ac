//! A store on disk.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
};

use scrimp::{
    cache::{
        Codec, Entry, FillToken, Journal, Lookup, MemoryBudget, PutOutcome, Store, StoreStats,
        Variants,
    },
    core::{BoxError, Key, KeyRef},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{files::Files, journal::FileJournal};

/// Memory for incoming responses.
const FILL_BYTES: u64 = 16 << 20;

/// Stores responses in a folder, also while the program is not running.
///
/// Only one process at a time may use a folder. Files are read and written by blocking threads; a
/// request waits for a file no longer than the layer's `store_timeout`.
#[derive(Clone)]
pub(crate) struct DiskStore {
    files: Arc<Files>,
    journal: Arc<FileJournal>,
    budget: MemoryBudget,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl DiskStore ===

impl DiskStore {
    /// Opens a store in `folder` of at most `max_bytes`.
    pub(crate) fn open(folder: &Path, max_bytes: u64, codec: Codec) -> io::Result<Self> {
        Ok(Self {
            files: Arc::new(Files::open(folder, max_bytes, codec)?),
            journal: Arc::new(FileJournal::new(folder)),
            budget: MemoryBudget::new(FILL_BYTES),
        })
    }

    /// Returns the number of files that were not stored responses.
    #[cfg(test)]
    pub(crate) fn damaged(&self) -> u64 {
        self.files.damaged.load(Ordering::Relaxed)
    }
}

impl Store for DiskStore {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let (files, key) = (Arc::clone(&self.files), key.to_key());
        Lookup::Later(Box::pin(async move {
            let found = spawn_blocking(move || files.read(&key)).await??;
            Ok(found.map(Arc::new))
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let files = Arc::clone(&self.files);
        Box::pin(async move { spawn_blocking(move || files.put(&key, &entry, &token)).await? })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        let (files, key, which) = (Arc::clone(&self.files), key.to_key(), which.cloned());
        let remove = move || {
            if let Err(error) = files.remove(&key, which.as_ref()) {
                // The remaining file is invalid, or will be replaced; it only takes up space.
                tracing::warn!(error, "a stored response could not be removed");
            }
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::clone(&self.journal) as Arc<dyn Journal>)
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        self.budget.limit()
    }

    fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        (stats.entries, stats.bytes) = self.files.size();
        stats.fill_bytes = self.budget.used();
        stats.evicted = self.files.evicted.load(Ordering::Relaxed);
        stats
    }
}
