//! The lock by which one process of a fleet fills a key.

mod waiting;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use redis::Value;
use scrimp_cache::Codec;
use scrimp_core::{Acquired, BoxError, FillLock, Key, Lease, LockFuture};
use tokio::time::sleep;

use crate::client::{Channel, Failure, Listener, RedisClient, Script};
use waiting::Waiting;

static ACQUIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire.lua")));
static FENCE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("fence.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release.lua")));

/// Shortest and longest lease, in milliseconds.
const LEASE: std::ops::RangeInclusive<u64> = 1..=24 * 60 * 60 * 1000;

/// Lets one process of a fleet fill a key, by locks in Redis. Goes to the fill lock setting of a
/// stampede layer.
///
/// - A lock expires with its lease, and only its holder can renew or release it.
/// - A process that finds a lock taken waits for a message that it is released, or for the end of
///   the lease. It does not poll. A release is published only if a process waits.
/// - Fences come from one counter for all locks, so that they can be compared whatever a lock is
///   for. If Redis loses the counter, it goes on from the time in microseconds.
/// - If Redis does not serve, an attempt fails at once, and the request is filled without a lock.
///
/// ```no_run
/// use scrimp_redis::{RedisClient, RedisFillLock};
///
/// # fn main() -> Result<(), scrimp_core::SettingError> {
/// let redis = RedisClient::builder(["redis://127.0.0.1:6379"]).build()?;
/// let lock = RedisFillLock::new(&redis);
/// # let _ = lock; Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisFillLock(Arc<Inner>);

struct Inner {
    client: RedisClient,
    prefix: String,
    channel: String,
    counter: String,
    waiting: Arc<Waiting>,
    /// The same, as the client knows it.
    _listener: Arc<dyn Listener>,
}

/// The names of one lock in Redis. They share a slot.
#[derive(Clone)]
struct Names {
    lock: Vec<u8>,
    waiters: Vec<u8>,
}

/// A lock that is held, or an attempt whose outcome is not known yet.
struct Held {
    inner: Arc<Inner>,
    names: Names,
    token: [u8; 16],
    lease: u64,
    fence: u64,
    /// Flag that the server may hold the lock for it.
    may_hold: bool,
}

// === impl RedisFillLock ===

impl RedisFillLock {
    /// Returns a lock service whose keys begin with `scrimp`.
    #[must_use]
    pub fn new(client: &RedisClient) -> Self {
        Self::with_prefix(client, "scrimp")
    }

    /// Returns a lock service whose keys begin with `prefix`. Processes share locks if they have
    /// the same one.
    #[must_use]
    pub fn with_prefix(client: &RedisClient, prefix: &str) -> Self {
        let waiting = Arc::new(Waiting::default());
        let listener: Arc<dyn Listener> = waiting.clone();
        let channel = format!("{prefix}:released");
        // Locks are in all slots, and their releases in one channel.
        let released = Channel {
            name: channel.as_bytes().into(),
            sharded: false,
        };
        client.listen(&released, &listener);
        Self(Arc::new(Inner {
            client: client.clone(),
            prefix: format!("{prefix}:lock:"),
            counter: format!("{prefix}:fence"),
            channel,
            waiting,
            _listener: listener,
        }))
    }
}

impl FillLock for RedisFillLock {
    fn acquire(&self, key: Key, lease: Duration) -> LockFuture<'_, Result<Acquired, BoxError>> {
        Box::pin(async move {
            let inner = &self.0;
            let names = inner.names(&key);
            // The place is taken first: a release after the attempt is seen there.
            let (place, mut released) = inner.waiting.join(&names.lock);
            let token = fastrand::u128(..).to_le_bytes();
            let lease = milliseconds(lease);
            // If the reply is late, or the request is gone, the lock may be taken: dropping this
            // releases it.
            let mut held = Held {
                inner: Arc::clone(inner),
                names: names.clone(),
                token,
                lease,
                fence: 0,
                may_hold: true,
            };
            let result = inner.acquire(&names, &token, lease).await;
            held.may_hold = match &result {
                Ok((taken, _)) => *taken,
                Err(failure) => failure.blames_endpoint(),
            };
            let (taken, number) = result?;
            if taken {
                held.fence = number;
                if inner.client.is_cluster() {
                    // The counter is in another slot. The lock is released if this fails.
                    held.fence = inner.next_fence().await?;
                }
                return Ok(Acquired::Held(Box::new(held)));
            }
            Ok(Acquired::Busy(Box::pin(async move {
                tokio::select! {
                    _ = released.changed() => {}
                    () = sleep(Duration::from_millis(number)) => {}
                }
                drop(place);
            })))
        })
    }
}

