//! Metrics of warming.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::Spared;

scrimp_core::metered! {
    counter WARMED = "scrimp_warm_responses_total", "Responses that were warmed.";
    counter USED = "scrimp_warm_used_total", "Warmed responses that callers have got from the cache.";
    counter HITS = "scrimp_warm_hits_total", "Hits of callers on warmed responses.";
    counter FORGOTTEN = "scrimp_warm_forgotten_total",
        "Responses that were forgotten before they were used.";
    gauge WAITING = "scrimp_warm_spared_seconds",
        "Time that the callers of the first hits did not wait, in all.";
    counter SPENT["currency"] = "scrimp_warm_spent_micros_total",
        "Cost of the calls that warmed responses, in millionths of the currency's unit.";
    counter USED_COST["currency"] = "scrimp_warm_used_micros_total",
        "Cost of those calls that were of use, in millionths of the currency's unit.";
}

impl Metered for Spared {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let report = self.report();
        for (metric, count) in [
            (&WARMED, report.warmed),
            (&USED, report.used),
            (&HITS, report.hits),
            (&FORGOTTEN, report.forgotten),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&WAITING, &[], report.waiting.as_secs_f64());
        for (metric, totals) in [(&SPENT, &report.cost), (&USED_COST, &report.used_cost)] {
            for money in totals.iter() {
                readings.money(metric, &[], money);
            }
        }
    }
}
