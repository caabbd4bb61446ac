//! Metrics of a layer.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::ShadowLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_shadow_requests_total", "Live requests.";
    counter SKIPPED = "scrimp_shadow_skipped_total",
        "Live requests that the tried layer was not shown.";
    counter CUT = "scrimp_shadow_cut_total",
        "Responses whose bodies the tried layer was not shown to their end.";
    counter CALLS = "scrimp_shadow_calls_total", "Calls that the tried layer made.";
    counter UNANSWERED = "scrimp_shadow_unanswered_calls_total",
        "Calls to which no live response fits.";
    counter PANICS = "scrimp_shadow_panics_total", "Requests at which the tried layer panicked.";
}

impl Metered for ShadowLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&SKIPPED, stats.skipped),
            (&CUT, stats.cut),
            (&CALLS, stats.calls),
            (&UNANSWERED, stats.unanswered),
            (&PANICS, stats.panicked),
        ] {
            readings.count(metric, &[], count);
        }
    }
}
