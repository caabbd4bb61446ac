//! The end of a job, and its results.

use std::{collections::HashSet, time::Duration};

use http::StatusCode;

use super::{calls, drive::After, submit};
use crate::{
    client::Failure,
    codec::{Ended, ItemOutcome, ItemResult, JobEnd, Progress},
    queue::{Again, Recorded, RequestId, StoredAnswer, StoredJob},
    shared::Core,
    waiters::Told,
};

/// Answers, and their bytes, that are recorded in one transaction.
const AT_ONCE: usize = 500;
const BYTES_AT_ONCE: usize = 8 << 20;

/// Asks for the state of a job. If it has ended, its results are collected, and the files that it has left are named.
pub(super) async fn poll(
    core: &Core,
    job: &StoredJob,
    (name, since): (&str, u64),
    files: &mut Vec<String>,
) -> After {
    let answer = match calls::call(core, job, core.config.codec.status(name)).await {
        Ok(answer) => answer,
        Err(Failure::Refused(StatusCode::NOT_FOUND | StatusCode::GONE)) => {
            tracing::warn!(tag = %job.tag, "the provider knows the batch job no more");
            return After::Ended(Again::All);
        }
        Err(Failure::Later(wait)) => return After::Again(wait),
        Err(Failure::Refused(_) | Failure::Unknown(_)) => return After::Again(None),
    };
    let ended = match core.config.codec.progress(answer.body()) {
        Ok(Progress::Ended(ended)) => ended,
        Ok(Progress::Running) => return After::Again(None),
        Err(error) => {
            tracing::warn!(tag = %job.tag, %error, "the state of a batch job is unreadable");
            return After::Again(None);
        }
    };
    *files = core.config.codec.files(answer.body());
    let end = ended.end;
    let took = Duration::from_millis(core.now().saturating_sub(since));
    // Before a caller has its answer: its next request is decided by it.
    if end != JobEnd::Rejected {
        core.learned.lock().job_ended(took);
    }
    let not_processed = match collect(core, job, ended).await {
        Ok(not_processed) => not_processed,
        Err(wait) => return After::Again(wait),
    };
    core.counters.jobs_ended.increment();
    core.counters.job_time.record(took);
    match end {
        JobEnd::Rejected => After::RefusedRequests,
        // A request without a result may have been processed, and be paid. It is not sent in another job.
        JobEnd::Completed => After::Ended(Again::Only(not_processed)),
        JobEnd::Cut => After::Ended(Again::All),
    }
}

/// Collects all results. Whatever was recorded before a failure is skipped the next time.
/// Returns the requests that were not processed.
async fn collect(
    core: &Core,
    job: &StoredJob,
    ended: Ended,
) -> Result<Vec<RequestId>, Option<Duration>> {
    let mut results = Results::new(core, job);
    for result in ended.inline {
        results.add(Some(result)).await;
    }
    for source in &ended.sources {
        let request = core.config.codec.results(source);
        let lines = calls::lines(core, job, request).await;
        let mut lines = lines.map_err(|failure| match failure {
            Failure::Later(wait) => wait,
            Failure::Refused(_) | Failure::Unknown(_) => None,
        })?;
        while let Some(line) = lines.next().await.map_err(|error| {
            tracing::debug!(tag = %job.tag, error, "the results of a batch job broke off");
            None
        })? {
            results.add(core.config.codec.result(&line)).await;
        }
    }
    results.flush().await;
    // Not before the last line: what was read until a failure is read again.
    for Recorded { answer, payer, .. } in &results.late {
        core.config.books.paid(payer, &job.group, answer);
    }
    Ok(results.not_processed)
}

/// Results that are collected, and recorded in groups.
struct Results<'a> {
    core: &'a Core,
    job: &'a StoredJob,
    seen: HashSet<RequestId>,
    answers: Vec<(RequestId, StoredAnswer)>,
    not_processed: Vec<RequestId>,
    /// Answers that are paid beside those that were given. Only kept if they are booked.
    late: Vec<Recorded>,
    bytes: usize,
}

// === impl Results ===

impl<'a> Results<'a> {
    fn new(core: &'a Core, job: &'a StoredJob) -> Self {
        Self {
            core,
            job,
            seen: HashSet::new(),
            answers: Vec::new(),
            not_processed: Vec::new(),
            late: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a result. One that is unreadable, of another job, or comes twice, is counted and has no effect.
    async fn add(&mut self, result: Option<ItemResult>) {
        let own = result.and_then(|result| {
            let id = submit::request_id(&self.job.tag, &result.custom_id)?;
            Some((id, result.outcome))
        });
        let Some((id, outcome)) = own.filter(|(id, _)| !self.seen.contains(id)) else {
            self.core.counters.unattributed.increment();
            return;
        };
        // No more are kept in mind than the job has, and only answers: what was not processed in one file may
        // have its answer in the other.
        let ItemOutcome::Answer { status, body } = outcome else {
            if (self.not_processed.len() as u64) < self.job.items {
                self.not_processed.push(id);
            }
            return;
        };
        if self.seen.len() as u64 >= self.job.items {
            self.core.counters.unattributed.increment();
            return;
        }
        self.seen.insert(id);
        self.bytes += body.len();
        self.answers.push((id, self.answer(status, body)));
        if self.answers.len() >= AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.flush().await;
        }
    }

    fn answer(&self, status: StatusCode, body: bytes::Bytes) -> StoredAnswer {
        StoredAnswer {
            status,
            content_type: Some("application/json".to_owned()),
            body,
            at: self.core.now(),
            from_job: true,
        }
    }

    /// Records the answers, and tells the callers that wait.
    async fn flush(&mut self) {
        let answers = std::mem::take(&mut self.answers);
        self.bytes = 0;
        if answers.is_empty() {
            return;
        }
        let core = self.core;
        let count = answers.len();
        let answered = persist!(core, core.queue().answer(self.job.id, answers.clone()));
        let recorded = answered.recorded;
        core.counters.late.add((count - recorded.len()) as u64);
        core.counters.from_jobs.add(recorded.len() as u64);
        if core.config.books.price.is_some() {
            self.late.extend(answered.late);
        }
        let mut told = Vec::new();
        for Recorded { id, answer, payer } in recorded {
            let cost = core.config.books.paid(&payer, &self.job.group, &answer);
            if core.waiters.tell(id, Told::Answer(answer, cost)).is_ok() {
                told.push(id);
            }
        }
        if told.len() < count {
            core.submissions_changed();
        }
        if !told.is_empty() {
            persist!(core, core.queue().remove(told.clone()));
        }
    }
}
