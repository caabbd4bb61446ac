//! Counters of a layer.

use scrimp_core::{Counter, FailedCalls, Timing};

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) deferred: Counter,
    pub(crate) joined: Counter,
    pub(crate) from_jobs: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed: FailedCalls,
    pub(crate) due: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) degraded: Counter,
    pub(crate) jobs: Counter,
    pub(crate) jobs_ended: Counter,
    pub(crate) reconciled: Counter,
    pub(crate) retried: Counter,
    pub(crate) late: Counter,
    pub(crate) unattributed: Counter,
    pub(crate) queue_failures: Counter,
    /// Times from the creation of a job until it was seen to have ended.
    pub(crate) job_time: Timing,
}

/// Counters of a layer since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BatchJobsStats {
    /// Requests that have time: with a deadline or of low priority.
    pub requests: u64,
    /// Requests that went to the inner service at once.
    pub bypassed: u64,
    /// Requests that were put into the queue, those of submissions included.
    pub deferred: u64,
    /// Requests that took over an equal one, whose caller had left or whose process had ended.
    pub joined: u64,
    /// Requests answered by a batch job.
    pub from_jobs: u64,
    /// Calls of the inner service, and calls of their own for requests of submissions.
    pub calls: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Requests that got a call of their own after all: their deadline was near, or their job had failed.
    pub due: u64,
    /// Requests whose deadline passed without an answer.
    pub timed_out: u64,
    /// Requests that went to the inner service because the queue failed or was full.
    pub degraded: u64,
    /// Jobs that were created at the provider.
    pub jobs: u64,
    /// Jobs that have ended, whatever became of their requests.
    pub jobs_ended: u64,
    /// Jobs that were found in the provider's list, as the answer to their creation was lost.
    pub reconciled: u64,
    /// Calls of the batch API that were made again.
    pub retried: u64,
    /// Results of jobs that came after the request had got a call of its own, and were paid in vain.
    pub late: u64,
    /// Results that belong to no request, or came twice.
    pub unattributed: u64,
    /// Operations of the queue that failed.
    pub queue_failures: u64,
    /// Callers that wait at present.
    pub waiting: u64,
}

// === impl Counters ===

impl Counters {
    /// Reads the counters. `waiting` are the callers that wait.
    pub(crate) fn read(&self, waiting: usize) -> BatchJobsStats {
        BatchJobsStats {
            requests: self.requests.get(),
            bypassed: self.bypassed.get(),
            deferred: self.deferred.get(),
            joined: self.joined.get(),
            from_jobs: self.from_jobs.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            due: self.due.get(),
            timed_out: self.timed_out.get(),
            degraded: self.degraded.get(),
            jobs: self.jobs.get(),
            jobs_ended: self.jobs_ended.get(),
            reconciled: self.reconciled.get(),
            retried: self.retried.get(),
            late: self.late.get(),
            unattributed: self.unattributed.get(),
            queue_failures: self.queue_failures.get(),
            waiting: waiting as u64,
        }
    }
}
