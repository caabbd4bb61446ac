//! Metrics of an allowance.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::RedisAllowance;

scrimp_core::metered! {
    counter TAKEN = "scrimp_redis_allowance_taken_total", "Amounts that were taken.";
    counter REFUSED = "scrimp_redis_allowance_refused_total", "Amounts that were refused.";
    counter WAITED = "scrimp_redis_allowance_waited_total",
        "Attempts that had to wait for Redis, or for other processes.";
    counter UNBACKED = "scrimp_redis_allowance_unbacked_total",
        "Amounts that were taken without a lease, as Redis did not answer.";
    counter CALLS = "scrimp_redis_allowance_calls_total",
        "Messages to Redis, whatever became of them.";
    counter FAILED_CALLS = "scrimp_redis_allowance_failed_calls_total",
        "Messages to Redis that were not answered.";
    counter RECALLED = "scrimp_redis_allowance_recalled_total",
        "Requests of other processes to return what is free.";
    gauge ACCOUNTS = "scrimp_redis_allowance_accounts", "Accounts that are known.";
}

impl Metered for RedisAllowance {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&TAKEN, stats.taken),
            (&REFUSED, stats.refused),
            (&WAITED, stats.waited),
            (&UNBACKED, stats.unbacked),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&RECALLED, stats.recalled),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&ACCOUNTS, &[], stats.entries as f64);
    }
}
