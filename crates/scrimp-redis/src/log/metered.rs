//! Metrics of a log.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::RedisLog;

scrimp_core::metered! {
    counter RECEIVED = "scrimp_redis_log_received_total",
        "Records of all processes that came by message.";
    counter APPENDS = "scrimp_redis_log_appends_total", "Calls that append a record.";
    counter APPEND_FAILURES = "scrimp_redis_log_append_failures_total",
        "Calls that append a record and failed. They are repeated.";
    counter ANNOUNCED = "scrimp_redis_log_announced_total",
        "Messages about invalidations that Redis would not take into the log.";
    counter READS = "scrimp_redis_log_reads_total", "Calls that read the log.";
    counter BEHIND = "scrimp_redis_log_behind_total",
        "Times at which this process may have missed a record.";
    counter REPLACED = "scrimp_redis_log_replaced_total",
        "Times at which this process replaced a log that had lost records.";
    gauge POSITION = "scrimp_redis_log_position", "Position of the last record that was applied.";
}

impl Metered for RedisLog {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&RECEIVED, stats.received),
            (&APPENDS, stats.appends),
            (&APPEND_FAILURES, stats.append_failures),
            (&ANNOUNCED, stats.announced),
            (&READS, stats.reads),
            (&BEHIND, stats.behind),
            (&REPLACED, stats.replaced),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&POSITION, &[], stats.position as f64);
    }
}
