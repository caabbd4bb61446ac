//! The call for a batch, and the calls for its halves if it is refused.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join;
use http::{Request, Response, Uri, header::HOST};
use scrimp_core::{
    ShareError,
    extensions::{BodyDigest, Repeatable, Since},
};
use scrimp_http::trace_fields::is_trace_field;
use tokio::time::{Instant, timeout_at};

use super::{
    Common, Problem,
    call::{Ended, exchange},
    driver::{HttpCalls, JobOf, ReplyOf, alone},
    job::{Job, first, single},
    outcome::{Failed, settle, settle_whole},
};
use crate::{
    BatchCodec,
    codec::{Decoded, Item},
    engine::{InFlightGuard, Sizes},
    money::{amounts, split},
};

/// Bytes of an answer that is decoded on the worker itself.
const DECODED_AT_ONCE: usize = 128 << 10;

/// Items of a batch that are not answered yet.
pub(crate) struct Leftover<B, E> {
    /// Items with a transient failure.
    pub(crate) failed: Vec<Failed<B, E>>,
    /// Items of a batch that timed out.
    pub(crate) unsure: Vec<Job<B, E>>,
    /// True if an item was refused alone: it was at fault, not the number of items.
    pub(crate) poisoned: bool,
}

// === impl Leftover ===

impl<B, E> Leftover<B, E> {
    pub(crate) fn none() -> Self {
        Self {
            failed: Vec::new(),
            unsure: Vec::new(),
            poisoned: false,
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.failed.extend(other.failed);
        self.unsure.extend(other.unsure);
        self.poisoned |= other.poisoned;
        self
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends jobs in one call, and answers those that it can.
pub(crate) fn batch<'a, D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    guard: &'a InFlightGuard<Item, ReplyOf<D>>,
) -> Boxed<'a, Leftover<D::Body, D::Error>> {
    Box::pin(async move {
        jobs.retain(|job| !job.is_over());
        if jobs.is_empty() {
            return Leftover::none(); // All callers have left.
        }
        let Some(request) = envelope(driver.common(), &jobs) else {
            one_by_one(driver, jobs).await;
            return Leftover::none();
        };
        let config = &driver.common().config;
        let limit = time_limit(config.timeout, &jobs, guard.latency().p95());
        driver.common().take(jobs.len()).await;
        let until = Instant::now() + limit;
        let call = driver.clone().send(request);
        let (ended, took) = exchange(call, limit, config.max_answer).await;
        guard.latency().record(took);
        driver.common().count(&jobs, &ended);
        conclude(driver, jobs, guard, ended, (limit, until)).await
    })
}

async fn conclude<D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
    ended: Ended<D::Error>,
    (limit, until): (Duration, Instant),
) -> Leftover<D::Body, D::Error> {
    let common = &**driver.common();
    let response = match ended {
        Ended::Answered(response) => response,
        Ended::Failed(error) => {
            let shared = error.share();
            jobs.into_iter().for_each(|job| job.fail_shared(&shared));
            return Leftover::none();
        }
        Ended::Unreadable(error) => {
            let problem = Problem::Unreadable(error);
            jobs.into_iter()
                .for_each(|job| job.problem(&common.codec, &problem));
            return Leftover::none();
        }
        Ended::TimedOut => return timed_out(common, jobs, limit),
    };
    charge(&mut jobs, &response);
    let Some(decoded) = decode(driver.common(), &jobs, &response, until).await else {
        return timed_out(common, jobs, limit);
    };
    match decoded {
        Decoded::Answers(answers) => settle(common, guard, jobs, answers, &response),
        Decoded::Whole => settle_whole(common, guard, jobs, &response),
        Decoded::Split if jobs.len() == 1 => settle_whole(common, guard, jobs, &response),
        Decoded::Split => halve(driver, jobs, guard).await,
    }
}

/// Decodes an answer. A long one is decoded on a thread for blocking work, so that the worker goes
/// on meanwhile. Returns `None` if that takes longer than the call may.
async fn decode<C: BatchCodec, B, E>(
    common: &Arc<Common<C>>,
    jobs: &[Job<B, E>],
    response: &Response<Bytes>,
    until: Instant,
) -> Option<Decoded> {
    if response.body().len() <= DECODED_AT_ONCE {
        let items: Vec<&Item> = jobs.iter().map(|job| &job.item).collect();
        return Some(common.codec.decode(&items, response));
    }
    let items: Vec<Item> = jobs.iter().map(|job| job.item.clone()).collect();
    let (common, response) = (Arc::clone(common), response.clone());
    let decoding = tokio::task::spawn_blocking(move || {
        let items: Vec<&Item> = items.iter().collect();
        common.codec.decode(&items, &response)
    });
    match timeout_at(until, decoding).await {
        Ok(Ok(decoded)) => Some(decoded),
        // A panic of the codec ends this task, as it does for a short answer.
        Ok(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down.
            Err(_) => None,
        },
        Err(_) => None,
    }
}

