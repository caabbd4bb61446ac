//! One filler among many processes.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::{BoxError, Key};

/// What a lock service answers with.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Lets one process of many fill a key, while the others wait for what it stores.
///
/// It saves calls and guards nothing: a holder that is late, or two of them, cost an extra
/// call each, and a lock service that is gone costs no request. So an implementation answers
/// when it can and fails when it cannot; the caller bounds the time for both.
///
/// In Redis terms: `SET key token NX PX lease` and `INCR` for the fence to take it, a
/// compare-and-expire to renew it, a compare-and-delete when the [`Lease`] is dropped.
pub trait FillLock: fmt::Debug + Send + Sync + 'static {
    /// Tries to take the lock of a key for the time of a lease; does not wait for it.
    ///
    /// The bytes of the key ([`KeyRef::as_bytes`](crate::KeyRef::as_bytes)) are the same in
    /// every process; its hash is not.
    ///
    /// # Errors
    ///
    /// Whatever keeps the service from answering.
    fn acquire(&self, key: Key, lease: Duration) -> LockFuture<'_, Result<Acquired, BoxError>>;
}

/// What came of trying to take a lock.
pub enum Acquired {
    /// It is held until the lease is dropped or runs out.
    Held(Box<dyn Lease>),
    /// Somebody else holds it. The future is done when it is worth trying again: the lock was
    /// given back, or its lease has run out.
    Busy(LockFuture<'static, ()>),
}

/// A lock that is held. Dropping it gives the lock back, if it is still held.
pub trait Lease: Send + Sync + 'static {
    /// Grows with every holder of the key. Who writes with a lower one than has been seen has
    /// lost the lock without knowing.
    fn fence(&self) -> u64;

    /// Begins the lease anew.
    ///
    /// # Errors
    ///
    /// If the lock was lost, or the service does not answer.
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
