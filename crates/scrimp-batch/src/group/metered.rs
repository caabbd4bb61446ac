//! Metrics of a layer of groups.

use scrimp_core::metrics::{Attachment, Metered, Metric, Readings};

use crate::GroupLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_group_requests_total", "Requests, counted when they get in line.";
    counter CALLS = "scrimp_group_calls_total",
        "Calls of the inner service, whatever became of them.";
    counter FAILED_CALLS = "scrimp_group_failed_calls_total",
        "Calls that ended with an error, a time-out or the wrong number of answers.";
    counter ITEMS = "scrimp_group_items_total", "Requests in these calls.";
    counter DUPLICATES = "scrimp_group_duplicates_total",
        "Requests that were not sent, because their batch had an equal one.";
    gauge LANES = "scrimp_group_lanes", "Lanes.";
    histogram QUEUE = "scrimp_group_queue_seconds", "Time that a request waits for its batch.";
    histogram SIZE = "scrimp_group_size", "Requests in a call, duplicates not counted.";
}

impl<Req> Metered for GroupLayer<Req> {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&ITEMS, stats.items),
            (&DUPLICATES, stats.duplicates),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&LANES, &[], stats.lanes as f64);
    }

    fn attach(&self, attachment: Attachment) {
        let stats = &self.shared.stats;
        stats.queue.attach(attachment.histogram(&QUEUE, &[]));
        stats.size.attach(attachment.histogram(&SIZE, &[]));
    }
}
