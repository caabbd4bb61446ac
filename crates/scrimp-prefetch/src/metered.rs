//! Metrics, through the `metrics` facade. Without that feature nothing is recorded.

use crate::PrefetchStats;

/// Counts of ends: useful, late, wasted, already fresh, not stored, failed.
pub(crate) type Ends = [u64; 6];

/// Records the counts of ends.
#[cfg(feature = "metrics")]
pub(crate) fn tell_ends(name: &'static str, ends: Ends) {
    let words = [
        "useful",
        "late",
        "wasted",
        "already_fresh",
        "not_stored",
        "failed",
    ];
    for (outcome, count) in words.into_iter().zip(ends) {
        metrics::counter!(name, "outcome" => outcome).absolute(count);
    }
}

/// Records the counts of a layer, in total since it was made.
#[cfg(feature = "metrics")]
pub(crate) fn tell(stats: &PrefetchStats) {
    let ends = [
        stats.useful,
        stats.late,
        stats.wasted,
        stats.already_fresh,
        stats.not_stored,
        stats.failed,
    ];
    tell_ends("scrimp_prefetch_ended_total", ends);
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
    let currency = || stats.spared.currency().code().to_owned();
    metrics::gauge!("scrimp_prefetch_spared", "currency" => currency()).set(stats.spared.as_f64());
    metrics::gauge!("scrimp_prefetch_spent", "currency" => currency()).set(stats.spent.as_f64());
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn tell_ends(_: &'static str, _: Ends) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn tell(_: &PrefetchStats) {}
