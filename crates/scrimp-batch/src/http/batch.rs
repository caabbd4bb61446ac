//! The call for a batch.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Response};
use scrimp_core::{
    ShareError,
    extensions::{Apart, ItemAnswers, RefusedTenants, TenantShares},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Common, Problem,
    call::{Ended, exchange},
    common::callers,
    divide::{halve, one_by_one, portions},
    driver::{HttpCalls, JobOf, ReplyOf},
    envelope::{envelope, time_limit},
    job::Job,
    outcome::{Failed, settle, settle_whole},
};
use crate::{
    BatchCodec,
    codec::{Decoded, Item, Verdict},
    engine::{InFlightGuard, Sizes},
    money::amounts,
};

/// Bytes of an answer that is decoded on the worker itself.
const DECODED_AT_ONCE: usize = 128 << 10;

/// Times that a batch is sent: again if an inner layer refused to pay for some of its tenants. If
/// more are refused then, which takes another call between the two, the items go one by one.
const ROUNDS: usize = 2;

/// Items of a batch that are not answered yet.
pub(crate) struct Leftover<B, E> {
    /// Items with a transient failure.
    pub(crate) failed: Vec<Failed<B, E>>,
    /// Items that the upstream did not carry out, for a limit of its own.
    pub(crate) not_done: Vec<Failed<B, E>>,
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
            not_done: Vec::new(),
            unsure: Vec::new(),
            poisoned: false,
        }
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.failed.extend(other.failed);
        self.not_done.extend(other.not_done);
        self.unsure.extend(other.unsure);
        self.poisoned |= other.poisoned;
        self
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends jobs in one call, and answers those that it can. Callers whose tenants an inner layer
/// refuses to pay for are told so, and the others are sent once more without them.
pub(crate) fn batch<'a, D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    guard: &'a InFlightGuard<Item, ReplyOf<D>>,
) -> Boxed<'a, Leftover<D::Body, D::Error>> {
    Box::pin(async move {
        for round in 0..ROUNDS {
            jobs = jobs.into_iter().filter_map(Job::without_gone).collect();
            if jobs.is_empty() {
                return Leftover::none(); // All callers have left.
            }
            let Some(request) = envelope(driver.common(), &jobs) else {
                break;
            };
            let config = &driver.common().config;
            let limit = time_limit(config.timeout, &jobs, guard.latency().p95());
            if round == 0 {
                driver.common().take(jobs.len()).await;
            }
            let until = Instant::now() + limit;
            let shares = request.extensions().get::<TenantShares>().cloned();
            let call = driver.clone().send(request);
            let failed = &driver.common().stats.failed;
            let (ended, took) = exchange(call, failed, limit, config.max_answer).await;
            // The call was not made, so there is nothing to learn from it or to count.
            if is_mixed(&ended) {
                break;
            }
            if let Some(refused) = refused(&jobs, &ended) {
                jobs = driver.common().leave_out(jobs, &refused);
                continue;
            }
            guard.latency().record(took);
            let call = Call {
                shares,
                limit,
                until,
            };
            return conclude(driver, jobs, guard, ended, call).await;
        }
        one_by_one(driver, jobs).await;
        Leftover::none()
    })
}

/// Reports whether an inner layer cannot serve the jobs together.
fn is_mixed<E>(ended: &Ended<E>) -> bool {
    matches!(ended, Ended::Answered(response) if response.extensions().get::<Apart>().is_some())
}

/// Returns the tenants that an inner layer refuses to pay for, if callers of them are in line.
fn refused<B, E>(jobs: &[Job<B, E>], ended: &Ended<E>) -> Option<RefusedTenants> {
    let Ended::Answered(response) = ended else {
        return None;
    };
    let refused: &RefusedTenants = response.extensions().get()?;
    let concerned = jobs.iter().any(|job| job.is_refused(refused));
    concerned.then(|| refused.clone())
}

/// A call that has ended.
struct Call {
    /// The tenants that pay for it, if there are several.
    shares: Option<TenantShares>,
    /// The time that it might take.
    limit: Duration,
    until: Instant,
}

