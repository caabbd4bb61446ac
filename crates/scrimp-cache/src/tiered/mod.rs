//! A store of two tiers, each of which may be a store of tiers itself.

mod builder;
mod look;
#[cfg(feature = "metrics")]
mod metered;
mod monitor;
mod moves;
mod policy;
mod sketch;
mod stats;

#[cfg(feature = "codec")]
use std::sync::OnceLock;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_core::{BoxError, Clock, Key, KeyRef, Tasks};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    entry::{Entry, FillToken, Lookup, MemoryBudget, PutOutcome, Store, Variants},
    invalidation::{Erasing, Erasure},
    stats::StoreStats,
};
use builder::Config;
pub use builder::TieredBuilder;
use monitor::Monitor;
use moves::Moves;
pub use policy::{FrequencyTiers, Placement, SavingPerByte, TierCandidate, TierPolicy};
use stats::Counts;
pub use stats::TierStats;

/// Keeps responses in two tiers: a small and fast one above a large and slow one, such as memory
/// above Redis. The lower tier may be a `Tiered` store too.
///
/// - A **look-up** asks the upper tier, then the lower one. What is found below is promoted if the
///   [policy](TierPolicy) says so. All of it takes no longer than the hard time-out. If the upper
///   tier has a response that only the upstream could confirm, the lower one is asked for a fresh
///   one, and a stale one there is not used.
/// - A **write** reaches the upper tier at once. The lower one is written in the background; no request
///   waits for it, and if too many writes wait, further ones are dropped and counted. If a write is
///   dropped or fails, what the lower tier has under the key is removed, as it is older.
/// - A **body** that is longer than a tier [stores](Store::max_body) stays out of this tier.
/// - **Durations** are separate: the policy sets how long each tier keeps a response. When that is
///   over in the upper tier, the lower one is asked again. If it has nothing, the response is
///   demoted: written there, if the policy says so, and used. The same holds if what the lower tier
///   has is older.
///
/// A response that is promoted or demoted does not replace a newer one in a store that compares
/// them ([`Variants::outdates`]), as `MemoryStore` does. A store that several processes write to
/// without comparing may have an older response for a while.
///
/// ```
/// use scrimp_cache::{CacheLayer, FrequencyTiers, MemoryStore, Tiered};
///
/// # fn main() -> Result<(), scrimp_core::SettingError> {
/// # let (redis, disk) = (MemoryStore::new(1 << 20), MemoryStore::new(1 << 20));
/// let tiers = FrequencyTiers::new();
/// let lower = Tiered::builder(redis, disk).policy(tiers.below()).build()?;
/// let store = Tiered::builder(MemoryStore::new(100 << 20), lower).policy(tiers).build()?;
/// let cache = CacheLayer::new(store);
/// # let _ = cache; Ok(()) }
/// ```
pub struct Tiered<U, L>(Arc<Inner<U, L>>);

struct Inner<U, L> {
    upper: U,
    lower: L,
    policy: Arc<dyn TierPolicy>,
    clock: Clock,
    soft: Duration,
    hard: Duration,
    writes: Arc<Semaphore>,
    tasks: Tasks,
    counts: Counts,
    monitor: Monitor,
    /// Smoothed time of look-ups in the lower tier that find something, in microseconds.
    lower_time: AtomicU64,
    /// Evictions of the upper tier when it was last looked at.
    evicted: AtomicU64,
    moves: Moves,
    /// The log of a fleet, once a look-up has asked for it.
    #[cfg(feature = "codec")]
    log: OnceLock<Option<crate::SharedLog>>,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl Tiered ===

impl<U: Store, L: Store> Tiered<U, L> {
    /// Returns a store of two tiers with the default settings.
    #[must_use]
    pub fn new(upper: U, lower: L) -> Self {
        let builder = Self::builder(upper, lower);
        builder.build().expect("the default settings are valid")
    }
}

impl<U, L> Tiered<U, L> {
    /// Starts a builder with the default settings.
    pub fn builder(upper: U, lower: L) -> TieredBuilder<U, L> {
        TieredBuilder::new(upper, lower)
    }

    fn with((upper, lower): (U, L), config: Config) -> Self {
        Self(Arc::new(Inner {
            upper,
            lower,
            policy: config.policy,
            clock: config.clock,
            soft: config.soft,
            hard: config.hard,
            writes: Arc::new(Semaphore::new(config.writes)),
            tasks: Tasks::default(),
            counts: Counts::default(),
            monitor: Monitor::new(config.monitor),
            lower_time: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            moves: Moves::default(),
            #[cfg(feature = "codec")]
            log: OnceLock::new(),
        }))
    }

    /// Returns the counts since the store was built.
    #[must_use]
    pub fn tiers(&self) -> TierStats {
        self.0.counts.read()
    }

    /// Returns the upper tier.
    #[must_use]
    pub fn upper(&self) -> &U {
        &self.0.upper
    }

    /// Returns the lower tier.
    #[must_use]
    pub fn lower(&self) -> &L {
        &self.0.lower
    }
}

impl<U: Store, L: Store> Store for Tiered<U, L> {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.0.look(key)
    }

    fn longest_wait(&self) -> Option<Duration> {
        Some(self.0.hard)
    }

