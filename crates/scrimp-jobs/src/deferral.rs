//! The way of a request that has time.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed};

use bytes::Bytes;
use http::{
    Extensions, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body;
use scrimp_core::{
    FailedCalls, Money, Problem,
    extensions::{DueBy, Priority, Tenant},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tower::ServiceExt;
use tower_service::Service;

use crate::{
    JobRequestBody,
    dry_run::TriedAnswer,
    owner::Owner,
    queue::{JobPayer, NewRequest, Put, RequestId, StoredAnswer, millis},
    shared::{Busy, Core},
    waiters::Told,
};

/// A response of the inner service, or one in memory.
pub(crate) enum Answered<R> {
    /// With the counter for its body, if its call is counted and has not failed yet.
    Inner(R, Option<FailedCalls>),
    /// The same, with the reader of the answer to a request that would have been deferred.
    Tried(R, Option<FailedCalls>, TriedAnswer),
    Whole(Response<Bytes>),
}

/// The place of a caller in the queue. When it is dropped, the queue is told that the caller needs nothing any more.
struct Seat {
    core: Arc<Core>,
    id: RequestId,
    told: oneshot::Receiver<Told>,
    /// Something is in the queue that has to be removed.
    is_queued: bool,
    /// The caller has its answer.
    is_answered: bool,
}

/// Outcome of looking for a place.
enum Entered {
    Seat(Seat),
    Answer(StoredAnswer),
    Bypass,
}

/// Returns the time at which a request is due, if it has time: it has a deadline or low priority, is not urgent, and a job
/// is expected to end before.
pub(crate) fn due(core: &Core, request: &Extensions) -> Option<Instant> {
    let priority = request.get::<Priority>().copied().unwrap_or_default();
    let now = Instant::now();
    let due = match (priority, DueBy::of(request)) {
        (Priority::High, _) | (Priority::Default, None) => None,
        (_, Some(due)) => Some(due),
        (Priority::Low, None) => Some(now + core.config.timings.patience),
    };
    due.filter(|due| {
        core.counters.requests.increment();
        *due >= now + core.job_needs()
    })
}

/// Waits for the answer of a job, or calls the inner service.
pub(crate) async fn defer<S, B>(
    owner: Arc<Owner>,
    inner: S,
    request: Request<B>,
    due: Instant,
) -> Result<Answered<S::Response>, S::Error>
where
    S: Service<Request<JobRequestBody<B>>>,
    B: Body<Data = Bytes>,
    S::Response: AnyResponse,
{
    let core = owner.core();
    let (parts, body) = request.into_parts();
    let account = core
        .config
        .accounts
        .of(&parts.headers)
        .map(|account| account.name().clone());
    let account = account.filter(|account| !core.is_refused(account));
    let Some(account) = account.filter(|_| owner.start()) else {
        let body = JobRequestBody::passing(body);
        return bypass(core, inner, Request::from_parts(parts, body)).await;
    };
    let body = match JobRequestBody::gather(body, core.config.bounds.max_body).await {
        Ok(body) => body,
        Err(body) => return bypass(core, inner, Request::from_parts(parts, body)).await,
    };
    let whole = |parts, body| Request::from_parts(parts, JobRequestBody::whole(body));
    let Some(group) = core.config.codec.group(&parts, &body) else {
        return bypass(core, inner, whole(parts, body)).await;
    };
    if core.config.dry_run {
        core.counters.deferred.increment();
        let answered = call(core, inner, whole(parts, body)).await?;
        return Ok(answered.tried(core, &group));
    }
    let mut seat = match enter(core, &parts, &body, (account, group.into()), due).await {
        Entered::Seat(seat) => seat,
        Entered::Answer(answer) => return Ok(Answered::Whole(response(answer))),
        Entered::Bypass => return bypass(core, inner, whole(parts, body)).await,
    };
    if let Some((answer, cost)) = seat.wait(due).await {
        let mut response = response(answer);
        core.config.books.tell(response.extensions_mut(), cost);
        return Ok(Answered::Whole(response));
    }
    let _busy = Busy::new(core);
    let place = tokio::select! {
        biased;
        place = core.calls.acquire() => place.ok(),
        () = sleep_until(due) => None,
    };
    let Some(_place) = place else {
        core.counters.timed_out.increment();
        return Ok(Answered::Whole(Problem::deadline("jobs").response()));
    };
    core.counters.due.increment();
    let began = Instant::now();
    let result = call(core, inner, whole(parts, body)).await;
    if result.is_ok() {
        core.learned.lock().call_ended(began.elapsed());
    }
    seat.is_answered = true;
    result
}

/// A response whose body has any type.
pub(crate) trait AnyResponse {
    fn status(&self) -> StatusCode;
}

impl<B> AnyResponse for Response<B> {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }
}

async fn bypass<S, B>(
    core: &Core,
    inner: S,
    request: Request<JobRequestBody<B>>,
) -> Result<Answered<S::Response>, S::Error>
where
    S: Service<Request<JobRequestBody<B>>>,
    S::Response: AnyResponse,
    B: Body<Data = Bytes>,
{
    core.counters.bypassed.increment();
    call(core, inner, request).await
}

async fn call<S, B>(
    core: &Core,
    inner: S,
    request: Request<JobRequestBody<B>>,
) -> Result<Answered<S::Response>, S::Error>
where
    S: Service<Request<JobRequestBody<B>>>,
    S::Response: AnyResponse,
    B: Body<Data = Bytes>,
{
    core.counters.calls.increment();
    let result = inner.oneshot(request).await;
    let status = result.as_ref().ok().map(AnyResponse::status);
    let failed = core.counters.failed.count(status);
    result.map(|response| Answered::Inner(response, failed))
}

/// Finds a place in the queue: an equal request that was left, or a new one.
async fn enter(
    core: &Arc<Core>,
    parts: &Parts,
    body: &Bytes,
    (account, group): (Arc<str>, Arc<str>),
    due: Instant,
) -> Entered {
    let tenant = parts.extensions.get::<Tenant>();
    let target = parts.uri.to_string();
    let digest = digest(&[
        account.as_bytes(),
        group.as_bytes(),
        target.as_bytes(),
        body,
        tenant.map_or(&b""[..], |tenant| tenant.0.as_bytes()),
        if tenant.is_some() { b"1" } else { b"0" },
    ]);
    let now = core.now();
    let deadline = now + millis(due.saturating_duration_since(Instant::now()));
    if core.orphans.load(Relaxed)
        && let Some(entered) = adopt(core, digest, deadline, tenant).await
    {
        return entered;
    }
    let id = core.queue().reserve(1);
    let Some(mut seat) = Seat::new(core, id, tenant) else {
        return Entered::Bypass;
    };
    let request = NewRequest {
        id,
        digest,
        account,
        group,
        target,
        body: body.clone(),
        deadline,
        created: now,
        submission: None,
        payer: JobPayer::of(&parts.extensions),
    };
    match core.queue().put(vec![request], core.queue_bounds()).await {
        Ok(Put::Added) => {
            core.counters.deferred.increment();
            core.wake_at(now + millis(core.config.timings.window));
            return Entered::Seat(seat);
        }
        Ok(Put::Full | Put::Known) => {}
        Err(error) => core.queue_failed(&error),
    }
    core.counters.degraded.increment();
    seat.is_queued = false;
    Entered::Bypass
}

/// Takes over an equal request that no caller waits for.
async fn adopt(
    core: &Arc<Core>,
    digest: [u8; 32],
    deadline: u64,
    tenant: Option<&Tenant>,
) -> Option<Entered> {
    let adopted = match core.queue().adopt(digest, deadline).await {
        Ok(adopted) => adopted?,
        Err(error) => {
            core.queue_failed(&error);
            return None;
        }
    };
    core.counters.joined.increment();
    let Some(mut seat) = Seat::new(core, adopted.id, tenant) else {
        core.leave(adopted.id);
        return None;
    };
    // The answer may have come between the two.
    let answer = match adopted.answer {
        Some(answer) => Some(answer),
        None => core.queue().answer_to(adopted.id).await.ok().flatten(),
    };
    Some(match answer {
        Some(answer) => {
            core.counters.from_jobs.increment();
            seat.is_answered = true;
            Entered::Answer(answer)
        }
        None => Entered::Seat(seat),
    })
}

/// Digest of parts, each with its length.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Makes the response of an answer.
pub(crate) fn response(answer: StoredAnswer) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let kind = answer
        .content_type
        .and_then(|kind| HeaderValue::try_from(kind).ok());
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(CONTENT_LENGTH, answer.body.len().into());
    response.map(|_| answer.body)
}

