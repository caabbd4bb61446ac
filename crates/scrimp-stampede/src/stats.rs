//! What a layer has done, in numbers.

use scrimp_core::Counter;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that all services of a layer share. None is on the path of a plain hit.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// What a layer has done since it was made.
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
    /// Refreshes begun in the background.
    refreshes,
    /// Those that brought nothing: an error, a 5xx, a panic, a time-out, or a cache that
    /// answered from its store all the same.
    refresh_failures,
    /// Refreshes that were due and not begun: too many were under way.
    refreshes_full,
    /// Refreshes that were due and not begun: too few hits to pay for them.
    refreshes_unpaid,
    /// Times a key was given up on after failures, for a while.
    given_up,
    /// Requests that went ahead to fill a key, while others of the same key waited for them.
    fills,
    /// Requests that waited for another's fill.
    waited,
    /// Those whose wait reached its limit, and who went alone.
    waits_timed_out,
    /// Requests answered with what had expired, while it was refreshed or could not be.
    stale,
    /// Times the lock shared by processes was held by another.
    lock_busy,
    /// Times the lock service failed or took too long. None of them failed a request.
    lock_failures,
}
