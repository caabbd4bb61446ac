//! Metrics of shared rate limits.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::RedisRate;

scrimp_core::metered! {
    counter TAKEN = "scrimp_redis_rate_taken_total", "Weights that were taken.";
    counter REFUSED = "scrimp_redis_rate_refused_total",
        "Weights that would not have been there in time.";
    counter UNSHARED = "scrimp_redis_rate_unshared_total",
        "Weights that this process had to decide about on its own.";
    counter CALLS = "scrimp_redis_rate_calls_total", "Messages to Redis, whatever became of them.";
    counter FAILED_CALLS = "scrimp_redis_rate_failed_calls_total",
        "Messages to Redis that were not answered.";
    gauge LIMITS = "scrimp_redis_rate_limits", "Limits that are known.";
}

impl Metered for RedisRate {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&TAKEN, stats.taken),
            (&REFUSED, stats.refused),
            (&UNSHARED, stats.unshared),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&LIMITS, &[], stats.entries as f64);
    }
}
