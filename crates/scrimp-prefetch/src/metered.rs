//! Metrics, through the `metrics` facade. Without that feature nothing is recorded.

use crate::PrefetchStats;

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
    metrics::counter!("scrimp_prefetch_shut_offs_total").absolute(stats.shut_offs);
    metrics::gauge!("scrimp_prefetch_in_flight").set(stats.in_flight as f64);
    let currency = || stats.spared.currency().code().to_owned();
    metrics::gauge!("scrimp_prefetch_spared", "currency" => currency()).set(stats.spared.as_f64());
    metrics::gauge!("scrimp_prefetch_spent", "currency" => currency()).set(stats.spent.as_f64());
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn tell(_: &PrefetchStats) {}
