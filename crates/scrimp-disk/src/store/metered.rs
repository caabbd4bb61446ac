//! Metrics of a store.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::DiskStore;

scrimp_core::metered! {
    counter LOOK_UPS["result"] = "scrimp_disk_look_ups_total",
        "Look-ups by whether responses were found.";
    counter DAMAGED = "scrimp_disk_damaged_total",
        "Files that were cut off, changed, or not a stored response.";
    counter OUTDATED = "scrimp_disk_outdated_total",
        "Look-ups of responses that were invalidated since they were stored.";
    counter LEFT_OUT = "scrimp_disk_left_out_total",
        "Look-ups and writes that were left out because too many others waited for the disk.";
    counter FULL = "scrimp_disk_full_total", "Writes that found the disk full.";
}

impl Metered for DiskStore {
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
            (&LEFT_OUT, stats.left_out),
            (&FULL, stats.disk_full),
        ] {
            readings.count(metric, &[], count);
        }
    }
}
