//! Stored responses as objects.

mod builder;
mod erase;
#[cfg(feature = "metrics")]
mod metered;
mod read;
mod stats;
mod sweep;
mod write;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use object_store::{ObjectStore, path::Path};
use scrimp_cache::{
    Codec, Entry, Erased, Erasing, Erasure, FillToken, Lookup, MemoryBudget, PutOutcome, SharedLog,
    Store, StoreStats, Variants,
};
use scrimp_core::{BoxError, Key, KeyRef, Tasks};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::{
    breaker::{Breaker, Trial},
    clock::ServerClock,
    object::FORMAT,
};
pub use builder::BucketStoreBuilder;
use builder::Config;
pub use stats::BucketStoreStats;
use stats::Counts;

/// Requests to the object store at the same time. More are left out.
const MAX_REQUESTS: usize = 256;

/// Number of locks, which keep two tasks of this process from changing one object at a time.
const LOCKS: usize = 64;

/// Time that a response is stored beyond its usefulness if it has a validator: one that is not
/// modified costs the upstream no body.
const FOR_VALIDATION: Duration = Duration::from_secs(60);

/// Stores responses in an object store, for all processes of a fleet: S3 and what speaks its
/// protocol, Google Cloud Storage, Azure Blob Storage, local files.
///
/// An object holds the variants of one response. One that was cut off, changed, or stored for another
/// key is a miss; it is counted as [damaged](BucketStoreStats::damaged), and deleted. One that this
/// process may not read, such as one that is encrypted with a key it does not have, is a miss, and
/// stays.
///
/// - **Writers** do not lose each other's variants: an object is created if there is none, and replaced
///   if it is still the one that was read. An object store without such conditions, as local
///   files are, is for one process: a lock in it takes their place, and variants that other
///   processes write at the same time are lost.
/// - **Fences**: a response that was fetched under a lock is not stored once a later holder of
///   the lock has stored one, while an object is there.
/// - **Invalidations** of all processes are known by the [log](BucketStoreBuilder::shared_log) that they
///   share. Without it, no process uses what another one has stored. (Between a `DiskStore` and this
///   store, `Tiered` keeps the journal of the former for both.)
/// - **Ages** are differences on the clock of the object store, rounded up to at most three seconds too
///   many. The clocks of processes may differ. What takes more than a second to upload is not kept.
/// - **Expiry**: an object that is of no more use is a miss, and is deleted by the look-up that
///   finds it. Object stores do not delete the others by themselves: state a lifecycle rule for the
///   [prefix](BucketStoreBuilder::prefix), or call [`sweep`](Self::sweep).
/// - **Erasure** ([`Invalidator::erase`](scrimp_cache::Invalidator::erase)) reads each object below the prefix, of
///   every version of this crate, and deletes those with a selected response and those that cannot be
///   read. Where the object store keeps former versions of objects, it goes on keeping them.
/// - **Failure**: a look-up or a write that takes too long fails. After four in turn, further ones are
///   misses and left out, at once, until one of them finds the object store answering.
///
/// Put the store below memory or a disk with
/// [`Tiered`](scrimp_cache::Tiered), and raise its time-outs if it is far away.
///
/// A clone is another handle on the same store.
#[derive(Clone)]
pub struct BucketStore(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    codec: Codec,
    prefix: String,
    log: Option<SharedLog>,
    budget: MemoryBudget,
    max_body: u64,
    max_lifetime: Duration,
    lookup_timeout: Duration,
    write_timeout: Duration,
    clock: ServerClock,
    breaker: Arc<Breaker>,
    requests: Arc<Semaphore>,
    locks: [AsyncMutex<()>; LOCKS],
    tasks: Tasks,
    counts: Counts,
}

/// A request that the breaker and the limit have admitted.
struct Admitted {
    trial: Trial,
    _place: OwnedSemaphorePermit,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl BucketStore ===

impl BucketStore {
    /// Returns a store with the default settings, for one process: without a
    /// [log](BucketStoreBuilder::shared_log), responses of other processes are not used.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        let builder = Self::builder(objects);
        builder.build().expect("the default settings are valid")
    }

    /// Starts a builder with the default settings.
    pub fn builder(objects: Arc<dyn ObjectStore>) -> BucketStoreBuilder {
        BucketStoreBuilder::new(objects)
    }

    fn with(objects: Arc<dyn ObjectStore>, config: Config) -> Self {
        let clock = format!("{}/clock/{:016x}", config.prefix, fastrand::u64(..));
        Self(Arc::new(Inner {
            objects,
            codec: match &config.log {
                Some(log) => config.codec.shared_log(log),
                None => config.codec,
            }
            .max_body(config.max_body),
            prefix: config.prefix,
            log: config.log,
            budget: MemoryBudget::new(config.fill_bytes),
            max_body: config.max_body,
            max_lifetime: config.max_lifetime,
            lookup_timeout: config.lookup_timeout,
            write_timeout: config.write_timeout,
            clock: ServerClock::new(clock.into()),
            breaker: Breaker::new(),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            locks: [const { AsyncMutex::const_new(()) }; LOCKS],
            tasks: Tasks::default(),
            counts: Counts::default(),
        }))
    }

    /// Returns the counts since the store was built.
    #[must_use]
    pub fn counts(&self) -> BucketStoreStats {
        self.0.counts.read(self.0.breaker.is_open())
    }

