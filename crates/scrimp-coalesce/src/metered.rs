//! Metrics of a layer.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::CoalesceLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_coalesce_requests_total", "Requests that may share a call.";
    counter ANSWERS["by"] = "scrimp_coalesce_answers_total",
        "Requests by how they were answered: led and joined calls, reused responses, and others.";
    counter BYPASSED = "scrimp_coalesce_bypassed_total", "Requests passed on unchanged.";
    counter CALLS = "scrimp_coalesce_calls_total",
        "Calls of the upstream, whatever became of them.";
    counter FAILED_CALLS = "scrimp_coalesce_failed_calls_total",
        "Calls that failed.";
    counter ERRORS_SHARED = "scrimp_coalesce_errors_shared_total",
        "Waiters that got a call's error.";
    counter TIMED_OUT = "scrimp_coalesce_timed_out_total",
        "Requests whose wait reached its limit or their caller's deadline.";
    counter CUT_OFF = "scrimp_coalesce_cut_off_total", "Readers that fell too far behind.";
    counter FINISHED = "scrimp_coalesce_finished_total",
        "Calls finished in the background after all callers had left.";
    gauge IN_FLIGHT = "scrimp_coalesce_in_flight", "Keys in flight.";
    gauge REMEMBERED = "scrimp_coalesce_remembered",
        "Keys remembered because their responses are not shareable.";
    gauge WINDOW_ENTRIES = "scrimp_coalesce_window_entries", "Responses in the window.";
    gauge WINDOW_BYTES = "scrimp_coalesce_window_bytes", "Bytes of the responses in the window.";
    gauge HELD_BYTES = "scrimp_coalesce_held_bytes", "Bytes held of bodies in flight.";
    counter NOT_SHARED["reason"] = "scrimp_coalesce_not_shared_total",
        "Requests and responses that were not shared, by reason.";
}

impl Metered for CoalesceLayer {
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
            (&ERRORS_SHARED, stats.errors_shared),
            (&TIMED_OUT, stats.timed_out),
            (&CUT_OFF, stats.cut_off),
            (&FINISHED, stats.finished),
        ] {
            readings.count(metric, &[], count);
        }
        for (label, count) in [
            ("led", stats.led),
            ("joined", stats.joined),
            ("reused", stats.reused),
            ("barred", stats.barred),
            ("released", stats.released),
            ("retried", stats.retried),
            ("overflowed", stats.overflowed),
            ("refused", stats.refused),
        ] {
            readings.count(&ANSWERS, &[label], count);
        }
        for (reason, count) in stats.not_shared.iter() {
            readings.count(&NOT_SHARED, &[reason], count);
        }
        readings.gauge(&IN_FLIGHT, &[], stats.in_flight as f64);
        readings.gauge(&REMEMBERED, &[], stats.remembered as f64);
        readings.gauge(&WINDOW_ENTRIES, &[], stats.window_entries as f64);
        readings.gauge(&WINDOW_BYTES, &[], stats.window_bytes as f64);
        readings.gauge(&HELD_BYTES, &[], stats.held_bytes as f64);
    }
}
