//! Metrics of a layer.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::PrefetchLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_prefetch_requests_total", "Requests that the layer learns from.";
    counter BYPASSED = "scrimp_prefetch_bypassed_total",
        "Requests passed on unchanged and not learned from.";
    counter DROPPED = "scrimp_prefetch_dropped_total",
        "Requests that were not learned from, because the queue was full.";
    counter PREDICTIONS = "scrimp_prefetch_predictions_total", "Predictions that were considered.";
    counter HINTS = "scrimp_prefetch_hints_total", "Pages that browsers were told to fetch.";
    counter BY_BROWSERS = "scrimp_prefetch_by_browsers_total",
        "Requests that browsers made ahead of time.";
    counter CALLS = "scrimp_prefetch_calls_total", "Prefetches that went to the inner service.";
    counter OUTCOMES["outcome"] = "scrimp_prefetch_outcomes_total",
        "Prefetches by what became of them.";
    counter REFUSALS["reason"] = "scrimp_prefetch_refusals_total",
        "Predictions that were not fetched, by reason.";
    counter SHUT_OFFS = "scrimp_prefetch_shut_offs_total",
        "Times that fetching stopped for a while because it did not pay.";
    counter PREDICTOR_FAILURES = "scrimp_prefetch_predictor_failures_total",
        "Panics of predictors.";
    gauge IN_FLIGHT = "scrimp_prefetch_in_flight", "Prefetches in flight.";
    gauge SESSIONS = "scrimp_prefetch_sessions", "Sessions that are known.";
    gauge TARGETS = "scrimp_prefetch_targets", "Targets that are known.";
    counter SPARED["currency"] = "scrimp_prefetch_spared_micros_total",
        "Value of the waiting that useful prefetches spared, in millionths of the currency's unit.";
    counter SPENT["currency"] = "scrimp_prefetch_spent_micros_total",
        "Price of the prefetches that are late, wasted, not stored or failed, in millionths of the currency's unit.";
}

impl Metered for PrefetchLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&BYPASSED, stats.bypassed),
            (&DROPPED, stats.dropped),
            (&PREDICTIONS, stats.predictions),
            (&HINTS, stats.hints),
            (&BY_BROWSERS, stats.browser_prefetches),
            (&CALLS, stats.calls),
            (&SHUT_OFFS, stats.shut_offs),
            (&PREDICTOR_FAILURES, stats.predictor_failures),
        ] {
            readings.count(metric, &[], count);
        }
        for (label, count) in [
            ("useful", stats.useful),
            ("late", stats.late),
            ("wasted", stats.wasted),
            ("already-fresh", stats.already_fresh),
            ("not-stored", stats.not_stored),
            ("failed", stats.failed),
        ] {
            readings.count(&OUTCOMES, &[label], count);
        }
        for (label, count) in [
            ("unpaid", stats.unpaid),
            ("over-budget", stats.over_budget),
            ("full", stats.prefetches_full),
            ("not-eligible", stats.not_eligible),
        ] {
            readings.count(&REFUSALS, &[label], count);
        }
        readings.money(&SPARED, &[], stats.spared);
        readings.money(&SPENT, &[], stats.spent);
        readings.gauge(&IN_FLIGHT, &[], stats.in_flight as f64);
        readings.gauge(&SESSIONS, &[], stats.sessions as f64);
        readings.gauge(&TARGETS, &[], stats.entries as f64);
    }
}