async fn conclude<D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
    ended: Ended<D::Error>,
    call: Call,
) -> Leftover<D::Body, D::Error> {
    let common = &**driver.common();
    let Call {
        shares,
        limit,
        until,
    } = call;
    let count = |jobs: &[JobOf<D>], response: Option<&Extensions>, answered| {
        common.count(jobs, shares.as_ref(), response, answered);
    };
    let mut response = match ended {
        Ended::Answered(response) => response,
        Ended::Failed(error) => {
            count(&jobs, None, callers(&jobs));
            let shared = error.share();
            jobs.into_iter().for_each(|job| job.fail_shared(&shared));
            return Leftover::none();
        }
        Ended::Unreadable(error) => {
            count(&jobs, None, callers(&jobs));
            let problem = Problem::Unreadable(error);
            jobs.into_iter()
                .for_each(|job| job.problem(&common.codec, &problem));
            return Leftover::none();
        }
        Ended::TimedOut => {
            count(&jobs, None, 0);
            return timed_out(common, jobs, limit);
        }
    };
    let decoded = match response.extensions_mut().remove() {
        Some(apart) => Some(divided(&jobs, &apart)),
        None => decode(driver.common(), &jobs, &response, until).await,
    };
    let answered = answered(common, &jobs, decoded.as_ref());
    count(&jobs, Some(response.extensions()), answered);
    charge(common, &mut jobs, &mut response);
    let Some(decoded) = decoded else {
        return timed_out(common, jobs, limit);
    };
    match decoded {
        Decoded::Answers(answers) => settle(common, guard, jobs, answers, &response, None).0,
        Decoded::Stopped { answers, at, limit } => {
            let stop = Some((at, limit));
            let (left, rest) = settle(common, guard, jobs, answers, &response, stop);
            common.stats.split.add(u64::from(!rest.jobs.is_empty()));
            left.and(portions(driver, rest.jobs, rest.limit, guard).await)
        }
        Decoded::Whole => settle_whole(common, guard, jobs, &response),
        Decoded::Split | Decoded::AtMost(_) if jobs.len() == 1 => {
            settle_whole(common, guard, jobs, &response)
        }
        Decoded::AtMost(limit) if (1..jobs.len()).contains(&limit) => {
            common.stats.split.add(1);
            guard.limited(limit, true);
            portions(driver, jobs, limit, guard).await
        }
        Decoded::Split | Decoded::AtMost(_) => halve(driver, jobs, guard).await,
        Decoded::Alone => {
            guard.limited(1, true);
            one_by_one(driver, jobs).await;
            Leftover::none()
        }
    }
}

/// Returns the number of callers that a call answers. Those of a batch that was refused, and of items
/// that were not carried out, ask again.
fn answered<C: BatchCodec, B, E>(
    common: &Common<C>,
    jobs: &[Job<B, E>],
    decoded: Option<&Decoded>,
) -> u64 {
    let (answers, at) = match decoded {
        None | Some(Decoded::Alone) => return 0,
        Some(Decoded::Split | Decoded::AtMost(_)) if jobs.len() > 1 => return 0,
        Some(Decoded::Answers(answers)) => (answers, jobs.len()),
        Some(Decoded::Stopped { answers, at, .. }) => (answers, *at),
        Some(_) => return callers(jobs),
    };
    if common.config.ledger.is_none() {
        return 0; // It is only booked.
    }
    let is_answered = |index: usize, job: &Job<B, E>| match answers.get(index) {
        Some(Some(answer)) => {
            let verdict = common.codec.verdict(job.item(), answer);
            !matches!(verdict, Verdict::NotDone(_))
        }
        _ => index < at,
    };
    let all = jobs.iter().enumerate();
    callers(all.filter_map(|(index, job)| is_answered(index, job).then_some(job)))
}

/// Returns the answers that an inner service has apart, one for each job: that of its first caller.
fn divided<B, E>(jobs: &[Job<B, E>], ItemAnswers(all): &ItemAnswers) -> Decoded {
    let mut before = 0;
    let answers = jobs.iter().map(|job| {
        let answer = all.get(before).cloned().flatten();
        before += 1 + job.duplicates();
        answer
    });
    Decoded::Answers(answers.collect())
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
        let items: Vec<&Item> = jobs.iter().map(Job::item).collect();
        return Some(common.codec.decode(&items, response));
    }
    let items: Vec<Item> = jobs.iter().map(|job| job.item().clone()).collect();
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

/// Splits the cost of the call, which was booked, over the jobs by weight.
fn charge<C, B, E>(common: &Common<C>, jobs: &mut [Job<B, E>], response: &mut Response<Bytes>) {
    common.mark(response.extensions_mut());
    jobs.iter_mut()
        .for_each(|job| job.note(response.extensions()));
    let weights: Vec<u32> = jobs.iter().map(|job| job.item().admission.weight).collect();
    for amount in amounts(response.extensions()) {
        for (job, part) in jobs.iter_mut().zip(amount.split(&weights)) {
            job.charge(part);
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
        .partition(|job| job.item().admission.replayable);
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
        bytes: jobs.iter().map(|job| job.item().body.len()).sum(),
    }
}
