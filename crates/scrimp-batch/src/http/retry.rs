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
    call::read,
    driver::{HttpCalls, JobOf},
    job::Job,
    outcome::Failed,
};
use crate::{BatchCodec, codec::Verdict, config::pause};

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
const AT_ONCE: usize = 8;

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
        if let Ok(better) = read(response, common.config.max_answer).await {
            answer = better;
        }
        // The cost may depend on the body.
        job.charge_call(&charges);
    }
    job.answer(&common.codec, &answer);
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
    let answer = read(response, most).await;
    job.charge_call(&charges);
    match answer {
        Ok(answer) => job.answer(codec, &answer),
        Err(error) => job.problem(codec, &Problem::Unreadable(error)),
    }
}
