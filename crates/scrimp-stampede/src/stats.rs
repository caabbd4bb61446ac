//! Counters of a layer.

use http::Response;
use http_body::Body;
use scrimp_core::{CountedBody, Counter, FailedCalls};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that all services of a layer share.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            /// Requests that are each one call of the inner service. A plain hit counts here only.
            hits: Counter,
            /// All other requests that the layer takes part in.
            others: Counter,
            /// All other calls.
            other_calls: Counter,
            failed: FailedCalls,
            $(pub(crate) $name: Counter,)*
        }

        /// Counters of a layer since it was made.
        ///
        /// Each request adds to `requests` or `bypassed`. A request makes one call, and one more
        /// if it looks into the cache before it takes a shared lock; none if it is `refused` while
        /// it waits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct StampedeStats {
            /// Requests that the layer takes part in: hits, fills, and those that wait for one.
            pub requests: u64,
            /// Calls of the inner service for `requests`, whatever became of them, and those of
            /// `refreshes`.
            pub calls: u64,
            /// Calls that [failed](scrimp_core::FailedCalls), refreshes that took too long included.
            pub failed: u64,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> StampedeStats {
                let hits = self.hits.get();
                StampedeStats {
                    requests: hits + self.others.get(),
                    calls: hits + self.other_calls.get(),
                    failed: self.failed.get(),
                    $($name: self.$name.get(),)*
                }
            }
        }
    };
}

// === impl Counters ===

impl Counters {
    /// Counts a request that is one call, which has begun.
    #[inline]
    pub(crate) fn hit(&self) {
        self.hits.increment();
    }

    /// Counts a request whose calls are counted one by one.
    pub(crate) fn request(&self) {
        self.others.increment();
    }

    /// Counts a call that begins.
    pub(crate) fn call(&self) {
        self.other_calls.increment();
    }

    /// Counts a call that has a result, if it failed. Its body counts on.
    #[inline]
    pub(crate) fn ended<B: Body, E>(
        &self,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CountedBody<B>>, E> {
        self.failed.watch(result)
    }

    /// Counts a call that failed without a response.
    pub(crate) fn failed_call(&self) {
        self.failed.increment();
    }
}

counters! {
    /// Requests passed on unchanged: no other request can ask for the same, or their responses are
    /// not stored.
    bypassed,
    /// Refreshes started in the background.
    refreshes,
    /// Refreshes that failed: an error, a 5xx, a panic, a timeout, or a cache that answered from
    /// its store anyway.
    refresh_failures,
    /// Refreshes that were due and not started, because too many were in flight.
    refreshes_full,
    /// Refreshes that were due and not started, because too few hits paid for them.
    refreshes_unpaid,
    /// Times that a key was left alone for a while after failures.
    given_up,
    /// Requests that went ahead to fill a key, while others of the same key waited.
    fills,
    /// Requests that waited for the fill of another request.
    waited,
    /// Requests whose wait reached its limit, and that went alone, or whose caller's deadline
    /// passed.
    timed_out,
    /// Requests answered with a problem document of the layer's own.
    refused,
    /// Requests answered with an expired response, while it was refreshed or could not be.
    stale,
    /// Times that another process held the shared lock.
    lock_busy,
    /// Times that the lock service failed or took too long. No request failed because of it.
    lock_failures,
}
