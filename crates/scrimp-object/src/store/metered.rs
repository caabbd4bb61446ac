//! Metrics of a store.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::BucketStore;

scrimp_core::metered! {
    counter LOOK_UPS["result"] = "scrimp_object_look_ups_total",
        "Look-ups by whether responses were found.";
    counter DAMAGED = "scrimp_object_damaged_total",
        "Objects that were cut off, changed, or not a stored response.";
    counter OUTDATED = "scrimp_object_outdated_total",
        "Responses that were not used because they were invalidated since they were stored.";
    counter SUPERSEDED = "scrimp_object_superseded_total",
        "Responses that were not stored because a newer one was.";
    counter LEFT_OUT = "scrimp_object_left_out_total",
        "Operations that were left out because the object store fails, or too many others were in progress.";
    gauge UNAVAILABLE = "scrimp_object_unavailable",
        "1 while the object store fails and is not asked, otherwise 0.";
}

impl Metered for BucketStore {
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
            (&LEFT_OUT, stats.left_out),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&UNAVAILABLE, &[], u8::from(stats.open) as f64);
    }
}
