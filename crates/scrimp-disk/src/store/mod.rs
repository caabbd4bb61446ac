//! A store on disk.

mod builder;
#[cfg(feature = "metrics")]
mod metered;
mod stats;

use std::{fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use scrimp_cache::{
    Entry, Erased, Erasing, Erasure, FillToken, Journal, Lookup, MemoryBudget, PutOutcome,
    SharedLog, Store, StoreStats, Variants,
};
use scrimp_core::{BoxError, Counter, Key, KeyRef};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::spawn_blocking,
    time::Instant,
};

use crate::files::{Files, name};
pub use builder::DiskStoreBuilder;
pub use stats::DiskStoreStats;

/// Look-ups and writes that may wait for the disk at the same time. A disk that has stopped holds no
/// more threads than that.
const MAX_WAITING: usize = 256;

/// Stores responses in a folder, where they survive a restart.
///
/// Each key has a file with the variants of its response. A look-up goes to the file by its name, so
/// everything stored is found at once after a restart, however much it is. Files are read and
/// written by the blocking threads of tokio.
///
/// - **Bound**: the files take at most the limit, counted in blocks of 4 KiB. Beyond it, the least
///   recently used ones are deleted. A thread counts the files of an earlier process after the
///   start; until it is done, the store grows by at most one sixteenth of its limit.
/// - **Crashes**: a response is written beside and renamed, so a process that is killed in
///   the middle of it leaves the old file or the new one. What was cut off or changed, or
///   was stored for another key, as after a failure of the power, is a miss; it is counted as
///   [damaged](DiskStoreStats::damaged), and deleted.
/// - **Full disk**: least recently used files make room. If there is none even so, the response is not
///   stored, and the one that it replaces is deleted.
/// - **Invalidations** are kept in a [journal](Journal) in the folder, so that what was
///   invalidated does not come back. In a fleet, the [log](DiskStoreBuilder::shared_log)
///   that the processes share takes its place.
/// - **Erasure** ([`Invalidator::erase`](scrimp_cache::Invalidator::erase)) reads each file, and deletes those
///   with a selected response and those that cannot be read. Blocks that are free again are not
///   overwritten: encrypt the responses or the disk, if others may read it as a whole.
/// - **Time**: a response is deleted when it is of no more use, or after the
///   [longest lifetime](DiskStoreBuilder::max_lifetime). Ages continue by the wall clock of the
///   machine while no process runs.
///
/// One store at a time has a folder open. A clone is another handle on the same store.
#[derive(Clone)]
pub struct DiskStore(Arc<Inner>);

struct Inner {
    files: Arc<Files>,
    journal: Option<Arc<dyn Journal>>,
    log: Option<SharedLog>,
    budget: MemoryBudget,
    max_body: u64,
    waiting: Arc<Semaphore>,
    left_out: Counter,
    counted: watch::Receiver<bool>,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl DiskStore ===

impl DiskStore {
    /// Starts a builder for a store of at most `max_bytes` in a folder, which is made if needed, with
    /// the default settings.
    pub fn builder(folder: impl Into<PathBuf>, max_bytes: u64) -> DiskStoreBuilder {
        DiskStoreBuilder::new(folder.into(), max_bytes)
    }

    /// Returns the counts since the store was opened.
    #[must_use]
    pub fn counts(&self) -> DiskStoreStats {
        let counts = &self.0.files.counts;
        DiskStoreStats {
            counted: *self.0.counted.borrow(),
            found: counts.found.get(),
            missing: counts.missing.get(),
            damaged: counts.damaged.get(),
            outdated: counts.outdated.get(),
            left_out: self.0.left_out.get(),
            disk_full: counts.disk_full.get(),
        }
    }

    /// Waits until the files of an earlier process are counted. From then on, a look-up that finds
    /// nothing does not ask the disk. If some cannot be counted, look-ups go on asking, the store grows
    /// by at most one sixteenth of its limit, and [`counted`](DiskStoreStats::counted) stays false.
    pub async fn counted(&self) {
        let mut counted = self.0.counted.clone();
        // An error means that the thread has ended, so there is nothing to wait for.
        let _ = counted.wait_for(|&counted| counted).await;
    }

    /// Waits until the folder is free for another store: all clones of this one are dropped, those in cache layers
    /// too, and what they began in the background has ended. Without it, opening the folder at once may fail.
    pub async fn closed(self) {
        let mut open = self.0.files.open();
        drop(self);
        // It ends with the sender; nothing is ever sent.
        while open.changed().await.is_ok() {}
    }
}

impl Store for DiskStore {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let files = &self.0.files;
        if !files.may_hold(&name(key)) {
            files.counts.missing.increment();
            return Lookup::Now(None);
        }
        let Some(place) = self.0.place() else {
            return Lookup::Now(None);
        };
        let (files, key) = (Arc::clone(files), key.to_key());
        Lookup::Later(Box::pin(async move {
            let found = spawn_blocking(move || {
                let found = files.get(&key);
                drop(place);
                found
            });
            Ok(found.await??.map(Arc::new))
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let fits = entry.body().len() as u64 <= self.0.max_body;
        let place = fits.then(|| self.0.place()).flatten();
        let files = Arc::clone(&self.0.files);
        Box::pin(async move {
            let Some(place) = place else {
                return Ok(PutOutcome::Rejected);
            };
            let put = spawn_blocking(move || {
                let outcome = files.put(&key, &entry, &token);
                drop(place);
                outcome
            });
            put.await?
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        if which.is_none() {
            // From now on it is missing, whenever the file is deleted.
            self.0.files.mark_removed(&name(key));
        }
        let Some(place) = self.0.place() else {
            return;
        };
        let (files, key, which) = (Arc::clone(&self.0.files), key.to_key(), which.cloned());
        let remove = move || {
            let removed = match &which {
                None => files.delete_removed(&key).map_err(Into::into),
                Some(which) => files.remove_one(&key, which),
            };
            if let Err(error) = removed {
                // The remaining file is invalid, or will be replaced; it only takes up space.
                tracing::warn!(error, "a stored response could not be removed");
            }
            drop(place);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }

    fn is_degraded(&self, _: KeyRef<'_>) -> bool {
        self.0.waiting.available_permits() == 0
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.0.journal.clone()
    }

    fn shared_log(&self) -> Option<SharedLog> {
        self.0.log.clone()
    }

    fn budget(&self) -> &MemoryBudget {
        &self.0.budget
    }

    fn max_body(&self) -> u64 {
        self.0.max_body
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        let (files, erasure) = (Arc::clone(&self.0.files), erasure.clone());
        Box::pin(async move { Ok(spawn_blocking(move || files.erase(&erasure)).await??) })
    }

    /// A file knows its own end, which comes no later.
    fn sweep(&self, _: Duration, _: Instant) -> Erasing {
        let files = Arc::clone(&self.0.files);
        Box::pin(async move {
            let deleted = spawn_blocking(move || files.sweep()).await??;
            Ok(Erased::new(deleted, 0))
        })
    }

    fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        self.0.files.measure(&mut stats);
        stats.fill_bytes = self.0.budget.used();
        let look_ups = &self.0.files.counts;
        (stats.found, stats.missing) = (look_ups.found.get(), look_ups.missing.get());
        stats
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore")
            .field("stats", &Store::stats(self))
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Returns a place among those that wait for the disk. `None` if too many do.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok();
        if place.is_none() {
            self.left_out.increment();
        }
        place
    }
}
