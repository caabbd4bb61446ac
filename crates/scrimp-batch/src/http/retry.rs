//! Calls for single items whose batch failed.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::{
    Problem,
    alone::{Sent, Terms, alone, send},
    batch::batch,
    call::read,
    driver::{HttpCalls, JobOf, ReplyOf, finish},
    outcome::Failed,
};
use crate::{
    BatchCodec,
    codec::{Item, Verdict},
    config::{pause, slow_pause},
    engine::InFlightGuard,
};

/// Calls made at a time for one batch.
pub(crate) const AT_ONCE: usize = 8;

/// Retries items with a transient failure, each after a random pause.
pub(crate) async fn retry_all<D: HttpCalls>(driver: D, failed: Vec<Failed<D::Body, D::Error>>) {
    let calls = failed
        .into_iter()
        .map(move |failed| retry(driver.clone(), failed, pause));
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// Retries an item, alone, each time after a random pause and after the wait that the upstream asks
/// for.
pub(crate) async fn retry<D: HttpCalls>(
    driver: D,
    failed: Failed<D::Body, D::Error>,
    mut random: fn(u32) -> Duration,
) {
    let common = Arc::clone(driver.common());
    let (codec, limit) = (&common.codec, common.config.timeout);
    let Failed {
        mut job,
        mut answer,
        mut wait,
    } = failed;
    for attempt in 0..common.config.retries {
        let rest = random(attempt).max(wait.unwrap_or_default());
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
        let terms = Terms {
            until: Some(Instant::now() + limit),
            counted: true,
            guard: None,
        };
        let (sent, newer, verdict) = match send(driver.clone(), job, terms).await {
            Sent::Passing(mut sent, response) => {
                let verdict = Verdict::of(&response);
                if !is_retried(verdict, replayable, response.status()) {
                    return sent.pass(response, ());
                }
                let charges = response.extensions().clone();
                // If this answer cannot be read, the last one that could be stays.
                let newer = read(response, common.config.max_answer).await.ok();
                // The cost may depend on the body.
                sent.charge_call(&charges);
                (sent, newer, verdict)
            }
            Sent::Whole(sent, response, verdict) => {
                if !is_retried(verdict, replayable, response.status()) {
                    return sent.answer(codec, &response);
                }
                (sent, Some(response), verdict)
            }
            Sent::TimedOut(sent) if replayable => {
                job = sent;
                continue;
            }
            Sent::TimedOut(sent) => return sent.problem(codec, &Problem::Ambiguous(limit)),
            Sent::Unreadable(sent, error) => {
                return sent.problem(codec, &Problem::Unreadable(error));
            }
            Sent::Failed(sent, error) => return sent.fail(error),
            Sent::Refused => return,
        };
        job = sent;
        answer = newer.unwrap_or(answer);
        (random, wait) = match verdict {
            Verdict::NotDone(asked) => (slow_pause as fn(u32) -> Duration, asked),
            Verdict::Transient(asked) => (pause as fn(u32) -> Duration, asked),
            Verdict::Final | Verdict::Critical => (random, None),
        };
    }
    job.answer(codec, &answer);
}

/// Reports whether an item is sent again after such an answer. Only an answer that says that nothing
/// was done, as 429 does, allows that for any item.
fn is_retried(verdict: Verdict, replayable: bool, status: StatusCode) -> bool {
    match verdict {
        Verdict::NotDone(_) => true,
        Verdict::Transient(_) => replayable || status == StatusCode::TOO_MANY_REQUESTS,
        Verdict::Final | Verdict::Critical => false,
    }
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
    alone(driver, job, Some(limit), None).await;
}
