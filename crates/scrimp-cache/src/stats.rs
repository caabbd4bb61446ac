//! The counts of a cache.

use scrimp_core::{Counter, FailedCalls, share_of};

use crate::{
    monitor::Compared,
    policy::{NotStored, refusal::Refusals},
};

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests that no fresh stored response answered at once. Those are `hits`.
    pub(crate) others: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed: FailedCalls,
    pub(crate) hits: Counter,
    pub(crate) stale: Counter,
    pub(crate) revalidated: Counter,
    pub(crate) joined: Counter,
    pub(crate) misses: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) refused: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) prefetches: Counter,
    pub(crate) stored: Counter,
    pub(crate) superseded: Counter,
    pub(crate) rejected: Counter,
    pub(crate) store_failures: Counter,
    pub(crate) degraded: Counter,
    pub(crate) not_stored: Refusals,
}

/// Counts of a cache since it was made, and the contents of its store.
///
/// Each request adds to `requests` or `bypassed`. Each of `requests` adds to one of `hits`, `stale`,
/// `revalidated`, `joined`, `misses` and `refused` when it is answered. An error of the inner service that
/// reaches the caller, a response of the operator's own in its place, and a caller that leaves add
/// to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheStats {
    /// Requests that a stored response could answer.
    pub requests: u64,
    /// Calls of the inner service for `requests`, whatever became of them, and those of
    /// `refreshes`.
    pub calls: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Requests answered from the store, fresh.
    pub hits: u64,
    /// Requests answered from the store, stale: as allowed, or in place of a failure.
    pub stale: u64,
    /// Requests answered from the store after a 304 from the upstream.
    pub revalidated: u64,
    /// Requests answered by the upstream call of another request, which a layer inside shares. No
    /// call was made for them, so they are no `misses`.
    pub joined: u64,
    /// Requests answered by the upstream because nothing usable was stored.
    pub misses: u64,
    /// Requests that bypassed the cache.
    pub bypassed: u64,
    /// Requests that got a 504 of the cache's own: with `only-if-cached`, or after a deadline.
    pub refused: u64,
    /// Requests whose caller's deadline passed. They are `refused`, or `stale` if a stored
    /// response may take the place of an error.
    pub timed_out: u64,
    /// Background refreshes started.
    pub refreshes: u64,
    /// Requests made ahead of time whose response was in store. They are no `requests`.
    pub prefetches: u64,
    /// Responses put into the store.
    pub stored: u64,
    /// Responses not stored, by reason.
    pub not_stored: NotStored,
    /// Responses not stored because they were invalidated during their call.
    pub superseded: u64,
    /// Responses the store had no room for.
    pub store_full: u64,
    /// Look-ups and puts that failed. None of them failed a request.
    pub store_failures: u64,
    /// Requests that went to the upstream while the store, or a part of it, did not answer. In the
    /// ledger, their calls have lines of the layer `cache-degraded`, too.
    pub degraded: u64,
    /// Hits that were compared with the upstream, as [`monitor`](crate::CacheLayerBuilder::monitor) says.
    pub compared: u64,
    /// Of these, the hits whose body the upstream did not have any more.
    pub stale_reads: u64,
    /// Highest age of a stale read, in milliseconds: the time since the upstream call of the response
    /// that was served. It became outdated later.
    pub stale_ms: u64,
    /// Lifetimes that are learned.
    pub learned: LearnedStats,
    /// Contents of the store.
    pub store: StoreStats,
}

/// Contents of a [store](crate::Store) at one moment, and its look-ups.
///
/// A response that is found need not answer its request: it may be too old, or of another variant. What
/// requests got is counted by the cache ([`CacheStats::hit_rate`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StoreStats {
    /// Keys with at least one response.
    pub entries: u64,
    /// Bytes held by them.
    pub bytes: u64,
    /// Highest value of `bytes` so far.
    pub peak_bytes: u64,
    /// Bytes held by responses still being received.
    pub fill_bytes: u64,
    /// Keys removed to make room.
    pub evicted: u64,
    /// Look-ups that found responses, of all tiers together.
    pub found: u64,
    /// Look-ups that found none.
    pub missing: u64,
}

