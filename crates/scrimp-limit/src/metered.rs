//! Metrics of a layer.

use scrimp_core::metrics::{Attachment, Metered, Metric, Readings};

use crate::LimitLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_limit_requests_total", "Requests.";
    counter CALLS = "scrimp_limit_calls_total",
        "Calls of the inner service, whatever became of them.";
    counter FAILED_CALLS = "scrimp_limit_failed_calls_total",
        "Calls that failed.";
    counter WAITED = "scrimp_limit_waited_total", "Requests that waited for their turn.";
    counter REFUSED = "scrimp_limit_refused_total",
        "Requests that were refused, at once or after a wait.";
    gauge WAITING = "scrimp_limit_waiting", "Requests that wait.";
    gauge KEYS = "scrimp_limit_keys", "Keys that are known.";
    histogram WAIT = "scrimp_limit_wait_seconds",
        "Time that a request waits for its turn. One that need not wait is not counted.";
}

impl Metered for LimitLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&WAITED, stats.waited),
            (&REFUSED, stats.refused),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&WAITING, &[], stats.waiting as f64);
        readings.gauge(&KEYS, &[], stats.entries as f64);
    }

    fn attach(&self, attachment: Attachment) {
        self.limiter
            .counters
            .wait
            .attach(attachment.histogram(&WAIT, &[]));
    }
}
