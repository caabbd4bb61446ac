//! Metrics of a layer.

use scrimp_core::metrics::{Attachment, Metered, Metric, Readings};

use crate::BatchJobsLayer;

scrimp_core::metered! {
    counter REQUESTS = "scrimp_jobs_requests_total", "Requests that have time: with a deadline or of low priority.";
    counter BYPASSED = "scrimp_jobs_bypassed_total", "Requests that went to the inner service at once.";
    counter DEFERRED = "scrimp_jobs_deferred_total", "Requests that were put into the queue.";
    counter JOINED = "scrimp_jobs_joined_total",
        "Requests that took over an equal one, whose caller had left or whose process had ended.";
    counter FROM_JOBS = "scrimp_jobs_answered_total", "Requests answered by a batch job.";
    counter CALLS = "scrimp_jobs_calls_total", "Calls of the inner service, whatever became of them.";
    counter FAILED_CALLS = "scrimp_jobs_failed_calls_total", "Calls that failed.";
    counter DUE = "scrimp_jobs_due_total",
        "Requests that got a call of their own after all: their deadline was near, or their job had failed.";
    counter TIMED_OUT = "scrimp_jobs_timed_out_total", "Requests whose deadline passed without an answer.";
    counter DEGRADED = "scrimp_jobs_degraded_total",
        "Requests that went to the inner service because the queue failed or was full.";
    counter JOBS = "scrimp_jobs_created_total", "Jobs that were created at the provider.";
    counter JOBS_ENDED = "scrimp_jobs_ended_total", "Jobs that have ended, whatever became of their requests.";
    counter RECONCILED = "scrimp_jobs_reconciled_total",
        "Jobs that were found in the provider's list, as the answer to their creation was lost.";
    counter RETRIED = "scrimp_jobs_retried_total", "Calls of the batch API that were made again.";
    counter LATE = "scrimp_jobs_late_total",
        "Results that came after the request had got a call of its own, and were paid in vain.";
    counter UNATTRIBUTED = "scrimp_jobs_unattributed_total", "Results that belong to no request, or came twice.";
    counter QUEUE_FAILURES = "scrimp_jobs_queue_failures_total", "Operations of the queue that failed.";
    gauge WAITING = "scrimp_jobs_waiting", "Callers that wait.";
    histogram JOB_TIME = "scrimp_jobs_job_seconds", "Time from the creation of a job until its end was seen.";
}

impl Metered for BatchJobsLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&BYPASSED, stats.bypassed),
            (&DEFERRED, stats.deferred),
            (&JOINED, stats.joined),
            (&FROM_JOBS, stats.from_jobs),
            (&CALLS, stats.calls),
            (&FAILED_CALLS, stats.failed),
            (&DUE, stats.due),
            (&TIMED_OUT, stats.timed_out),
            (&DEGRADED, stats.degraded),
            (&JOBS, stats.jobs),
            (&JOBS_ENDED, stats.jobs_ended),
            (&RECONCILED, stats.reconciled),
            (&RETRIED, stats.retried),
            (&LATE, stats.late),
            (&UNATTRIBUTED, stats.unattributed),
            (&QUEUE_FAILURES, stats.queue_failures),
        ] {
            readings.count(metric, &[], count);
        }
        readings.gauge(&WAITING, &[], stats.waiting as f64);
    }

    fn attach(&self, attachment: Attachment) {
        let histogram = attachment.histogram(&JOB_TIME, &[]);
        self.core().counters.job_time.attach(histogram);
    }
}
