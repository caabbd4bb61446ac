//! Metrics of a layer.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::CdnLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_cdn_requests_total",
        "Requests, each of which is a call of the inner service.";
    counter FAILED_CALLS = "scrimp_cdn_failed_calls_total",
        "Calls that failed.";
    counter MARKED = "scrimp_cdn_marked_total", "Responses that got a lifetime or tags.";
    counter NOT_MARKED["reason"] = "scrimp_cdn_not_marked_total",
        "Responses without fields for a CDN, by reason.";
}

impl Metered for CdnLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&FAILED_CALLS, stats.failed),
            (&MARKED, stats.marked),
        ] {
            readings.count(metric, &[], count);
        }
        for (reason, count) in stats.not_marked.iter() {
            readings.count(&NOT_MARKED, &[reason], count);
        }
    }
}
