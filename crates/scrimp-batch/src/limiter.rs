//! Rate limits.

use std::{future::Future, pin::Pin};

/// A limit on the requests per time that the upstream counts.
///
/// A batch of n requests is one call and counts as n requests. The feature `governor` has an
/// implementation.
pub trait RateLimit: Send + Sync + 'static {
    /// Waits until this many requests may be sent. If the future is dropped, requests that it has
    /// not waited for yet do not count.
    fn take(&self, requests: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

#[cfg(feature = "governor")]
pub use self::governed::Governed;

#[cfg(feature = "governor")]
mod governed {
    use std::{fmt, future::Future, num::NonZeroU32, pin::Pin, time::Duration};

    use governor::{
        NotUntil, Quota, RateLimiter,
        clock::{Clock, Reference},
        middleware::NoOpMiddleware,
        nanos::Nanos,
        state::{InMemoryState, NotKeyed},
    };
    use tokio::{
        sync::Mutex,
        time::{Instant, sleep_until},
    };

    use super::RateLimit;

    /// A rate limit of [`governor`], on tokio's clock.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use scrimp_batch::{BatchLayer, Governed, JsonRpc};
    ///
    /// let quota = governor::Quota::per_second(NonZeroU32::new(500).unwrap());
    /// let layer = BatchLayer::builder(JsonRpc::new())
    ///     .rate_limit(Governed::new(quota))
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_batch::SettingError>(())
    /// ```
    pub struct Governed {
        limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Point>>,
        burst: NonZeroU32,
        /// Serves callers in order: governor serves the first to wake, so that a large batch
        /// could wait without end.
        turn: Mutex<()>,
    }

    #[derive(Debug, Clone, Copy)]
    struct TokioClock;

    /// A point of tokio's clock.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct Point(Instant);

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

    fn when(not_until: &NotUntil<Point>) -> Instant {
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

    // === impl TokioClock ===

    impl Clock for TokioClock {
        type Instant = Point;

        fn now(&self) -> Point {
            Point(Instant::now())
        }
    }

    impl Reference for Point {
        fn duration_since(&self, earlier: Self) -> Nanos {
            self.0.saturating_duration_since(earlier.0).into()
        }

        fn saturating_sub(&self, duration: Nanos) -> Self {
            let duration: Duration = duration.into();
            Self(self.0.checked_sub(duration).unwrap_or(self.0))
        }
    }

    impl std::ops::Add<Nanos> for Point {
        type Output = Self;

        fn add(self, duration: Nanos) -> Self {
            Self(self.0 + Duration::from(duration))
        }
    }
}
