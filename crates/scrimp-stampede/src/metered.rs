//! Metrics of a layer.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::StampedeLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_stampede_requests_total", "Requests that the layer takes part in.";
    counter BYPASSED = "scrimp_stampede_bypassed_total", "Requests passed on unchanged.";
    counter CALLS = "scrimp_stampede_calls_total", "Calls of the cache, whatever became of them.";
    counter FAILED_CALLS = "scrimp_stampede_failed_calls_total",
        "Calls that failed.";
    counter REFRESHES = "scrimp_stampede_refreshes_total", "Refreshes started in the background.";
    counter NOT_REFRESHED["reason"] = "scrimp_stampede_not_refreshed_total",
        "Refreshes that were due and not started, by reason.";
    counter REFRESH_FAILURES = "scrimp_stampede_refresh_failures_total", "Refreshes that failed.";
    counter GIVEN_UP = "scrimp_stampede_given_up_total",
        "Times that a key was left alone for a while after failures.";
    counter FILLS = "scrimp_stampede_fills_total", "Requests that went ahead to fill a key.";
    counter WAITED = "scrimp_stampede_waited_total",
        "Requests that waited for the fill of another request.";
    counter TIMED_OUT = "scrimp_stampede_timed_out_total",
        "Requests whose wait reached its limit or their caller's deadline.";
    counter REFUSED = "scrimp_stampede_refused_total",
        "Requests answered with a problem document.";
    counter STALE = "scrimp_stampede_stale_total", "Requests answered with an expired response.";
    counter LOCK_BUSY = "scrimp_stampede_lock_busy_total",
        "Times that another process held the shared lock.";
    counter LOCK_FAILURES = "scrimp_stampede_lock_failures_total",
        "Times that the lock service failed or took too long.";
}

impl Metered for StampedeLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&BYPASSED, stats.bypassed),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&REFRESHES, stats.refreshes),
            (&REFRESH_FAILURES, stats.refresh_failures),
            (&GIVEN_UP, stats.given_up),
            (&FILLS, stats.fills),
            (&WAITED, stats.waited),
            (&TIMED_OUT, stats.timed_out),
            (&REFUSED, stats.refused),
            (&STALE, stats.stale),
            (&LOCK_BUSY, stats.lock_busy),
            (&LOCK_FAILURES, stats.lock_failures),
        ] {
            readings.count(metric, &[], count);
        }
        for (label, count) in [
            ("full", stats.refreshes_full),
            ("unpaid", stats.refreshes_unpaid),
        ] {
            readings.count(&NOT_REFRESHED, &[label], count);
        }
    }
}