/// Tries the halves of two or more jobs that were refused together. A half of one item is sent as
/// its caller sent it.
async fn halve<D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
) -> Leftover<D::Body, D::Error> {
    let common = Arc::clone(driver.common());
    common.stats.split.add(1);
    let before = guard.refused(size(&jobs));
    let second = jobs.split_off(jobs.len() / 2);
    let one = half(driver.clone(), jobs, guard);
    let two = half(driver, second, guard);
    let (one, two) = join(one, two).await;
    let left = one.and(two);
    if left.poisoned {
        guard.restore(before);
    }
    left
}

async fn half<D: HttpCalls>(
    driver: D,
    jobs: Vec<JobOf<D>>,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
) -> Leftover<D::Body, D::Error> {
    match single(jobs) {
        Ok(job) => {
            let status = alone(driver, job, None).await;
            Leftover {
                poisoned: status.is_some_and(|status| status.is_client_error()),
                ..Leftover::none()
            }
        }
        Err(jobs) => batch(driver, jobs, guard).await,
    }
}

async fn one_by_one<D: HttpCalls>(driver: D, jobs: Vec<JobOf<D>>) {
    let calls = jobs
        .into_iter()
        .map(move |job| super::retry::once(driver.clone(), job));
    futures_util::future::join_all(calls).await;
}

/// Returns the codec's request, completed with the fields that all its items have in common;
/// `None` if the items can only be sent one by one.
fn envelope<C: BatchCodec, B, E>(common: &Common<C>, jobs: &[Job<B, E>]) -> Option<Request<Bytes>> {
    let items: Vec<&Item> = jobs.iter().map(|job| &job.item).collect();
    let first = &first(jobs).item.head;
    let mut request = common.codec.encode(&items)?;
    if request.uri().authority().is_none() {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = first.uri.scheme().cloned();
        parts.authority = first.uri.authority().cloned();
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
    }
    let credentials = &common.config.credentials;
    for name in first.headers.keys() {
        let shared = *name == HOST || credentials.contains(name) || is_trace_field(name);
        if shared && !request.headers().contains_key(name) {
            for value in first.headers.get_all(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
    }
    *request.extensions_mut() = first.extensions.clone();
    // The digest of the first item's body is not that of the envelope.
    request.extensions_mut().remove::<BodyDigest>();
    if let Some(since) = latest(&items) {
        request.extensions_mut().insert(since);
    }
    // Inner layers see a POST, and cannot know that it may be repeated.
    if items.iter().all(|item| item.admission.replayable) {
        request.extensions_mut().insert(Repeatable);
    } else {
        request.extensions_mut().remove::<Repeatable>();
    }
    Some(request)
}

/// Returns the position that satisfies every item's demand for a recent answer.
fn latest(items: &[&Item]) -> Option<Since> {
    let wanted = items.iter().filter_map(|item| item.head.extensions.get());
    wanted.copied().reduce(|a: Since, b: Since| Since {
        log: a.log,
        // Positions of two logs cannot be compared: then no call in flight is recent enough.
        at: if a.log == b.log {
            a.at.max(b.at)
        } else {
            u64::MAX
        },
    })
}

/// Returns the time limit of a batch: at most `most`, and so that the first deadline leaves time
/// for one more call.
fn time_limit<B, E>(most: Duration, jobs: &[Job<B, E>], one_call: Duration) -> Duration {
    let Some(deadline) = jobs.iter().filter_map(|job| job.deadline).min() else {
        return most;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    // If there is no time for a second call, the first may use all of it.
    let spare = left.checked_sub(one_call).filter(|spare| *spare > one_call);
    most.min(spare.unwrap_or(left))
}

/// Splits the cost of the call over the jobs by weight.
fn charge<B, E>(jobs: &mut [Job<B, E>], response: &Response<Bytes>) {
    let weights: Vec<u64> = jobs
        .iter()
        .map(|job| job.item.admission.weight.into())
        .collect();
    for amount in amounts(response.extensions()) {
        for (job, part) in jobs.iter_mut().zip(split(amount, &weights)) {
            job.paid.add(part);
        }
    }
}

/// Keeps the jobs that may be sent again. The callers of the others are told that the outcome is
/// unknown.
fn timed_out<C: BatchCodec, B, E>(
    common: &Common<C>,
    jobs: Vec<Job<B, E>>,
    limit: Duration,
) -> Leftover<B, E> {
    let (unsure, lost): (Vec<_>, Vec<_>) = jobs
        .into_iter()
        .partition(|job| job.item.admission.replayable);
    common.stats.ambiguous.add(lost.len() as u64);
    let problem = Problem::Ambiguous(limit);
    lost.into_iter()
        .for_each(|job| job.problem(&common.codec, &problem));
    Leftover {
        unsure,
        ..Leftover::none()
    }
}

/// Returns the size of a batch of these jobs.
pub(crate) fn size<B, E>(jobs: &[Job<B, E>]) -> Sizes {
    Sizes {
        items: jobs.len(),
        bytes: jobs.iter().map(|job| job.item.body.len()).sum(),
    }
}
