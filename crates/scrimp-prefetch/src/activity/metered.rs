//! Metrics of pre-computation.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::Precompute;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_precompute_requests_total", "Visits that were learned.";
    counter DROPPED = "scrimp_precompute_dropped_total",
        "Visits that were not learned, because the queue was full.";
    counter PREDICTIONS = "scrimp_precompute_predictions_total",
        "Users who were expected, hour by hour.";
    counter OVER_BUDGET = "scrimp_precompute_over_budget_total",
        "Users for whom nothing was made because of the budget.";
    counter CALLS = "scrimp_precompute_calls_total", "Calls of the inner service.";
    counter OUTCOMES["outcome"] = "scrimp_precompute_outcomes_total",
        "Calls by what became of them.";
    gauge USERS = "scrimp_precompute_users", "Users that are known.";
    gauge IN_FLIGHT = "scrimp_precompute_in_flight", "Calls in flight.";
    counter SPENT["currency"] = "scrimp_precompute_spent_micros_total",
        "Price of the calls that are late, wasted, not stored or failed, in millionths of the currency's unit.";
}

impl Metered for Precompute {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&DROPPED, stats.dropped),
            (&PREDICTIONS, stats.predictions),
            (&OVER_BUDGET, stats.over_budget),
            (&CALLS, stats.calls),
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
        readings.money(&SPENT, &[], stats.spent);
        readings.gauge(&USERS, &[], stats.users as f64);
        readings.gauge(&IN_FLIGHT, &[], stats.in_flight as f64);
    }
}
