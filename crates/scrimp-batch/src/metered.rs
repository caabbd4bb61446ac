//! Metrics of a layer.

use scrimp_core::metrics::{Attachment, Metered, Metric, Readings};

use crate::{BatchCodec, BatchLayer};

scrimp_core::metered! {
    counter REQUESTS = "scrimp_batch_requests_total", "Requests that may be batched.";
    counter BYPASSED = "scrimp_batch_bypassed_total", "Requests passed on unchanged.";
    counter CALLS["kind"] = "scrimp_batch_calls_total",
        "Calls of the upstream: batches, and requests on their own.";
    counter FAILED_CALLS = "scrimp_batch_failed_calls_total",
        "Calls that failed.";
    counter ITEMS = "scrimp_batch_items_total",
        "Requests sent in batches, each counted once per batch.";
    counter OUTCOMES["outcome"] = "scrimp_batch_item_outcomes_total",
        "Items by what became of them, other than an answer of their own.";
    counter SPLIT = "scrimp_batch_split_total",
        "Batches that were refused and sent again in halves.";
    gauge LANES = "scrimp_batch_lanes", "Lanes.";
    histogram QUEUE = "scrimp_batch_queue_seconds", "Time that an item waits for its batch.";
    histogram SIZE = "scrimp_batch_size", "Requests in a call, duplicates not counted.";
}

impl<C: BatchCodec> Metered for BatchLayer<C> {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&BYPASSED, stats.bypassed),
            (&FAILED_CALLS, stats.failed),
            (&ITEMS, stats.items),
            (&SPLIT, stats.split),
        ] {
            readings.count(metric, &[], count);
        }
        for (label, count) in [("batch", stats.batches), ("alone", stats.alone)] {
            readings.count(&CALLS, &[label], count);
        }
        for (label, count) in [
            ("duplicates", stats.duplicates),
            ("missing", stats.missing),
            ("retried", stats.retried),
            ("fell-back", stats.fell_back),
            ("ambiguous", stats.ambiguous),
            ("left-out", stats.left_out),
        ] {
            readings.count(&OUTCOMES, &[label], count);
        }
        readings.gauge(&LANES, &[], stats.lanes as f64);
    }

    fn attach(&self, attachment: Attachment) {
        let stats = &self.common.stats;
        stats.queue.attach(attachment.histogram(&QUEUE, &[]));
        stats.size.attach(attachment.histogram(&SIZE, &[]));
    }
}
