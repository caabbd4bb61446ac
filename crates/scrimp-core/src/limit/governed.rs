//! A rate limit of the governor crate.

use std::{fmt, future::Future, num::NonZeroU32, pin::Pin};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::{RateLimit, TokioClock, TokioInstant};

/// A rate limit of [`governor`], on tokio's clock.
///
/// ```
/// use std::num::NonZeroU32;
/// use scrimp_core::{Governed, RateLimit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let quota = governor::Quota::per_second(NonZeroU32::new(500).unwrap());
/// let limit = Governed::new(quota);
/// limit.take(20).await; // a batch of twenty
/// # }
/// ```
pub struct Governed {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>,
    burst: NonZeroU32,
    /// Serves callers in order: governor serves the first to wake, so that a large batch
    /// could wait without end.
    turn: Mutex<()>,
}

// === impl Governed ===

impl Governed {
    /// Returns a limit with this quota.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::direct_with_clock(quota, TokioClock),
            burst: quota.burst_size(),
            turn: Mutex::new(()),
        }
    }

    /// Waits for a number of requests up to the burst.
    async fn chunk(&self, requests: NonZeroU32) {
        let check = || self.limiter.check_n(requests);
        while let Err(not_until) = check().expect("a chunk is no larger than the burst") {
            sleep_until(when(&not_until)).await;
        }
    }
}

fn when(not_until: &NotUntil<TokioInstant>) -> Instant {
    let now = TokioClock.now();
    now.0 + not_until.wait_time_from(now)
}

impl RateLimit for Governed {
    fn take(&self, requests: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let (mut left, burst) = (requests, self.burst.get());
        let chunk = move |left| u32::try_from(left).map_or(burst, |left| left.min(burst));
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            while let Some(next) = NonZeroU32::new(chunk(left)) {
                self.chunk(next).await;
                left -= next.get() as usize;
            }
        })
    }
}

impl fmt::Debug for Governed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governed")
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}
