//! Smaller batches of the items of one that was refused.

use std::sync::Arc;

use futures_util::{
    StreamExt,
    future::{join, ready},
    stream,
};

use super::{
    alone::alone,
    batch::{Leftover, batch, size},
    driver::{HttpCalls, JobOf, ReplyOf},
    job::single,
    retry::{AT_ONCE, once},
};
use crate::{codec::Item, engine::InFlightGuard};

/// Tries the halves of two or more jobs that were refused together. A half of one item is sent as
/// its caller sent it.
pub(crate) async fn halve<D: HttpCalls>(
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

/// Sends jobs in batches of up to `limit` items.
pub(crate) async fn portions<D: HttpCalls>(
    driver: D,
    mut jobs: Vec<JobOf<D>>,
    limit: usize,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
) -> Leftover<D::Body, D::Error> {
    let mut portions = Vec::with_capacity(jobs.len().div_ceil(limit));
    while jobs.len() > limit {
        let others = jobs.split_off(limit);
        portions.push(std::mem::replace(&mut jobs, others));
    }
    if !jobs.is_empty() {
        portions.push(jobs);
    }
    let calls = portions
        .into_iter()
        .map(move |jobs| half(driver.clone(), jobs, guard));
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .fold(Leftover::none(), |left, other| ready(left.and(other)))
        .await
}

async fn half<D: HttpCalls>(
    driver: D,
    jobs: Vec<JobOf<D>>,
    guard: &InFlightGuard<Item, ReplyOf<D>>,
) -> Leftover<D::Body, D::Error> {
    match single(jobs) {
        Ok(job) => {
            driver.common().take(1).await;
            let status = alone(driver, job, None, None).await;
            Leftover {
                poisoned: status.is_some_and(|status| status.is_client_error()),
                ..Leftover::none()
            }
        }
        Err(jobs) => batch(driver, jobs, guard).await,
    }
}

/// Sends jobs one by one, as their callers sent them.
pub(crate) async fn one_by_one<D: HttpCalls>(driver: D, jobs: Vec<JobOf<D>>) {
    let calls = jobs.into_iter().map(move |job| once(driver.clone(), job));
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}