    #[cfg(feature = "codec")]
    fn get_behind(&self, key: KeyRef<'_>, hit: &Arc<Entry>) -> Option<Lookup<Self::Get>> {
        self.0.behind(key, hit)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let (inner, now) = (&self.0, self.0.clock.instant());
        let placement = inner.place(key.as_ref(), &entry, now);
        let upper = match placement.upper {
            Some(time) => {
                let token = token.clone().staying(now, time);
                Some(inner.upper.put(key.clone(), Arc::clone(&entry), token))
            }
            None => {
                // An older response must not stay above the new one.
                inner.upper.remove(key.as_ref(), None);
                None
            }
        };
        let place = match placement.lower {
            Some(time) => inner.write_place(key.as_ref()).map(|place| (place, time)),
            None => {
                inner.lower.remove(key.as_ref(), None);
                None
            }
        };
        let inner = Arc::clone(inner);
        Box::pin(async move {
            let upper = match upper {
                Some(put) => Some(inner.seen(put.await)),
                None => None,
            };
            if let Some(Ok(PutOutcome::Superseded)) = upper {
                return Ok(PutOutcome::Superseded);
            }
            let Some((place, time)) = place else {
                return upper.unwrap_or(Ok(PutOutcome::Rejected));
            };
            let token = token.staying(now, time);
            let put = inner.lower.put(key.clone(), entry, token);
            let lower = inner.written(&key, put.await);
            drop(place);
            match upper {
                Some(Ok(PutOutcome::Stored)) => Ok(PutOutcome::Stored),
                _ => lower,
            }
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.0.upper.remove(key, which);
        self.0.lower.remove(key, which);
    }

    fn is_degraded(&self, key: KeyRef<'_>) -> bool {
        self.0.upper.is_degraded(key) || self.0.lower.is_degraded(key)
    }

    fn budget(&self) -> &MemoryBudget {
        self.0.upper.budget()
    }

    fn bodies(&self) -> Option<&MemoryBudget> {
        self.0.upper.bodies()
    }

    fn max_body(&self) -> u64 {
        self.0.upper.max_body().max(self.0.lower.max_body())
    }

    #[cfg(feature = "codec")]
    fn journal(&self) -> Option<Arc<dyn crate::invalidation::Journal>> {
        self.0.lower.journal().or_else(|| self.0.upper.journal())
    }

    #[cfg(feature = "codec")]
    fn shared_log(&self) -> Option<crate::SharedLog> {
        let lower = self.0.lower.shared_log();
        lower.or_else(|| self.0.upper.shared_log())
    }

    fn count(&self, is_meant: &mut dyn FnMut(&Entry) -> bool) -> Option<u64> {
        // Most responses of the upper tier are in the lower one too.
        self.0.upper.count(is_meant)
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        let (inner, erasure) = (Arc::clone(&self.0), erasure.clone());
        Box::pin(async move {
            // What a look-up has read before may not move to the other tier after it.
            let _still = inner.moves.stop().await;
            let upper = inner.upper.erase(&erasure);
            let lower = inner.lower.erase(&erasure);
            let (upper, lower) = (upper.await, lower.await);
            Ok(upper? + lower?)
        })
    }

    fn sweep(&self, retention: Duration, now: Instant) -> Erasing {
        let upper = self.0.upper.sweep(retention, now);
        let lower = self.0.lower.sweep(retention, now);
        Box::pin(async move {
            let (upper, lower) = (upper.await, lower.await);
            Ok(upper? + lower?)
        })
    }

    /// Returns the contents of the upper tier, and the look-ups in both together.
    fn stats(&self) -> StoreStats {
        let look_ups = self.0.counts.read();
        StoreStats {
            found: look_ups.upper + look_ups.lower,
            missing: look_ups.missing,
            ..self.0.upper.stats()
        }
    }
}

impl<U, L> Clone for Tiered<U, L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: fmt::Debug, L: fmt::Debug> fmt::Debug for Tiered<U, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiered")
            .field("upper", &self.0.upper)
            .field("lower", &self.0.lower)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl<U: Store, L: Store> Inner<U, L> {
    fn place(&self, key: KeyRef<'_>, entry: &Entry, now: Instant) -> Placement {
        let evicted = self.upper.stats().evicted;
        let placement = self.policy.place(&TierCandidate {
            key,
            entry,
            now,
            lower_time: Duration::from_micros(self.lower_time.load(Relaxed)),
            upper_full: self.evicted.swap(evicted, Relaxed) < evicted,
        });
        let length = entry.body.len() as u64;
        Placement {
            upper: placement.upper.filter(|_| length <= self.upper.max_body()),
            lower: placement.lower.filter(|_| length <= self.lower.max_body()),
        }
    }

    /// Returns a place for a write to the lower tier, if not too many wait. Otherwise what is there
    /// is removed, as it is older.
    fn write_place(&self, key: KeyRef<'_>) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.writes).try_acquire_owned().ok();
        if place.is_none() {
            self.counts.dropped.increment();
            self.lower.remove(key, None);
        }
        place
    }

    /// Notes the outcome of a write to the lower tier. If it failed, what is there is removed.
    fn written(
        &self,
        key: &Key,
        put: Result<PutOutcome, BoxError>,
    ) -> Result<PutOutcome, BoxError> {
        if !matches!(put, Ok(PutOutcome::Stored | PutOutcome::Superseded)) {
            self.lower.remove(key.as_ref(), None);
        }
        self.seen(put)
    }

    fn seen<T>(&self, result: Result<T, BoxError>) -> Result<T, BoxError> {
        if result.is_err() {
            self.counts.failed.increment();
        }
        result
    }
}
