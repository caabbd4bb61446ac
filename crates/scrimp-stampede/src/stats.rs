//! Counters of a layer.

use scrimp_core::Counter;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that all services of a layer share. A plain hit touches none of them.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// Counters of a layer since it was made.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct StampedeStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> StampedeStats {
                StampedeStats {
                    $($name: self.$name.get(),)*
                }
            }
        }
    };
}

counters! {
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
    /// Requests whose wait reached its limit, and that went alone.
    timed_out,
    /// Requests answered with an expired response, while it was refreshed or could not be.
    stale,
    /// Times that another process held the shared lock.
    lock_busy,
    /// Times that the lock service failed or took too long. No request failed because of it.
    lock_failures,
}
