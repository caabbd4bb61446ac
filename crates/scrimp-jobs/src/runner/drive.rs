//! The way of a job, from its plan to its end.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{calls, collect, reconcile, round, submit};
use crate::{
    client::Failure,
    engine::Backoff,
    queue::{Again, JobStep, StoredJob},
    shared::Core,
};

/// Halvings of a job that the provider refuses because of its requests. After them, the rest get calls of their own: at
/// most one in eight for one bad request, and at most 15 jobs for any number.
const MOST_DIVISIONS: u32 = 3;

/// Time for which an account makes no jobs after the provider has refused it.
const REFUSED: Duration = Duration::from_secs(300);

/// Longest time for the deletion of a file.
const DELETION: Duration = Duration::from_secs(30);

/// Step that comes next.
pub(super) enum After {
    /// The next step.
    Next,
    /// The same again, after a pause; the provider may have asked for one.
    Again(Option<Duration>),
    /// The provider refuses the job, because of its requests or its size.
    RefusedRequests,
    /// The provider refuses the account, or knows no such call.
    RefusedAccount,
    /// The job has ended, and these may be in another one.
    Ended(Again),
}

/// Follows a job until the queue has no more of it.
pub(super) async fn drive(core: &Arc<Core>, mut job: StoredJob) {
    let timings = &core.config.timings;
    let pauses = || Backoff::new(timings.shortest_poll, timings.longest_poll);
    let mut backoff = pauses();
    let mut search = reconcile::Search::default();
    let mut files = Vec::new();
    loop {
        let after = match job.step.clone() {
            JobStep::Planned | JobStep::Uploaded(_) => submit::submit(core, &mut job).await,
            JobStep::Creating { file, at } => {
                reconcile::reconcile(core, &mut job, file, at, &mut search).await
            }
            JobStep::Running { name, since } => {
                collect::poll(core, &job, (&name, since), &mut files).await
            }
        };
        match after {
            After::Next => backoff = pauses(),
            After::Again(asked) => {
                let pause = backoff.pause(asked);
                tokio::select! {
                    () = sleep(pause) => {}
                    () = core.poll_now.notified() => {}
                }
            }
            After::RefusedRequests => {
                refused_requests(core, &job).await;
                break;
            }
            After::RefusedAccount => {
                let until = Instant::now() + REFUSED;
                core.refused.lock().insert(job.account.clone(), until);
                tracing::warn!(tag = %job.tag, account = &*job.account, "the provider refuses batch jobs");
                finish(core, &job, Again::Only(Vec::new())).await;
                break;
            }
            After::Ended(again) => {
                finish(core, &job, again).await;
                break;
            }
        }
    }
    // No job was made of it.
    if let JobStep::Uploaded(file) = &job.step {
        files.push(file.clone());
    }
    delete(core, &job, files).await;
}

/// Deletes the files of a job that is done. Not before that is on the disk: results that are gone would be paid
/// again. What fails is left to the provider's expiry.
async fn delete(core: &Core, job: &StoredJob, files: Vec<String>) {
    if core.config.keep_files {
        return;
    }
    for file in files {
        let Some(request) = core.config.codec.delete(&file) else {
            continue;
        };
        let deleted = timeout(DELETION, calls::quiet(core, job, request)).await;
        if !matches!(deleted, Ok(Ok(_))) {
            tracing::debug!(tag = %job.tag, file, "a file of a batch job was not deleted");
        }
    }
}

/// Divides a job of which the provider does not like a request or the size, or gives up.
async fn refused_requests(core: &Core, job: &StoredJob) {
    if job.items <= 1 || job.divided >= MOST_DIVISIONS {
        return finish(core, job, Again::Only(Vec::new())).await;
    }
    let tags = [round::tag(), round::tag()];
    let halves = persist!(core, core.queue().divide(job.id, tags.clone(), core.now()));
    let count = halves.len();
    tracing::debug!(tag = %job.tag, count, "a refused batch job is divided");
    core.wake.notify_one();
}

/// Ends a job. Its requests without an answer wait for another one, or for calls of their own.
async fn finish(core: &Core, job: &StoredJob, again: Again) {
    let again = persist!(core, core.queue().finish(job.id, again.clone()));
    tracing::debug!(tag = %job.tag, again, "a batch job is done");
    core.wake.notify_one();
}

/// Records a step, which must be on the disk before the next call is made.
pub(super) async fn step(core: &Core, job: &mut StoredJob, step: JobStep) {
    persist!(core, core.queue().step(job.id, step.clone()));
    job.step = step;
}

/// Returns what comes after a failed call that has no effect which could be paid.
pub(super) fn after_failure(failure: &Failure) -> After {
    match failure {
        Failure::Refused(status) if matches!(status.as_u16(), 400 | 413 | 422) => {
            After::RefusedRequests
        }
        Failure::Refused(_) => After::RefusedAccount,
        Failure::Later(wait) => After::Again(*wait),
        Failure::Unknown(_) => After::Again(None),
    }
}
