//! Counters of pre-computation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use scrimp_core::{Counter, Money};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)*
            pub(super) users: AtomicU64,
            pub(super) in_flight: AtomicU64,
        }

        /// Counters of a [`Precompute`](crate::Precompute) since it was made.
        ///
        /// Each response made ahead of time is one of `calls`. When it has ended, it is one of `failed`,
        /// `already_fresh`, `not_stored`, `useful`, `late` and `wasted`, or is still of use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct PrecomputeStats {
            $($(#[$doc])* pub $name: u64,)*
            /// Users that are known at present.
            pub users: u64,
            /// Calls in flight at present.
            pub in_flight: u64,
            /// Price of the calls that are late, wasted, not stored or failed.
            pub spent: Money,
        }

        impl Counters {
            pub(super) fn read(&self, price: Money) -> PrecomputeStats {
                let lost = [&self.late, &self.wasted, &self.not_stored, &self.failed];
                PrecomputeStats {
                    $($name: self.$name.get(),)*
                    users: self.users.load(Relaxed),
                    in_flight: self.in_flight.load(Relaxed),
                    spent: price * lost.map(Counter::get).iter().sum::<u64>(),
                }
            }
        }
    };
}

counters! {
    /// Visits that were learned.
    requests,
    /// Visits that were not learned, because the queue was full.
    dropped,
    /// Users who were expected, hour by hour.
    predictions,
    /// Users who were expected, and for whom nothing was made because of the budget.
    over_budget,
    /// Calls of the inner service.
    calls,
    /// Calls that ended with an error, a status other than success, a panic or a timeout.
    failed,
    /// Calls that the inner cache answered from its store.
    already_fresh,
    /// Calls whose response the inner cache did not store.
    not_stored,
    /// Calls whose response was there, and fresh, when its user came.
    useful,
    /// Calls that were in flight when their user came.
    late,
    /// Calls whose user did not come in time, or was forgotten before.
    wasted,
}
