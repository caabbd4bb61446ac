//! Metrics of a purger.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::CdnPurger;

scrimp_core::metered! {
    counter PURGES = "scrimp_cdn_purges_total", "Purges that were handed over.";
    counter PURGE_DUPLICATES = "scrimp_cdn_purge_duplicates_total",
        "Items that another one covered, while both waited.";
    counter PURGES_WIDENED = "scrimp_cdn_purges_widened_total",
        "Purges and items that became wider.";
    counter PURGES_SKIPPED = "scrimp_cdn_purges_skipped_total",
        "Purges that the CDN cannot do, and that were left out.";
    counter PURGES_LOST = "scrimp_cdn_purges_lost_total",
        "Items that were refused or had no room, where the CDN has no wider purge.";
    counter PURGE_CALLS = "scrimp_cdn_purge_calls_total",
        "Requests to the CDN, whatever became of them.";
    counter FAILED_PURGE_CALLS = "scrimp_cdn_failed_purge_calls_total",
        "Requests to the CDN that failed or were refused.";
    counter TIMED_OUT_PURGE_CALLS = "scrimp_cdn_timed_out_purge_calls_total",
        "Requests to the CDN whose wait reached its limit.";
    counter PURGES_DELIVERED = "scrimp_cdn_purges_delivered_total", "Items that the CDN accepted.";
    gauge PURGES_WAITING = "scrimp_cdn_purges_waiting", "Items that wait.";
    gauge PURGE_CALLS_IN_FLIGHT = "scrimp_cdn_purge_calls_in_flight",
        "Requests to the CDN that are under way.";
}

impl Metered for CdnPurger {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&PURGES, stats.purges),
            (&PURGE_DUPLICATES, stats.duplicates),
            (&PURGES_WIDENED, stats.widened),
            (&PURGES_SKIPPED, stats.skipped),
            (&PURGES_LOST, stats.lost),
            (&PURGE_CALLS, stats.calls),
            (&FAILED_PURGE_CALLS, stats.failed),
            (&TIMED_OUT_PURGE_CALLS, stats.timed_out),
            (&PURGES_DELIVERED, stats.delivered),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&PURGES_WAITING, &[], stats.entries as f64);
        readings.gauge(&PURGE_CALLS_IN_FLIGHT, &[], stats.in_flight as f64);
    }
}
