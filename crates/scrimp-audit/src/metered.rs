//! Metrics of a log.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::AuditLog;

scrimp_core::metered! {
    counter RECORDED = "scrimp_audit_recorded_total", "Events that were taken.";
    counter DROPPED = "scrimp_audit_dropped_total",
        "Events that found no room, or came after the end.";
    counter WRITE_FAILURES = "scrimp_audit_write_failures_total",
        "Attempts to write that failed.";
    counter LOST = "scrimp_audit_lost_total",
        "Records that could not be written when the log was closed.";
    gauge WAITING = "scrimp_audit_waiting", "Events that wait for the disk.";
}

impl Metered for AuditLog {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&RECORDED, stats.recorded),
            (&DROPPED, stats.dropped),
            (&WRITE_FAILURES, stats.write_failures),
            (&LOST, stats.lost),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&WAITING, &[], stats.waiting as f64);
    }
}
