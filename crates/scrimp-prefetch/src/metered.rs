//! Metrics, through the `metrics` facade. Without that feature nothing is recorded.

#[cfg(feature = "metrics")]
use scrimp_core::Money;

use crate::{PrecomputeStats, PrefetchStats};

/// Records the counts of a layer, in total since it was made.
#[cfg(feature = "metrics")]
pub(crate) fn tell(stats: &PrefetchStats) {
    for (outcome, count) in [
        ("useful", stats.useful),
        ("late", stats.late),
        ("wasted", stats.wasted),
        ("already_fresh", stats.already_fresh),
        ("not_stored", stats.not_stored),
        ("failed", stats.failed),
    ] {
        metrics::counter!("scrimp_prefetch_ended_total", "outcome" => outcome).absolute(count);
    }
    for (reason, count) in [
        ("unpaid", stats.unpaid),
        ("over_budget", stats.over_budget),
        ("full", stats.prefetches_full),
        ("not_eligible", stats.not_eligible),
    ] {
        metrics::counter!("scrimp_prefetch_refusals_total", "reason" => reason).absolute(count);
    }
    metrics::counter!("scrimp_prefetch_calls_total").absolute(stats.calls);
    metrics::counter!("scrimp_prefetch_hints_total").absolute(stats.hints);
    metrics::counter!("scrimp_prefetch_by_browsers_total").absolute(stats.browser_prefetches);
    metrics::counter!("scrimp_prefetch_shut_offs_total").absolute(stats.shut_offs);
    metrics::gauge!("scrimp_prefetch_in_flight").set(stats.in_flight as f64);
    let currency = |money: Money| money.currency().code().to_owned();
    metrics::gauge!("scrimp_prefetch_spared", "currency" => currency(stats.spared))
        .set(stats.spared.as_f64());
    metrics::gauge!("scrimp_prefetch_spent", "currency" => currency(stats.spent))
        .set(stats.spent.as_f64());
}

/// Records the counts of pre-computation, in total since it was made.
#[cfg(feature = "metrics")]
pub(crate) fn tell_precompute(stats: &PrecomputeStats) {
    for (outcome, count) in [
        ("useful", stats.useful),
        ("late", stats.late),
        ("wasted", stats.wasted),
        ("already_fresh", stats.already_fresh),
        ("not_stored", stats.not_stored),
        ("failed", stats.failed),
    ] {
        metrics::counter!("scrimp_precompute_ended_total", "outcome" => outcome).absolute(count);
    }
    metrics::counter!("scrimp_precompute_refusals_total", "reason" => "over_budget")
        .absolute(stats.over_budget);
    metrics::counter!("scrimp_precompute_calls_total").absolute(stats.calls);
    metrics::gauge!("scrimp_precompute_in_flight").set(stats.in_flight as f64);
    metrics::gauge!("scrimp_precompute_users").set(stats.users as f64);
    let currency = stats.spent.currency().code().to_owned();
    metrics::gauge!("scrimp_precompute_spent", "currency" => currency).set(stats.spent.as_f64());
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn tell(_: &PrefetchStats) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn tell_precompute(_: &PrecomputeStats) {}
