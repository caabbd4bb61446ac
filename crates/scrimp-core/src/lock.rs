//! One filler among many processes.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::{BoxError, Key};

/// Future of a call to a lock service.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Lets one of many processes fill a key, while the others wait for the stored response.
///
/// The lock saves calls and protects nothing: a late holder, or a second one, costs one extra call,
/// and an unavailable lock service fails no request. So an implementation returns a result if it
/// can and an error if it cannot; the caller limits the time for both.
///
/// In Redis terms: `SET key token NX PX lease` and `INCR` for the fence to take it, a
/// compare-and-expire to renew it, a compare-and-delete when the [`Lease`] is dropped.
pub trait FillLock: fmt::Debug + Send + Sync + 'static {
    /// Tries to take the lock of a key for the time of a lease, without waiting for it.
    ///
    /// The bytes of the key ([`KeyRef::as_bytes`](crate::KeyRef::as_bytes)) are the same in
    /// every process; its hash is not.
    ///
    /// # Errors
    ///
    /// If the service does not respond.
    fn acquire(&self, key: Key, lease: Duration) -> LockFuture<'_, Result<Acquired, BoxError>>;
}

/// Outcome of trying to take a lock.
pub enum Acquired {
    /// The lock is held until the lease is dropped or expires.
    Held(Box<dyn Lease>),
    /// Another process holds the lock. The future completes when a new attempt makes sense: the
    /// lock was released, or its lease has expired.
    Busy(LockFuture<'static, ()>),
}

/// A lock that is held. Dropping it releases the lock, if it is still held.
pub trait Lease: Send + Sync + 'static {
    /// Returns a number that grows with every holder of the key. A writer with a lower fence than
    /// one already seen has lost the lock without noticing.
    fn fence(&self) -> u64;

    /// Starts the lease again.
    ///
    /// # Errors
    ///
    /// If the lock was lost, or the service does not respond.
    fn renew(&mut self) -> LockFuture<'_, Result<(), BoxError>>;
}

impl fmt::Debug for Acquired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(lease) => write!(f, "Held({})", lease.fence()),
            Self::Busy(_) => f.write_str("Busy"),
        }
    }
}
