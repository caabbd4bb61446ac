//! The fill lock of a single process.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use scrimp_core::{Acquired, BoxError, FillLock, Key, KeyHashBuilder, Lease, LockFuture};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// A [`FillLock`] for layers of one process, and a model for locks over a network.
///
/// Clones share their locks. A lease that expires releases its lock. A late holder cannot release
/// a lock that it no longer holds.
#[derive(Clone, Default)]
pub struct LocalFillLock(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Mutex<HashMap<Key, Holder, KeyHashBuilder>>,
    fences: AtomicU64,
}

struct Holder {
    fence: u64,
    until: Instant,
    released: Arc<Notify>,
}

struct Held {
    lock: LocalFillLock,
    key: Key,
    fence: u64,
    lease: Duration,
}

// === impl LocalFillLock ===

impl LocalFillLock {
    /// Returns a lock service with nothing locked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn try_acquire(&self, key: Key, lease: Duration) -> Acquired {
        let now = Instant::now();
        let mut held = self.0.held.lock();
        if let Some(holder) = held.get(&key).filter(|holder| holder.until > now) {
            let over = Arc::clone(&holder.released).notified_owned();
            let until = holder.until;
            return Acquired::Busy(Box::pin(async move {
                let _ = timeout_at(until, over).await;
            }));
        }
        let fence = self.0.fences.fetch_add(1, Relaxed) + 1;
        let holder = Holder {
            fence,
            until: end(now, lease),
            released: Arc::default(),
        };
        held.insert(key.clone(), holder);
        Acquired::Held(Box::new(Held {
            lock: self.clone(),
            key,
            fence,
            lease,
        }))
    }
}

fn end(now: Instant, lease: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    now + lease.min(LONGEST)
}

impl FillLock for LocalFillLock {
    fn acquire(&self, key: Key, lease: Duration) -> LockFuture<'_, Result<Acquired, BoxError>> {
        Box::pin(async move { Ok(self.try_acquire(key, lease)) })
    }
}

impl fmt::Debug for LocalFillLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalFillLock({} held)", self.0.held.lock().len())
    }
}

// === impl Held ===

impl Lease for Held {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn renew(&mut self) -> LockFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut held = self.lock.0.held.lock();
            match held.get_mut(&self.key) {
                Some(holder) if holder.fence == self.fence && holder.until > now => {
                    holder.until = end(now, self.lease);
                    Ok(())
                }
                _ => Err("the lease has run out".into()),
            }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.lock.0.held.lock();
        if held
            .get(&self.key)
            .is_some_and(|holder| holder.fence == self.fence)
            && let Some(holder) = held.remove(&self.key)
        {
            holder.released.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrimp_core::KeyBuf;

    const LEASE: Duration = Duration::from_secs(10);

    fn key(name: &str) -> Key {
        KeyBuf::new().part(name.as_bytes()).to_key()
    }

    async fn held(lock: &LocalFillLock, name: &str) -> Box<dyn Lease> {
        match lock.acquire(key(name), LEASE).await {
            Ok(Acquired::Held(lease)) => lease,
            other => panic!("{other:?}"),
        }
    }

    async fn busy(lock: &LocalFillLock, name: &str) -> LockFuture<'static, ()> {
        match lock.acquire(key(name), LEASE).await {
            Ok(Acquired::Busy(over)) => over,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_holds_a_key_until_it_is_dropped_and_the_next_has_a_higher_fence() {
        let lock = LocalFillLock::new();
        let first = held(&lock, "a").await;
        let over = busy(&lock, "a").await;
        let other = held(&lock, "b").await;
        let started = Instant::now();
        let fence = first.fence();
        drop(first);
        over.await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(held(&lock, "a").await.fence() > fence && other.fence() > fence);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_runs_out_unless_it_is_renewed() {
        let lock = LocalFillLock::new();
        let mut first = held(&lock, "a").await;
        tokio::time::advance(LEASE / 2).await;
        first.renew().await.expect("in time");
        let (over, started) = (busy(&lock, "a").await, Instant::now());
        over.await;
        assert_eq!(started.elapsed(), LEASE);
        let second = held(&lock, "a").await;
        assert!(first.renew().await.is_err());
        drop(first);
        // The late holder has not released the second holder's lock.
        drop(busy(&lock, "a").await);
        drop(second);
    }
}
