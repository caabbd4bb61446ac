//! Stored responses in Redis.

mod builder;
mod erase;
#[cfg(feature = "metrics")]
mod metered;
mod read;
mod record;
mod several;
mod stats;
mod sweep;
mod write;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use scrimp_cache::{
    Codec, Entry, Erasing, Erasure, FillToken, Lookup, MemoryBudget, PutOutcome, SharedLog, Store,
    StoreStats, Variants,
};
use scrimp_core::{BoxError, Key, KeyRef};
use tokio::{
    sync::{RwLock, Semaphore},
    time::Instant,
};

use crate::client::RedisClient;
use builder::Config;
pub use builder::RedisStoreBuilder;
use read::{Answer, Found};
use record::NAME;
use several::Several;
use stats::Counts;
pub use stats::RedisStoreStats;

/// Version of the form of keys and records. The codec has its own.
const FORMAT: u16 = 2;

/// Maximum number of variants under one key. The oldest are removed first.
const MAX_VARIANTS: usize = 32;

/// Time that a response is stored beyond its usefulness if it has a validator: one that is not
/// modified costs the upstream no body.
const FOR_VALIDATION: Duration = Duration::from_secs(60);

/// Removals that wait for Redis. More are left out: what they would remove is invalid anyway, and
/// expires.
const MAX_REMOVALS: usize = 256;

/// Stores responses in Redis, for all processes of a fleet.
///
/// A key of Redis holds one response as a string, or the variants of one as a hash, one field each, so
/// that two writers do not lose each other's. It expires when the last of them is of no more use. A value that was cut
/// off, changed, or stored for another key is a miss; it is counted as
/// [damaged](RedisStoreStats::damaged), and removed or replaced. One that this process may not read, such as one
/// that is encrypted with a key it does not have, is a miss, and stays.
///
/// - **Fences**: a response that was fetched under a [lock](crate::RedisFillLock) is not stored once
///   a later holder of the lock has stored one.
/// - **Invalidations** of all processes are known by the [log](RedisStoreBuilder::shared_log) that they
///   share: what was hit since its upstream call began is not used. Without the log, no process uses
///   what another one has stored.
/// - **Ages** are differences on the clock of the Redis server. The clocks of processes may differ.
///   Those of servers that replace each other should agree: after a failover, ages of what was
///   stored before are wrong by their difference, and what seems to be stored in the future is a
///   miss.
/// - **Erasure** ([`Invalidator::erase`](scrimp_cache::Invalidator::erase)) reads each response below the prefix, of
///   every version of this crate and on every server of a cluster, and deletes those that are selected
///   and those that cannot be read. What another process is writing meanwhile is invalid, and goes
///   with the next erasure, or when its time is over. Backups and replicas follow as Redis has it.
/// - **Retention**: Redis removes a key by itself once the last of its variants is of no more use.
///   [`CacheLayer::sweep`](scrimp_cache::CacheLayer::sweep) removes variants whose time was over before.
/// - **Failure**: a look-up that cannot be made is a miss, and a write that cannot is rejected, at
///   once. See [`RedisClient`].
///
/// A clone is another handle on the same store.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    client: RedisClient,
    codec: Codec,
    prefix: String,
    log: Option<SharedLog>,
    budget: MemoryBudget,
    max_body: u64,
    max_lifetime: Duration,
    /// Identifier of this store among all writers, and the point of time that others are relative to.
    writer: [u8; 8],
    start: Instant,
    puts: AtomicU64,
    removals: Arc<Semaphore>,
    /// Held by each write, and taken alone by an erasure.
    writing: RwLock<()>,
    /// The beginning of the names of all versions.
    family: String,
    several: Several,
    counts: Counts,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl RedisStore ===

impl RedisStore {
    /// Returns a store with the default settings, for one process: without a
    /// [log](RedisStoreBuilder::shared_log), responses of other processes are not used.
    #[must_use]
    pub fn new(client: &RedisClient) -> Self {
        let builder = Self::builder(client);
        builder.build().expect("the default settings are valid")
    }

    /// Starts a builder with the default settings.
    pub fn builder(client: &RedisClient) -> RedisStoreBuilder {
        RedisStoreBuilder::new(client.clone())
    }

    fn with(client: RedisClient, config: Config) -> Self {
        Self(Arc::new(Inner {
            client,
            family: format!("{}:", config.prefix),
            prefix: format!("{}:{FORMAT}.{}:", config.prefix, Codec::VERSION),
            codec: match &config.log {
                Some(log) => config.codec.shared_log(log),
                None => config.codec,
            }
            .max_body(config.max_body),
            log: config.log,
            budget: MemoryBudget::new(config.fill_bytes),
            max_body: config.max_body,
            max_lifetime: config.max_lifetime,
            writer: fastrand::u64(..).to_be_bytes(),
            start: Instant::now(),
            puts: AtomicU64::new(0),
            removals: Arc::new(Semaphore::new(MAX_REMOVALS)),
            writing: RwLock::new(()),
            several: Several::default(),
            counts: Counts::default(),
        }))
    }

