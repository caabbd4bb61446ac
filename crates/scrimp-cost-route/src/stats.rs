//! Counts of a layer's requests and calls.

use scrimp_core::{Money, Totals};
use serde::Serialize;

use crate::{
    PromptBreaks,
    engine::{NoCandidate, Outcome},
    refuse::Refused,
};

/// Counts of a layer's requests and calls since it was made, as returned by
/// [`CostRouteLayer::stats`](crate::CostRouteLayer::stats).
///
/// Each call adds to one of `succeeded`, `failed` and `cancelled` when it ends. The type can be
/// serialized by serde: amounts are strings such as `"0.01 USD"`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct CostRouteStats {
    /// Requests, counted when the kept part of their body was read.
    pub requests: u64,
    /// Calls made to providers.
    pub calls: u64,
    /// Calls whose answer arrived whole.
    pub succeeded: u64,
    /// Calls that [failed](scrimp_core::FailedCalls), and those in which a provider refused a credential of its
    /// own (401, 402, 403): only this layer knows whose it is.
    pub failed: u64,
    /// Calls that were cancelled because their caller left.
    pub cancelled: u64,
    /// Of these, the calls whose answer was read on in the background, as knowing their cost was worth more
    /// than the rest of it.
    pub drained: u64,
    /// Calls made because the previous call, to another provider, brought no answer or a
    /// rejected one.
    pub failovers: u64,
    /// Second calls made beside slow ones.
    pub hedges: u64,
    /// Second calls that brought the answer.
    pub hedges_won: u64,
    /// Answers that the quality gate rejected.
    pub rejected: u64,
    /// Calls that a provider refused because a quota was used up (429).
    pub throttled: u64,
    /// Calls that waited for room in a quota before they were made.
    pub waited: u64,
    /// Requests that the layer refused, by reason.
    pub refused: RefusalStats,
    /// Costs of calls, by currency.
    pub spent: Totals,
    /// Paid calls with an unknown cost.
    pub unpriced: u64,
    /// Parts of prompts that prevent the reuse of what follows them in a prompt cache.
    pub prompt_breaks: PromptBreaks,
}

/// Requests that a layer refused, by the reason that the refusal gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RefusalStats {
    /// No provider passed the filters (503).
    pub none_good_enough: u64,
    /// No provider had room, or none had the tags asked for (503).
    pub none_left: u64,
    /// The request's limit on the price lacked an exchange rate (500).
    pub no_exchange_rate: u64,
    /// The request's own filters could not be used (500).
    pub filters: u64,
    /// No provider answered in time (504).
    pub timed_out: u64,
    /// The request's body broke off (400).
    pub request_body: u64,
    /// The request's URI left no room for the provider's path (414).
    pub uri_too_long: u64,
    /// The request's header fields left no room for the provider's (431).
    pub too_many_fields: u64,
    /// The quotas of all providers were used up (429).
    pub quota: u64,
    /// A cap was used up (402 or 429).
    pub budget: u64,
    /// Tenants that share a request had used up a cap (402 or 429). The request may come again
    /// without them.
    pub tenants: u64,
    /// The price was not known, and a cap counts the call (402).
    pub unpriced: u64,
    /// The requests that a request carries were for different models or routes (503). They may come
    /// again one by one.
    pub mixed: u64,
}

// === impl CostRouteStats ===

impl CostRouteStats {
    /// Counts a call that was begun.
    pub(crate) fn begun(&mut self, failover: bool, hedged: bool) {
        self.calls += 1;
        self.failovers += u64::from(failover);
        self.hedges += u64::from(hedged);
    }

    /// Removes a call that was begun and not made.
    pub(crate) fn unmade(&mut self, failover: bool, hedged: bool) {
        self.calls -= 1;
        self.failovers -= u64::from(failover);
        self.hedges -= u64::from(hedged);
    }

    /// Counts an ended call, and its cost if it was paid for.
    pub(crate) fn ended(&mut self, outcome: Outcome, paid: bool, cost: Option<Money>) {
        match outcome {
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Cancelled => self.cancelled += 1,
        }
        match cost {
            Some(cost) => self.spent.add(cost),
            None => self.unpriced += u64::from(paid),
        }
    }
}

// === impl RefusalStats ===

impl RefusalStats {
    /// Returns each reason as a word, with its count.
    #[cfg(feature = "metrics")]
    pub(crate) fn by_reason(&self) -> [(&'static str, u64); 13] {
        // A reason that is added has to be named here.
        let Self {
            none_good_enough,
            none_left,
            no_exchange_rate,
            filters,
            timed_out,
            request_body,
            uri_too_long,
            too_many_fields,
            quota,
            budget,
            tenants,
            unpriced,
            mixed,
        } = *self;
        [
            ("none-good-enough", none_good_enough),
            ("none-left", none_left),
            ("no-exchange-rate", no_exchange_rate),
            ("filters", filters),
            ("timed-out", timed_out),
            ("request-body", request_body),
            ("uri-too-long", uri_too_long),
            ("too-many-fields", too_many_fields),
            ("quota", quota),
            ("budget", budget),
            ("tenants", tenants),
            ("unpriced", unpriced),
            ("mixed", mixed),
        ]
    }

    /// Counts a refusal.
    pub(crate) fn count(&mut self, refused: &Refused) {
        let count = match refused {
            Refused::NoCandidate(NoCandidate::NoneGoodEnough) => &mut self.none_good_enough,
            Refused::NoCandidate(NoCandidate::NoneLeft) => &mut self.none_left,
            Refused::NoCandidate(NoCandidate::NoExchangeRate(_)) => &mut self.no_exchange_rate,
            Refused::Filters(_) => &mut self.filters,
            Refused::TimedOut => &mut self.timed_out,
            Refused::BodyBroke => &mut self.request_body,
            Refused::UriTooLong => &mut self.uri_too_long,
            Refused::TooManyFields => &mut self.too_many_fields,
            Refused::Quota(_) => &mut self.quota,
            Refused::Budget(_) => &mut self.budget,
            Refused::Tenants(_) => &mut self.tenants,
            Refused::Unpriced => &mut self.unpriced,
            Refused::Mixed => &mut self.mixed,
        };
        *count += 1;
    }
}
