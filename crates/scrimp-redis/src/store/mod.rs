//! Stored responses in Redis.

mod builder;
mod record;

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::{Value, cmd};
use scrimp_cache::{
    Codec, DecodeError, Entry, FillToken, Lookup, MemoryBudget, PutOutcome, Store, StoreStats,
    Variants,
};
use scrimp_core::{BoxError, Counter, Key, KeyRef};
use tokio::{sync::Semaphore, time::Instant};

use crate::client::{Failure, Ready, RedisClient, Script};
use builder::Config;
pub use builder::RedisStoreBuilder;
use record::{NAME, Name, RECORDS, Record};

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

/// Longest time to write a response. No request waits for it.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove.lua")));

/// Stores responses in Redis, for all processes of a fleet.
///
/// A key of Redis holds the variants of one response as a hash, one field each, so that two writers
/// do not lose each other's. It expires when the last of them is of no more use. A value that was cut
/// off, changed, or stored for another key is a miss; it is counted as
/// [damaged](RedisStoreStats::damaged), and removed.
///
/// - **Fences**: a response that was fetched under a [lock](crate::RedisFillLock) is not stored once
///   a later holder of the lock has stored one.
/// - **Ages** are differences on the clock of the Redis server. The clocks of processes may differ.
/// - **Failure**: a look-up that cannot be made is a miss, at once. See [`RedisClient`].
///
/// A clone is another handle on the same store.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    client: RedisClient,
    codec: Codec,
    prefix: String,
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

#[derive(Default)]
struct Counts {
    found: Counter,
    missing: Counter,
    damaged: Counter,
    superseded: Counter,
}

/// Counts of a [`RedisStore`] since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RedisStoreStats {
    /// Look-ups that found responses.
    pub found: u64,
    /// Look-ups that found none.
    pub missing: u64,
    /// Values that were cut off, changed, or not a stored response. Each was treated as missing.
    pub damaged: u64,
    /// Responses that were not stored because a newer one was.
    pub superseded: u64,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl RedisStore ===

impl RedisStore {
    /// Returns a store with the default settings.
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
            codec: config.codec.max_body(config.max_body),
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
        let counts = &self.0.counts;
        RedisStoreStats {
            found: counts.found.get(),
            missing: counts.missing.get(),
            damaged: counts.damaged.get(),
            superseded: counts.superseded.get(),
        }
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
            let Some(life) = inner.life(&entry).filter(|_| fits) else {
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
                Some(time) => self.codec.decode_after(key.as_ref(), &bytes, time),
                None => self.codec.decode(key.as_ref(), &bytes),
            };
            match decoded {
                Ok(variants) => found.extend(variants.iter().cloned().map(|entry| (record, entry))),
                Err(error) => self.damaged(name, Some(record), &error),
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
    fn life(&self, entry: &Entry) -> Option<Duration> {
        let policy = entry.policy();
        let useful = policy.useful_for(Instant::now()).unwrap_or(Duration::MAX);
        let extra = match policy.has_validator() {
            true => FOR_VALIDATION,
            false => Duration::ZERO,
        };
        let life = useful.saturating_add(extra).min(self.max_lifetime);
        (life >= Duration::from_millis(1)).then_some(life)
    }

    async fn write(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        token: &FillToken,
        life: Duration,
    ) -> Result<PutOutcome, BoxError> {
        let name = self.name(key.as_ref());
        let Some(ready) = self.client.admit(&name) else {
            return Err(Failure::Open.into());
        };
        let bytes = self
            .codec
            .encode(key.as_ref(), &Variants::default().with(entry))?;
        let number = |number: u64| number.to_string().into_bytes();
        let sent = entry.sent().saturating_duration_since(self.start);
        let fence = token.fence().map_or(0, |fence| fence.0);
        let stamp = self.stamp();
        let arguments: [&[u8]; 8] = [
            &variant(entry),
            &bytes,
            &number(life.as_millis().try_into().unwrap_or(u64::MAX)),
            &number(fence),
            &self.writer,
            &number(sent.as_micros().try_into().unwrap_or(u64::MAX)),
            &stamp,
            &number(MAX_VARIANTS as u64),
        ];
        let ready = ready.within(WRITE_LIMIT);
        match PUT.run(ready, &[&name], &arguments).await {
            Ok(Value::Int(1)) => Ok(PutOutcome::Stored),
            Ok(_) => {
                self.counts.superseded.increment();
                Ok(PutOutcome::Superseded)
            }
            Err(failure) if failure.has_code("OOM") => Ok(PutOutcome::Rejected),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns a number for a put, different from all others under the same key.
    fn stamp(&self) -> [u8; 8] {
        let writer = u64::from_be_bytes(self.writer);
        let put = self.puts.fetch_add(1, Relaxed);
        (writer ^ put.rotate_left(32)).to_be_bytes()
    }

    async fn remove(
        self: &Arc<Self>,
        key: &Key,
        which: Option<&Arc<Entry>>,
    ) -> Result<(), Failure> {
        let name = self.name(key.as_ref());
        let Some(which) = which else {
            return self.delete(&name, None).await;
        };
        let ready = self.client.admit(&name).ok_or(Failure::Open)?;
        let found = self.read(key, &name, ready).await?;
        for (record, entry) in found.into_iter().flat_map(|found| found.0) {
            // Nothing is left of it if it is the one that is meant.
            let alone = Variants::default().with(&entry);
            if alone.without(which).is_none() {
                self.delete(&name, Some(record)).await?;
            }
        }
        Ok(())
    }

    /// Deletes one variant, if it is still there, or all.
    async fn delete(&self, name: &[u8], record: Option<Record>) -> Result<(), Failure> {
        match record {
            None => {
                let mut command = cmd("DEL");
                command.arg(name);
                self.client.run(name, command).await?;
            }
            Some(Record {
                name: field, stamp, ..
            }) => {
                let ready = self.client.admit(name).ok_or(Failure::Open)?;
                REMOVE.run(ready, &[name], &[&field, &stamp]).await?;
            }
        }
        Ok(())
    }
}

/// Returns the name of a variant.
fn variant(entry: &Entry) -> Name {
    let mut name = Name::default();
    name.copy_from_slice(&entry.selection().digest()[..NAME]);
    name
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
