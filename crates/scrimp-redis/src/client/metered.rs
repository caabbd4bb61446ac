//! Metrics of a client.

use scrimp_core::metrics::{Metered, Metric, Readings};

use super::RedisClient;

scrimp_core::metered! {
    counter CALLS = "scrimp_redis_calls_total", "Commands sent.";
    counter FAILED_CALLS = "scrimp_redis_failed_calls_total", "Commands that ended with an error.";
    counter TIMED_OUT = "scrimp_redis_timed_out_total", "Commands without a result in time.";
    counter NOT_SENT = "scrimp_redis_not_sent_total",
        "Commands that were not sent, because their endpoint does not answer.";
    counter DEGRADED = "scrimp_redis_degraded_total", "Times that an endpoint stopped serving.";
    counter CONNECTIONS = "scrimp_redis_connections_total", "Connections opened.";
    gauge ENDPOINTS = "scrimp_redis_endpoints", "Endpoints known.";
    gauge UNAVAILABLE_ENDPOINTS = "scrimp_redis_unavailable_endpoints",
        "Endpoints that do not serve.";
}

impl Metered for RedisClient {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&TIMED_OUT, stats.timed_out),
            (&NOT_SENT, stats.not_sent),
            (&DEGRADED, stats.degraded),
            (&CONNECTIONS, stats.connections),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&ENDPOINTS, &[], stats.endpoints as f64);
        readings.gauge(&UNAVAILABLE_ENDPOINTS, &[], stats.unavailable as f64);
    }
}