impl fmt::Debug for RedisFillLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFillLock")
            .field("prefix", &self.0.prefix)
            .finish_non_exhaustive()
    }
}

fn milliseconds(lease: Duration) -> u64 {
    let millis = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
    millis.clamp(*LEASE.start(), *LEASE.end())
}

// === impl Inner ===

impl Inner {
    /// Returns the names of the lock of a key.
    fn names(&self, key: &Key) -> Names {
        let digest = Codec::name(key.as_ref());
        let digest: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // The braces put both into one slot.
        let lock = format!("{}{{{digest}}}", self.prefix).into_bytes();
        Names {
            waiters: [&lock[..], b":waiters"].concat(),
            lock,
        }
    }

    /// Tries to take a lock. Returns whether it is taken, and the fence or the time to wait.
    async fn acquire(
        &self,
        names: &Names,
        token: &[u8],
        lease: u64,
    ) -> Result<(bool, u64), Failure> {
        let ready = self.client.admit(&names.lock).ok_or(Failure::Open)?;
        let mut keys: Vec<&[u8]> = vec![&names.lock, &names.waiters];
        if !self.client.is_cluster() {
            keys.push(self.counter.as_bytes());
        }
        let lease = lease.to_string();
        let reply = ACQUIRE
            .run(ready, &keys, &[token, lease.as_bytes()])
            .await?;
        Ok(match reply {
            Value::Array(parts) => match parts[..] {
                [Value::Int(taken), Value::Int(number)] => {
                    (taken == 1, u64::try_from(number).unwrap_or_default())
                }
                _ => (false, 0),
            },
            _ => (false, 0),
        })
    }

    /// Returns the next fence, in a cluster.
    async fn next_fence(&self) -> Result<u64, Failure> {
        let counter = self.counter.as_bytes();
        let ready = self.client.admit(counter).ok_or(Failure::Open)?;
        match FENCE.run(ready, &[counter], &[]).await? {
            Value::Int(fence) => Ok(u64::try_from(fence).unwrap_or_default()),
            _ => Ok(0),
        }
    }

    async fn release(&self, names: &Names, token: &[u8]) -> Result<(), Failure> {
        let keys: [&[u8]; 2] = [&names.lock, &names.waiters];
        let arguments = [token, self.channel.as_bytes(), &names.lock];
        match self.client.admit(&names.lock) {
            Some(ready) => RELEASE.run(ready, &keys, &arguments).await?,
            // The time-out of the attempt may be the reason. The server may yet take the lock.
            None => {
                let command = RELEASE.whole(&keys, &arguments);
                self.client.send_behind(&names.lock, command).await?
            }
        };
        Ok(())
    }
}

// === impl Held ===

impl Lease for Held {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn renew(&mut self) -> LockFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            let lock = &self.names.lock;
            let ready = self.inner.client.admit(lock).ok_or(Failure::Open)?;
            let lease = self.lease.to_string();
            match RENEW
                .run(ready, &[lock], &[&self.token, lease.as_bytes()])
                .await?
            {
                Value::Int(1) => Ok(()),
                _ => Err("the lock was lost".into()),
            }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.may_hold {
            return;
        }
        let (inner, names, token) = (Arc::clone(&self.inner), self.names.clone(), self.token);
        // Without a runtime, or without Redis, the lease expires.
        self.inner.client.spawn("redis.release", async move {
            if let Err(error) = inner.release(&names, &token).await {
                tracing::debug!(%error, "a lock was not released, and expires");
            }
        });
    }
}