    /// Deletes objects that are older than the [longest
    /// lifetime](BucketStoreBuilder::max_lifetime), whichever version of this crate has stored them, and
    /// returns how many it has deleted: at most `max_deleted`.
    ///
    /// It lists all objects below the [prefix](BucketStoreBuilder::prefix), which takes a request for a
    /// thousand of them, and holds no more than a page in memory. Call it now and then, in one process.
    /// Where the object store has lifecycle rules, they cost less.
    ///
    /// # Errors
    ///
    /// If the object store cannot be asked.
    pub async fn sweep(&self, max_deleted: usize) -> Result<usize, BoxError> {
        self.0.sweep(max_deleted, self.0.max_lifetime).await
    }
}

impl Store for BucketStore {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let Some(admitted) = self.0.admit(self.0.lookup_timeout) else {
            return Lookup::Now(None);
        };
        let (inner, key) = (Arc::clone(&self.0), key.to_key());
        Lookup::Later(Box::pin(async move {
            let found = timeout(inner.lookup_timeout, inner.look(&key)).await;
            admitted.end(found)
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let fits = entry.body().len() as u64 <= inner.max_body;
            let Some(life) = inner.life(&entry, &token).filter(|_| fits) else {
                return Ok(PutOutcome::Rejected);
            };
            let Some(admitted) = inner.admit(inner.write_timeout) else {
                return Ok(PutOutcome::Rejected);
            };
            let write = inner.write(&key, &entry, &token, life);
            admitted.end(timeout(inner.write_timeout, write).await)
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        let Some(admitted) = self.0.admit(self.0.write_timeout) else {
            return;
        };
        let (inner, key, which) = (Arc::clone(&self.0), key.to_key(), which.cloned());
        self.0.tasks.start("object.remove", async move {
            let removal = inner.remove(&key, which.as_ref());
            let removed = timeout(inner.write_timeout, removal).await;
            if let Err(error) = admitted.end(removed) {
                // It is invalid, and of no use after its time.
                tracing::debug!(error, "a stored response could not be removed");
            }
        });
    }

    fn is_degraded(&self, _: KeyRef<'_>) -> bool {
        self.0.breaker.is_open()
    }

    fn budget(&self) -> &MemoryBudget {
        &self.0.budget
    }

    fn max_body(&self) -> u64 {
        self.0.max_body
    }

    fn shared_log(&self) -> Option<SharedLog> {
        self.0.log.clone()
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        let (inner, erasure) = (Arc::clone(&self.0), erasure.clone());
        Box::pin(async move { inner.erase(&erasure).await })
    }

    fn sweep(&self, retention: Duration, _: Instant) -> Erasing {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let oldest = inner
                .max_lifetime
                .min(retention.saturating_add(FOR_VALIDATION));
            let deleted = inner.sweep(usize::MAX, oldest).await?;
            Ok(Erased::new(deleted as u64, 0))
        })
    }

    fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        stats.fill_bytes = self.0.budget.used();
        let look_ups = self.counts();
        (stats.found, stats.missing) = (look_ups.found, look_ups.missing);
        stats
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore")
            .field("objects", &format_args!("{}", self.0.objects))
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Admits a request with this time-out, unless the object store fails or too many are in progress.
    fn admit(&self, timeout: Duration) -> Option<Admitted> {
        let place = Arc::clone(&self.requests).try_acquire_owned().ok();
        let admitted = place.and_then(|place| {
            Some(Admitted {
                trial: self.breaker.admit(timeout / 2)?,
                _place: place,
            })
        });
        if admitted.is_none() {
            self.counts.left_out.increment();
        }
        admitted
    }

    /// Returns the name of the object for a key: the prefix with the versions, and a digest.
    fn name(&self, key: KeyRef<'_>) -> Path {
        let digest = Codec::name(key);
        let mut name = format!("{}/{FORMAT}.{}/", self.prefix, Codec::VERSION);
        // Half of it does: what is stored is bound to the key by the whole.
        for byte in &digest[..16] {
            name.push_str(&format!("{byte:02x}"));
        }
        name.into()
    }

    fn lock(&self, key: KeyRef<'_>) -> &AsyncMutex<()> {
        &self.locks[(key.hash_value() % LOCKS as u64) as usize]
    }

    /// Returns the time to store a response for. `None` if it is of no use any more.
    fn life(&self, entry: &Entry, token: &FillToken) -> Option<Duration> {
        let most = token.keep_for().unwrap_or(Duration::MAX);
        let most = most.min(self.max_lifetime);
        let life = useful_for(entry, Instant::now()).min(most);
        (!life.is_zero()).then_some(life)
    }
}

/// Returns the time for which a response is of use, and its validator after that.
fn useful_for(entry: &Entry, now: Instant) -> Duration {
    let policy = entry.policy();
    let useful = policy.useful_for(now).unwrap_or(Duration::MAX);
    match policy.has_validator() {
        true => useful.saturating_add(FOR_VALIDATION),
        false => useful,
    }
}

// === impl Admitted ===

impl Admitted {
    /// Ends the request with its result, if there is one in time.
    fn end<T, E, L>(self, result: Result<Result<T, E>, L>) -> Result<T, BoxError>
    where
        E: Into<BoxError>,
        L: Into<BoxError>,
    {
        let result = match result {
            Ok(result) => result.map_err(Into::into),
            Err(late) => Err(late.into()),
        };
        match result {
            Ok(_) => self.trial.succeeded(),
            Err(_) => self.trial.failed(),
        }
        result
    }
}