    /// Returns the counts since the store was built.
    #[must_use]
    pub fn counts(&self) -> RedisStoreStats {
        self.0.counts.read()
    }

    /// Returns the client.
    #[must_use]
    pub fn client(&self) -> &RedisClient {
        &self.0.client
    }
}

impl Store for RedisStore {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let name = self.0.name(key);
        let Some(mut ready) = self.0.client.admit(&name.key) else {
            return Lookup::Now(None);
        };
        let (inner, key) = (Arc::clone(&self.0), key.to_key());
        // Most look-ups find one variant in one piece. The way to all else is boxed, so that these need no
        // memory for it.
        Lookup::Later(Box::pin(async move {
            if inner.several.has(&name.digest) {
                let found = Box::pin(inner.read(&key, &name, ready)).await?;
                return Ok(found.map(Found::variants));
            }
            match inner.read_one(&name, &mut ready).await? {
                Answer::One(record, bytes) if bytes.len() as u64 >= record.length => {
                    let found = inner.decode(&key, &name, record, &bytes);
                    inner.count(found.is_some());
                    Ok(found.map(Arc::new))
                }
                answer => {
                    let found = Box::pin(inner.found(&key, &name, answer)).await?;
                    Ok(found.map(Found::variants))
                }
            }
        }))
    }

    fn longest_wait(&self) -> Option<Duration> {
        // Each wait is one for a command, or for a connection to send it on.
        Some(self.0.client.command_timeout())
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let fits = entry.body().len() as u64 <= inner.max_body;
            let Some(life) = inner.life(&entry, &token).filter(|_| fits) else {
                return Ok(PutOutcome::Rejected);
            };
            let _writing = inner.writing.read().await;
            match token.allows(&entry) {
                true => inner.write(&key, &entry, &token, life).await,
                false => Ok(PutOutcome::Superseded),
            }
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        let Ok(place) = Arc::clone(&self.0.removals).try_acquire_owned() else {
            return;
        };
        let (inner, key, which) = (Arc::clone(&self.0), key.to_key(), which.cloned());
        let remove = async move {
            if let Err(error) = inner.remove(&key, which.as_ref()).await {
                // It is invalid, and expires.
                tracing::debug!(%error, "a stored response could not be removed");
            }
            drop(place);
        };
        self.0.client.spawn("redis.remove", remove);
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        let (inner, erasure) = (Arc::clone(&self.0), erasure.clone());
        Box::pin(async move { inner.erase(&erasure).await })
    }

    fn sweep(&self, retention: Duration, _: Instant) -> Erasing {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.sweep(retention).await })
    }

    fn is_degraded(&self, key: KeyRef<'_>) -> bool {
        // Only a cluster has several servers, and a name takes a digest.
        let client = &self.0.client;
        let name = client.is_cluster().then(|| self.0.name(key).key);
        !client.serves(name.as_deref().unwrap_or_default())
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

    fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        stats.fill_bytes = self.0.budget.used();
        let look_ups = self.counts();
        (stats.found, stats.missing) = (look_ups.found, look_ups.missing);
        stats
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("client", &self.0.client)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// The name of what is stored under a key.
struct Name {
    /// The key in Redis: the prefix with the versions, and half of the digest.
    key: Vec<u8>,
    /// The digest of the key, which stored bytes are bound to.
    digest: [u8; 32],
}

// === impl Inner ===

impl Inner {
    fn name(&self, key: KeyRef<'_>) -> Name {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digest = Codec::name(key);
        // Half of it does: what is stored is bound to the key by the whole.
        let mut digits = [0; 2 * NAME];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        let name = [self.prefix.as_bytes(), &digits].concat();
        Name { key: name, digest }
    }

    /// Returns the time to store a response for. `None` if it is of no use any more.
    fn life(&self, entry: &Entry, token: &FillToken) -> Option<Duration> {
        let policy = entry.policy();
        let useful = policy.useful_for(Instant::now()).unwrap_or(Duration::MAX);
        let extra = match policy.has_validator() {
            true => FOR_VALIDATION,
            false => Duration::ZERO,
        };
        let most = token
            .keep_for()
            .unwrap_or(Duration::MAX)
            .min(self.max_lifetime);
        let life = useful.saturating_add(extra).min(most);
        (life >= Duration::from_millis(1)).then_some(life)
    }
}
