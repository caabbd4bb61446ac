//! Stored responses in Redis.

mod builder;
mod record;
mod stats;
mod write;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use redis::{Value, cmd};
use scrimp_cache::{
    Codec, DecodeError, Entry, FillToken, Lookup, MemoryBudget, PutOutcome, SharedLog, Store,
    StoreStats, Variants,
};
use scrimp_core::{BoxError, Key, KeyRef};
use tokio::{sync::Semaphore, time::Instant};

use crate::client::{Failure, Ready, RedisClient, Since};
use builder::Config;
pub use builder::RedisStoreBuilder;
use record::{NAME, RECORDS, Record};
use stats::Counts;
pub use stats::RedisStoreStats;

/// Version of the form of keys and records. The codec has its own.
const FORMAT: u16 = 1;

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
/// A key of Redis holds the variants of one response as a hash, one field each, so that two writers
/// do not lose each other's. It expires when the last of them is of no more use. A value that was cut
/// off, changed, or stored for another key is a miss; it is counted as
/// [damaged](RedisStoreStats::damaged), and removed. One that this process may not read, such as one
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
        let Some(ready) = self.0.client.admit(&name) else {
            return Lookup::Now(None);
        };
        let (inner, key) = (Arc::clone(&self.0), key.to_key());
        Lookup::Later(Box::pin(async move {
            let found = inner.read(&key, &name, ready).await?;
            Ok(found.map(|found| Arc::new(found.variants())))
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let fits = entry.body().len() as u64 <= inner.max_body;
            let Some(life) = inner.life(&entry, &token).filter(|_| fits) else {
                return Ok(PutOutcome::Rejected);
            };
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

/// The variants found under a key, newest first.
struct Found(Vec<(Record, Arc<Entry>)>);

// === impl Found ===

impl Found {
    fn variants(self) -> Variants {
        self.0.into_iter().map(|(_, entry)| entry).collect()
    }
}

// === impl Inner ===

impl Inner {
    /// Returns the key in Redis: the prefix with the versions, and a digest.
    fn name(&self, key: KeyRef<'_>) -> Vec<u8> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digest = Codec::name(key);
        let mut name = Vec::with_capacity(self.prefix.len() + 2 * NAME);
        name.extend_from_slice(self.prefix.as_bytes());
        // Half of it does: what is stored is bound to the key by the whole.
        for byte in &digest[..NAME] {
            name.push(DIGITS[usize::from(byte >> 4)]);
            name.push(DIGITS[usize::from(byte & 15)]);
        }
        name
    }

    /// Reads the variants under a key.
    async fn read(
        self: &Arc<Self>,
        key: &Key,
        name: &[u8],
        ready: Ready,
    ) -> Result<Option<Found>, Failure> {
        let mut command = cmd("HGETALL");
        command.arg(name);
        let value = match ready.run(name, command).await {
            Err(failure) if failure.has_code("WRONGTYPE") => {
                self.damaged(name, None, &DecodeError::Foreign);
                return Ok(None);
            }
            result => result?,
        };
        let found = self.decode(key, name, value);
        match found.0.is_empty() {
            true => self.counts.missing.increment(),
            false => self.counts.found.increment(),
        }
        Ok(Some(found).filter(|found| !found.0.is_empty()))
    }

    /// Decodes the fields of a hash. Bodies that are not compressed are slices of them.
    fn decode(self: &Arc<Self>, key: &Key, name: &[u8], value: Value) -> Found {
        let mut fields = fields(value);
        let records = fields.iter().position(|(field, _)| field == RECORDS);
        let Some(records) = records.map(|index| fields.swap_remove(index).1) else {
            if !fields.is_empty() {
                self.damaged(name, None, &DecodeError::Foreign);
            }
            return Found(Vec::new());
        };
        let mut found = Vec::with_capacity(fields.len());
        for record in record::read(&records).take(MAX_VARIANTS) {
            let field = fields.iter().position(|(field, _)| *field == record.name);
            let Some(bytes) = field.map(|index| fields.swap_remove(index).1) else {
                continue;
            };
            let bytes = Bytes::from(bytes);
            let decoded = match self.client.since(name, record.stored) {
                Since::Time(time) => self.codec.decode_after(key.as_ref(), &bytes, time),
                Since::NoClock => self.codec.decode(key.as_ref(), &bytes),
                // Its age is unknown. It expires, or the next put replaces it.
                Since::Ahead => continue,
            };
            match decoded {
                Ok(variants) => found.extend(variants.iter().cloned().map(|entry| (record, entry))),
                // It may be of use again once the log is complete, and expires in any case.
                Err(DecodeError::Outdated) => self.counts.outdated.increment(),
                Err(
                    error @ (DecodeError::Foreign
                    | DecodeError::Corrupt
                    | DecodeError::Damaged(_)
                    | DecodeError::OtherKey),
                ) => self.damaged(name, Some(record), &error),
                // Other processes may be able to read it: they have other keys, or other settings.
                Err(error) => tracing::debug!(%error, "a stored response is not read"),
            }
        }
        Found(found)
    }

    /// Counts what cannot be decoded, and removes it.
    fn damaged(self: &Arc<Self>, name: &[u8], record: Option<Record>, error: &DecodeError) {
        tracing::warn!(%error, "a value in Redis is not a stored response");
        self.counts.damaged.increment();
        if let Ok(place) = Arc::clone(&self.removals).try_acquire_owned() {
            let (inner, name) = (Arc::clone(self), name.to_vec());
            self.client.spawn("redis.remove", async move {
                // Another process may do it, or the next put.
                let _ = inner.delete(&name, record).await;
                drop(place);
            });
        }
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

/// Returns the fields of a hash with their values.
fn fields(value: Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |pair| match pair {
        (Value::BulkString(field), Value::BulkString(value)) => Some((field, value)),
        _ => None,
    };
    match value {
        Value::Map(pairs) => pairs.into_iter().filter_map(pair).collect(),
        _ => Vec::new(),
    }
}
