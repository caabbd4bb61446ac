//! Calls for single items whose batch failed.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Response;
use http_body::Body;
use scrimp_core::BoxError;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Problem,
    call::read,
    driver::{HttpCalls, JobOf},
    job::Job,
    outcome::Failed,
};
use crate::{BatchCodec, codec::Verdict, config::pause};

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
        let call = timeout(common.config.timeout, driver.clone().send(job.request()));
        let replayable = job.item.admission.replayable;
        let response = match call.await {
            Err(_) if replayable => continue,
            Err(_) => {
                let problem = Problem::Ambiguous(common.config.timeout);
                return job.problem(&common.codec, &problem);
            }
            Ok(Err(error)) => return job.fail(error),
            Ok(Ok(response)) => response,
        };
        let Verdict::Transient(asked) = Verdict::of(&response) else {
            return deliver(job, response, &common.codec, common.config.max_answer).await;
        };
        wait = asked;
        if !replayable && response.status().as_u16() != 429 {
            return deliver(job, response, &common.codec, common.config.max_answer).await;
        }
        job.paid.add_call(response.extensions());
        // If this answer cannot be read, the last one that could be stays.
        if let Ok(better) = read(response, common.config.max_answer).await {
            answer = better;
        }
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
    match timeout(limit, driver.send(job.request())).await {
        Ok(Ok(response)) => {
            deliver(job, response, &common.codec, common.config.max_answer).await;
        }
        Ok(Err(error)) => job.fail(error),
        Err(_) => job.problem(&common.codec, &Problem::TimedOut(limit)),
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
    job.paid.add_call(response.extensions());
    match read(response, most).await {
        Ok(answer) => job.answer(codec, &answer),
        Err(error) => job.problem(codec, &Problem::Unreadable(error)),
    }
}
