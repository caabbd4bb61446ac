//! Submission of a job.

use bytes::Bytes;
use http::{HeaderValue, Request};
use scrimp_http::repeat::IDEMPOTENCY_KEY;

use super::{
    calls,
    drive::{After, after_failure, step},
};
use crate::{
    client::Failure,
    codec::{CodecError, JobDraft, JobItem, Upload},
    queue::{Again, JobStep, RequestId, StoredJob},
    shared::Core,
};

/// Calls of one upload.
const MOST_CALLS: usize = 4;

/// Uploads the requests of a job, and creates it.
pub(super) async fn submit(core: &Core, job: &mut StoredJob) -> After {
    let items = persist!(core, core.queue().items(job.id));
    if items.is_empty() {
        return After::Ended(Again::All);
    }
    let items: Vec<JobItem> = items
        .into_iter()
        .map(|(id, body)| item(&job.tag, id, body))
        .collect();
    let file = match &job.step {
        // Some of the requests in the file may have got calls of their own since.
        JobStep::Uploaded(file) if items.len() as u64 == job.items => Some(file.clone()),
        _ => match upload(core, job, &items).await {
            Ok(file) => file,
            Err(failure) => return after_failure(&failure),
        },
    };
    if let Some(file) = &file {
        step(core, job, JobStep::Uploaded(file.clone())).await;
    }
    create(core, job, &items, file).await
}

/// Returns a request of a job. Its name says which one it is, without the queue.
fn item(tag: &str, id: RequestId, body: Bytes) -> JobItem {
    JobItem {
        custom_id: format!("{tag}-{id}"),
        body,
    }
}

/// Returns the number of a request from its name, if it is one of this job.
pub(super) fn request_id(tag: &str, custom_id: &str) -> Option<RequestId> {
    custom_id.strip_prefix(tag)?.strip_prefix('-')?.parse().ok()
}

async fn upload(
    core: &Core,
    job: &StoredJob,
    items: &[JobItem],
) -> Result<Option<String>, Failure> {
    let codec = &core.config.codec;
    let draft = draft(job, items);
    let Some(mut request) = codec.upload(&draft) else {
        return Ok(None);
    };
    for _ in 0..MOST_CALLS {
        let answer = calls::call(core, job, request).await?;
        match codec.uploaded(&draft, &answer).map_err(unreadable)? {
            Upload::Done(file) => return Ok(Some(file)),
            Upload::Next(next) => request = *next,
        }
    }
    Err(unreadable(CodecError::new("the upload does not end")))
}

fn draft<'a>(job: &'a StoredJob, items: &'a [JobItem]) -> JobDraft<'a> {
    JobDraft {
        tag: &job.tag,
        group: &job.group,
        items,
    }
}

fn unreadable(error: CodecError) -> Failure {
    Failure::Unknown(error.into())
}

/// Creates a job. That it is about to be created is on the disk before: after a crash, it is looked for.
async fn create(
    core: &Core,
    job: &mut StoredJob,
    items: &[JobItem],
    file: Option<String>,
) -> After {
    let creating = JobStep::Creating {
        file: file.clone(),
        at: core.now(),
    };
    step(core, job, creating).await;
    let request = core
        .config
        .codec
        .create(&draft(job, items), file.as_deref());
    let created = calls::call(core, job, keyed(&job.tag, request)).await;
    match created {
        Ok(answer) => match core.config.codec.created(answer.body()) {
            Ok(name) => {
                core.counters.jobs.increment();
                tracing::info!(tag = %job.tag, name = %name, items = items.len(), "a batch job is created");
                run(core, job, name).await
            }
            // It may exist. It is looked for.
            Err(error) => {
                tracing::warn!(tag = %job.tag, %error, "the answer to a batch job's creation is unreadable");
                After::Again(None)
            }
        },
        Err(Failure::Unknown(_)) => After::Again(None),
        Err(failure) => {
            // It does not exist: the next call may create it.
            let back = file.map_or(JobStep::Planned, JobStep::Uploaded);
            step(core, job, back).await;
            after_failure(&failure)
        }
    }
}

/// Adds the key by which a provider that honours it tells a repeated call from a new one.
fn keyed(tag: &str, mut request: Request<Bytes>) -> Request<Bytes> {
    let key = HeaderValue::from_str(tag).expect("a tag has letters, digits and hyphens");
    request.headers_mut().insert(IDEMPOTENCY_KEY, key);
    request
}

/// Records that a job exists.
pub(super) async fn run(core: &Core, job: &mut StoredJob, name: String) -> After {
    let since = core.now();
    step(core, job, JobStep::Running { name, since }).await;
    // The first question comes after a pause.
    After::Again(Some(core.config.timings.shortest_poll))
}

/// Repeats the creation of a job at a provider that makes no second one.
pub(super) async fn create_again(core: &Core, job: &mut StoredJob, file: Option<String>) -> After {
    let items = persist!(core, core.queue().items(job.id));
    // A job of fewer requests would be another one under the same key: it is looked for.
    if items.len() as u64 != job.items {
        return After::Again(None);
    }
    let items: Vec<JobItem> = items
        .into_iter()
        .map(|(id, body)| item(&job.tag, id, body))
        .collect();
    create(core, job, &items, file).await
}
