//! Counters of a layer.

use scrimp_core::{Counter, Money};

use crate::config::Stakes;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that all services of a layer share.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// Counters of a layer since it was made.
        ///
        /// Each prefetch is one of `calls`. When it has ended, it is one of `failed`, `already_fresh`,
        /// `not_stored`, `useful`, `late` and `wasted`, or is still of use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct PrefetchStats {
            $($(#[$doc])* pub $name: u64,)*
            /// Sessions that are known at present.
            pub sessions: u64,
            /// Targets that are known at present.
            pub entries: u64,
            /// Prefetches in flight at present.
            pub in_flight: u64,
            /// True while nothing is fetched because it did not pay.
            pub is_shut: bool,
            /// Value of the waiting that useful prefetches spared.
            pub spared: Money,
            /// Price of the prefetches that are late, wasted, not stored or failed.
            pub spent: Money,
            /// `spared` less `spent`.
            pub net: Money,
        }

        impl Counters {
            pub(crate) fn read(&self, present: Present, stakes: Option<Stakes>) -> PrefetchStats {
                let zero = Stakes { value: Money::ZERO, price: Money::ZERO };
                let stakes = stakes.unwrap_or(zero);
                let pico = |money: Money, count: u64| {
                    Money::from_pico(money.pico().saturating_mul(count.into()), money.currency())
                };
                let spared = pico(stakes.value, self.useful.get());
                let lost = [&self.late, &self.wasted, &self.not_stored, &self.failed];
                let spent = pico(stakes.price, lost.map(Counter::get).iter().sum());
                let net = spared.pico().saturating_sub(spent.pico());
                PrefetchStats {
                    $($name: self.$name.get(),)*
                    sessions: present.sessions,
                    entries: present.entries,
                    in_flight: present.in_flight,
                    is_shut: present.is_shut,
                    spared,
                    spent,
                    net: Money::from_pico(net, spared.currency()),
                }
            }
        }
    };
}

/// Present numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Present {
    pub(crate) sessions: u64,
    pub(crate) entries: u64,
    pub(crate) in_flight: u64,
    pub(crate) is_shut: bool,
}

counters! {
    /// Requests that the layer learns from.
    requests,
    /// Requests passed on unchanged and not learned from: they have no session, change something, ask for a
    /// part, have a body or a [`KeyPart`](scrimp_core::KeyPart), or are private.
    bypassed,
    /// Requests that browsers made ahead of time, among `bypassed`. Nothing is learned from them.
    browser_prefetches,
    /// Requests that were not learned from, because the queue was full.
    dropped,
    /// Predictions of all predictors that were considered.
    predictions,
    /// Predictions that were not fetched: the expected value, or the confidence, was too low.
    unpaid,
    /// Predictions that were not fetched because of the budget.
    over_budget,
    /// Predictions that were not fetched because too many were planned or in flight.
    prefetches_full,
    /// Predictions that were not fetched because their target is not cacheable, was seen in one session
    /// only, or belongs to a service of its own.
    not_eligible,
    /// Pages that browsers were told to fetch.
    hints,
    /// Prefetches that went to the inner service.
    calls,
    /// Prefetches that [failed](scrimp_core::FailedCalls), panics included.
    failed,
    /// Prefetches that the inner cache answered from its store.
    already_fresh,
    /// Prefetches whose response the inner cache did not store, or whose status is not that of a success.
    not_stored,
    /// Prefetches whose response was there when a caller asked for it.
    useful,
    /// Prefetches that were in flight when a caller asked for the same. They spare nothing.
    late,
    /// Prefetches that no caller asked for in time, or whose session was forgotten before.
    wasted,
    /// Times that fetching stopped for a while because it did not pay.
    shut_offs,
    /// Panics of predictors.
    predictor_failures,
}