/// Changes of stored responses that were seen, and lifetimes learned from them, for rules with
/// [`ttl=learned(..)`](crate::RuleBuilder::learned_ttl).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LearnedStats {
    /// Responses fetched again that could be compared with the one before.
    pub observed: u64,
    /// Of these, the ones with another body.
    pub changed: u64,
    /// Time for which responses were declared fresh, in milliseconds.
    pub fresh_ms: u64,
    /// Part of `fresh_ms` in which they are expected to be out of date.
    pub stale_ms: u64,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(
        &self,
        store: StoreStats,
        compared: Compared,
        learned: LearnedStats,
    ) -> CacheStats {
        CacheStats {
            requests: self.hits.get() + self.others.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            hits: self.hits.get(),
            stale: self.stale.get(),
            revalidated: self.revalidated.get(),
            joined: self.joined.get(),
            misses: self.misses.get(),
            bypassed: self.bypassed.get(),
            refused: self.refused.get(),
            timed_out: self.timed_out.get(),
            refreshes: self.refreshes.get(),
            prefetches: self.prefetches.get(),
            stored: self.stored.get(),
            not_stored: self.not_stored.read(),
            superseded: self.superseded.get(),
            store_full: self.rejected.get(),
            store_failures: self.store_failures.get(),
            degraded: self.degraded.get(),
            compared: compared.compared,
            stale_reads: compared.stale_reads,
            stale_ms: compared.stale_ms,
            learned,
            store,
        }
    }
}

// === impl LearnedStats ===

impl LearnedStats {
    /// Returns the expected share of fresh time in which a response is out of date, from 0 to 1.
    #[must_use]
    pub fn stale_share(&self) -> f64 {
        share_of(self.stale_ms, self.fresh_ms)
    }
}

// === impl StoreStats ===

impl StoreStats {
    /// Returns the share of look-ups that found responses, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share_of(self.found, self.found + self.missing)
    }
}

// === impl CacheStats ===

impl CacheStats {
    /// Returns the share of answers that took no call of their own, from 0 to 1: from the store, fresh
    /// or stale, or by the call of another request. Responses after a 304 took one. Requests that
    /// bypassed the cache, were refused or failed are not counted.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let hits = self.hits + self.stale + self.joined;
        share_of(hits, hits + self.revalidated + self.misses)
    }

    pub(crate) fn to_json(self) -> String {
        let (store, learned) = (self.store, self.learned);
        let fields = [
            ("requests", self.requests),
            ("calls", self.calls),
            ("failed", self.failed),
            ("hits", self.hits),
            ("stale", self.stale),
            ("revalidated", self.revalidated),
            ("joined", self.joined),
            ("misses", self.misses),
            ("bypassed", self.bypassed),
            ("refused", self.refused),
            ("timed_out", self.timed_out),
            ("refreshes", self.refreshes),
            ("prefetches", self.prefetches),
            ("stored", self.stored),
            ("superseded", self.superseded),
            ("store_full", self.store_full),
            ("store_failures", self.store_failures),
            ("degraded", self.degraded),
            ("compared", self.compared),
            ("stale_reads", self.stale_reads),
            ("stale_ms", self.stale_ms),
            ("learned_observed", learned.observed),
            ("learned_changed", learned.changed),
            ("learned_fresh_ms", learned.fresh_ms),
            ("learned_stale_ms", learned.stale_ms),
            ("store_entries", store.entries),
            ("store_bytes", store.bytes),
            ("store_peak_bytes", store.peak_bytes),
            ("store_fill_bytes", store.fill_bytes),
            ("store_evicted", store.evicted),
            ("store_found", store.found),
            ("store_missing", store.missing),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
        let reasons = self.not_stored.iter();
        let reasons = reasons.map(|(reason, count)| format!("\"{reason}\":{count}"));
        let reasons = reasons.collect::<Vec<_>>().join(",");
        format!("{{{},\"not_stored\":{{{reasons}}}}}", fields.join(","))
    }
}