// === impl Answered ===

impl<R: AnyResponse> Answered<R> {
    /// Adds the reader of an answer to a request that would have been deferred.
    fn tried(self, core: &Core, group: &str) -> Self {
        match self {
            Self::Inner(response, failed) => {
                let reader = TriedAnswer::new(
                    core.config.books.clone(),
                    &core.tried,
                    group,
                    response.status(),
                );
                Self::Tried(response, failed, reader)
            }
            other => other,
        }
    }
}

// === impl Seat ===

impl Seat {
    fn new(core: &Arc<Core>, id: RequestId, tenant: Option<&Tenant>) -> Option<Self> {
        let told = core
            .waiters
            .add(id, tenant, core.config.bounds.max_per_tenant)?;
        Some(Self {
            core: Arc::clone(core),
            id,
            told,
            is_queued: true,
            is_answered: false,
        })
    }

    /// Waits for the answer of a job. `None` if it is time for a call of its own.
    async fn wait(&mut self, due: Instant) -> Option<(StoredAnswer, Option<Money>)> {
        // The background work tells in time when to call. Should it be stuck, as the queue's disk may be, the caller
        // does not wait for it.
        let call_time = self.core.learned.lock().call();
        let spare = call_time + self.core.config.timings.margin / 2;
        let latest = due.checked_sub(spare).unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            told = &mut self.told => match told {
                Ok(Told::Answer(answer, cost)) => {
                    // What told it removes it from the queue.
                    self.is_queued = false;
                    Some((answer, cost))
                }
                Ok(Told::Call) | Err(_) => None,
            },
            () = sleep_until(latest) => None,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.core.waiters.leave(self.id);
        if !self.is_queued {
            return;
        }
        match self.is_answered {
            true => self.core.answered(self.id),
            false => self.core.leave(self.id),
        }
    }
}
