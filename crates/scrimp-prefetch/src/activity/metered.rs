//! Metrics of pre-computation.

use super::stats::PrecomputeStats;
use crate::metered::tell_ends;

/// Records the counts, in total since it was made.
pub(super) fn tell(stats: &PrecomputeStats) {
    let ends = [
        stats.useful,
        stats.late,
        stats.wasted,
        stats.already_fresh,
        stats.not_stored,
        stats.failed,
    ];
    tell_ends("scrimp_precompute_ended_total", ends);
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("scrimp_precompute_refusals_total", "reason" => "over_budget")
            .absolute(stats.over_budget);
        metrics::counter!("scrimp_precompute_calls_total").absolute(stats.calls);
        metrics::gauge!("scrimp_precompute_in_flight").set(stats.in_flight as f64);
        metrics::gauge!("scrimp_precompute_users").set(stats.users as f64);
        let currency = stats.spent.currency().code().to_owned();
        metrics::gauge!("scrimp_precompute_spent", "currency" => currency)
            .set(stats.spent.as_f64());
    }
}
