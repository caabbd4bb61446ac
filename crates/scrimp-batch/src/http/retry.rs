//! Calls for single items whose batch failed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Response;
use http_body::Body;
use scrimp_core::{BoxError, extensions::RefusedTenants};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Problem,
    batch::batch,
    call::{read, read_plain},
    driver::{HttpCalls, JobOf, ReplyOf, finish},
    job::Job,
    outcome::Failed,
};
use crate::{
    BatchCodec,
    codec::{Item, Verdict},
    config::{pause, slow_pause},
    engine::InFlightGuard,
};

/// Result of sending a job alone.
enum Sent<B, E> {
    Answered(Job<B, E>, Response<B>),
    Failed(Job<B, E>, E),
    TimedOut(Job<B, E>),
    /// All its callers have been told that their tenants may not pay.
    Refused,
}

type SentOf<D> = Sent<<D as HttpCalls>::Body, <D as HttpCalls>::Error>;

/// Calls made at a time for one batch.
pub(crate) const AT_ONCE: usize = 8;

/// Retries items with a transient failure, each after a random pause.
pub(crate) async fn retry_all<D: HttpCalls>(driver: D, failed: Vec<Failed<D::Body, D::Error>>) {
    let calls = failed
        .into_iter()
        .map(move |failed| retry(driver.clone(), failed));
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

async fn retry<D: HttpCalls>(driver: D, failed: Failed<D::Body, D::Error>) {
    let common = Arc::clone(driver.common());
    let Failed {
        mut job,
        mut answer,
        mut wait,
    } = failed;
    for attempt in 0..common.config.retries {
        let rest = pause(attempt).max(wait.unwrap_or_default());
        let at = Instant::now() + rest;
        let too_late = job.deadline.is_some_and(|deadline| deadline <= at);
        if too_late
            || rest > common.config.patience
            || job.is_over()
            || !common.config.retry_budget.withdraw()
        {
            break;
        }
        sleep(rest).await;
        common.take(1).await;
        common.stats.retried.add(1);
        let replayable = job.item().admission.replayable;
        let response = match send(driver.clone(), job, common.config.timeout).await {
            Sent::Answered(sent, response) => {
                job = sent;
                response
            }
            Sent::TimedOut(sent) if replayable => {
                job = sent;
                continue;
            }
            Sent::TimedOut(sent) => {
                let problem = Problem::Ambiguous(common.config.timeout);
                return sent.problem(&common.codec, &problem);
            }
            Sent::Failed(sent, error) => return sent.fail(error),
            Sent::Refused => return,
        };
        let Verdict::Transient(asked) = Verdict::of(&response) else {
            return deliver(job, response, &common.codec, common.config.max_answer).await;
        };
        wait = asked;
        if !replayable && response.status().as_u16() != 429 {
            return deliver(job, response, &common.codec, common.config.max_answer).await;
        }
        let charges = response.extensions().clone();
        // If this answer cannot be read, the last one that could be stays.
        let most = common.config.max_answer;
        let better = match job.has_duplicates() {
            true => read_plain(response, most).await,
            false => read(response, most).await,
        };
        answer = better.unwrap_or(answer);
        // The cost may depend on the body.
        job.charge_call(&charges);
    }
    job.answer(&common.codec, &answer);
}

/// Sends items that the upstream did not carry out again, together, after a pause each time. The lane
/// pauses as well.
pub(crate) async fn again<D: HttpCalls>(
    driver: D,
    mut not_done: Vec<Failed<D::Body, D::Error>>,
    guard: InFlightGuard<Item, ReplyOf<D>>,
) {
    let common = Arc::clone(driver.common());
    for attempt in 0..common.config.retries {
        if not_done.is_empty() {
            return;
        }
        let asked = not_done.iter().filter_map(|failed| failed.wait).max();
        let rest = slow_pause(attempt).max(asked.unwrap_or_default());
        guard.back_off(rest);
        let at = Instant::now() + rest;
        let may_wait = |failed: &Failed<D::Body, D::Error>| {
            let in_time = failed.job.deadline.is_none_or(|deadline| deadline > at);
            in_time
                && rest <= common.config.patience
                && !failed.job.is_over()
                && common.config.retry_budget.withdraw()
        };
        let (waiting, over): (Vec<_>, Vec<_>) = not_done.into_iter().partition(may_wait);
        give_up(over, &common.codec);
        if waiting.is_empty() {
            return;
        }
        sleep(rest).await;
        common.stats.retried.add(waiting.len() as u64);
        let jobs = waiting.into_iter().map(|failed| failed.job).collect();
        let mut left = batch(driver.clone(), jobs, &guard).await;
        not_done = std::mem::take(&mut left.not_done);
        finish(driver.clone(), left).await;
    }
    give_up(not_done, &common.codec);
}

/// Gives items the answers that they have.
fn give_up<B, E>(failed: Vec<Failed<B, E>>, codec: &impl BatchCodec) {
    for failed in failed {
        failed.job.answer(codec, &failed.answer);
    }
}

/// Sends items of a batch that timed out again, each alone.
pub(crate) async fn fall_back<D: HttpCalls>(driver: D, unsure: Vec<JobOf<D>>) {
    let calls = unsure.into_iter().map(move |job| {
        let driver = driver.clone();
        async move {
            let common = Arc::clone(driver.common());
            if common.config.retry_budget.withdraw() {
                common.stats.fell_back.add(1);
                once(driver, job).await;
            } else {
                let problem = Problem::TimedOut(common.config.timeout);
                job.problem(&common.codec, &problem);
            }
        }
    });
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// Sends an item alone, as its caller sent it, within the time limit of a batch.
pub(crate) async fn once<D: HttpCalls>(driver: D, job: JobOf<D>) {
    let common = Arc::clone(driver.common());
    if job.is_over() {
        return;
    }
    common.take(1).await;
    let left = job
        .deadline
        .map(|at| at.saturating_duration_since(Instant::now()));
    if left.is_some_and(|left| left.is_zero()) {
        return job.problem(&common.codec, &Problem::Late);
    }
    let limit = left.map_or(common.config.timeout, |left| {
        left.min(common.config.timeout)
    });
    match send(driver, job, limit).await {
        Sent::Answered(job, response) => {
            deliver(job, response, &common.codec, common.config.max_answer).await;
        }
        Sent::Failed(job, error) => job.fail(error),
        Sent::TimedOut(job) => job.problem(&common.codec, &Problem::TimedOut(limit)),
        Sent::Refused => {}
    }
}

/// Sends a job alone, within a time. Callers whose tenants an inner layer refuses to pay for are
/// told so, and it is sent again for the others. It ends, as each round leaves fewer callers.
async fn send<D: HttpCalls>(driver: D, mut job: JobOf<D>, limit: Duration) -> SentOf<D> {
    let common = Arc::clone(driver.common());
    let start = Instant::now();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let response = match timeout(left, driver.clone().send(job.request())).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Sent::Failed(job, error),
            Err(_) => {
                common.stats.failed.increment();
                return Sent::TimedOut(job);
            }
        };
        let refused: Option<&RefusedTenants> = response.extensions().get();
        let Some(refused) = refused.filter(|refused| job.is_refused(refused)) else {
            return Sent::Answered(job, response);
        };
        match common.leave_out(vec![job], refused).pop() {
            Some(left) => job = left,
            None => return Sent::Refused,
        }
    }
}

/// Passes a response on to a single caller as it comes, or copies it to several.
async fn deliver<ResB, E>(
    mut job: Job<ResB, E>,
    response: Response<ResB>,
    codec: &impl BatchCodec,
    most: usize,
) where
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    if !job.has_duplicates() {
        return job.pass(response, ());
    }
    let charges = response.extensions().clone();
    let answer = read_plain(response, most).await;
    job.charge_call(&charges);
    match answer {
        Ok(answer) => job.answer(codec, &answer),
        Err(error) => job.problem(codec, &Problem::Unreadable(error)),
    }
}
