//! Metrics of a cache.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::{CacheLayer, Store};

scrimp_core::metered! {
    counter REQUESTS = "scrimp_cache_requests_total",
        "Requests that a stored response could answer.";
    counter ANSWERS["source"] = "scrimp_cache_answers_total",
        "Requests by the source of their response.";
    counter BYPASSED = "scrimp_cache_bypassed_total", "Requests that bypassed the cache.";
    counter CALLS = "scrimp_cache_calls_total", "Calls of the upstream, whatever became of them.";
    counter FAILED_CALLS = "scrimp_cache_failed_calls_total",
        "Calls that failed.";
    counter TIMED_OUT = "scrimp_cache_timed_out_total", "Requests whose caller's deadline passed.";
    counter REFRESHES = "scrimp_cache_refreshes_total", "Background refreshes started.";
    counter PREFETCHES = "scrimp_cache_prefetches_total",
        "Requests made ahead of time whose response was in store.";
    counter STORED = "scrimp_cache_stored_total", "Responses put into the store.";
    counter STORE_FAILURES = "scrimp_cache_store_failures_total", "Look-ups and puts that failed.";
    counter DEGRADED = "scrimp_cache_degraded_total",
        "Requests that went to the upstream while the store did not answer.";
    counter COMPARED = "scrimp_cache_compared_total", "Hits that were compared with the upstream.";
    counter STALE_READS = "scrimp_cache_stale_reads_total",
        "Compared hits whose body the upstream did not have any more.";
    counter NOT_STORED["reason"] = "scrimp_cache_not_stored_total",
        "Responses that were not stored, by reason.";
    gauge ENTRIES = "scrimp_cache_entries", "Keys with at least one response in the store.";
    gauge STORED_BYTES = "scrimp_cache_stored_bytes", "Bytes held by stored responses.";
    gauge FILL_BYTES = "scrimp_cache_fill_bytes", "Bytes held by responses still being received.";
    counter EVICTED = "scrimp_cache_evicted_total", "Keys removed to make room.";
    counter LOOK_UPS["result"] = "scrimp_cache_store_look_ups_total",
        "Look-ups in the store by whether responses were found.";
}

impl<St: Store> Metered for CacheLayer<St> {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&BYPASSED, stats.bypassed),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&TIMED_OUT, stats.timed_out),
            (&REFRESHES, stats.refreshes),
            (&PREFETCHES, stats.prefetches),
            (&STORED, stats.stored),
            (&STORE_FAILURES, stats.store_failures),
            (&DEGRADED, stats.degraded),
            (&COMPARED, stats.compared),
            (&STALE_READS, stats.stale_reads),
        ] {
            readings.count(metric, &[], count);
        }
        for (label, count) in [
            ("hit", stats.hits),
            ("stale", stats.stale),
            ("revalidated", stats.revalidated),
            ("joined", stats.joined),
            ("miss", stats.misses),
            ("refused", stats.refused),
        ] {
            readings.count(&ANSWERS, &[label], count);
        }
        for (reason, count) in stats.not_stored.iter() {
            readings.count(&NOT_STORED, &[reason], count);
        }
        for (reason, count) in [
            ("superseded", stats.superseded),
            ("store-full", stats.store_full),
        ] {
            readings.count(&NOT_STORED, &[reason], count);
        }
        readings.count(&EVICTED, &[], stats.store.evicted);
        for (label, count) in [
            ("found", stats.store.found),
            ("missing", stats.store.missing),
        ] {
            readings.count(&LOOK_UPS, &[label], count);
        }
        readings.gauge(&ENTRIES, &[], stats.store.entries as f64);
        readings.gauge(&STORED_BYTES, &[], stats.store.bytes as f64);
        readings.gauge(&FILL_BYTES, &[], stats.store.fill_bytes as f64);
    }
}
