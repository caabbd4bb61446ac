//! Rate limits that layers share.

#[cfg(feature = "governor")]
mod clock;
#[cfg(feature = "governor")]
mod governed;
mod shared;

use std::{future::Future, pin::Pin};

pub use self::shared::{NotTaken, RateRule, RateTake, SharedRate};
#[cfg(feature = "governor")]
pub use self::{
    clock::{TokioClock, TokioInstant},
    governed::Governed,
};

/// A limit on the requests per time that the upstream counts.
///
/// A batch of n requests is one call and counts as n requests. The feature `governor` has an
/// implementation, and `LimitLayer` of `scrimp-limit` is another one: a clone of that layer lets
/// batches and other calls share one limit.
pub trait RateLimit: Send + Sync + 'static {
    /// Waits until this many requests may be sent. If the future is dropped, requests that it has
    /// not waited for yet do not count.
    fn take(&self, requests: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
