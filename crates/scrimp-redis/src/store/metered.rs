//! Metrics of a store.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::RedisStore;

scrimp_core::metered! {
    counter LOOK_UPS["result"] = "scrimp_redis_store_look_ups_total",
        "Look-ups by whether responses were found.";
    counter DAMAGED = "scrimp_redis_store_damaged_total",
        "Values that were cut off, changed, or not a stored response.";
    counter OUTDATED = "scrimp_redis_store_outdated_total",
        "Responses that were not used because they were invalidated since they were stored.";
    counter SUPERSEDED = "scrimp_redis_store_superseded_total",
        "Responses that were not stored because a newer one was.";
}

impl Metered for RedisStore {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.counts();
        for (label, count) in [("found", stats.found), ("missing", stats.missing)] {
            readings.count(&LOOK_UPS, &[label], count);
        }
        for (metric, count) in [
            (&DAMAGED, stats.damaged),
            (&OUTDATED, stats.outdated),
            (&SUPERSEDED, stats.superseded),
        ] {
            readings.count(metric, &[], count);
        }
    }
}
