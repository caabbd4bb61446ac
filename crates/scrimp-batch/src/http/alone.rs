//! The call for one item, as its caller sent it.
//!
//! Every such call is made, counted and booked here: of an item that was alone in its window, of one
//! whose batch failed, and of a retry.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body;
use scrimp_core::{
    BoxError,
    extensions::{RefusedTenants, TenantShares},
};
use scrimp_http::media_type::is_stream;
use tokio::time::{Instant, timeout_at};

use super::{
    Common, Problem,
    call::read_plain,
    driver::{Counting, HttpCalls, JobOf, ReplyOf},
    job::Job,
    opening::open,
    outcome::Failed,
    retry::retry,
};
use crate::{
    BatchBody, BatchCodec,
    codec::{Item, Verdict},
    config::slow_pause,
    engine::InFlightGuard,
};

/// Result of sending a job alone.
pub(crate) enum Sent<B, E> {
    /// The answer for its only caller, as it comes.
    Passing(Job<B, E>, Response<BatchBody<B>>),
    /// An answer that was read: several callers wait for it, or the codec judges its body. Its
    /// charges are the job's already.
    Whole(Job<B, E>, Response<Bytes>, Verdict),
    Unreadable(Job<B, E>, String),
    Failed(Job<B, E>, E),
    TimedOut(Job<B, E>),
    /// All its callers have been told that their tenants may not pay.
    Refused,
}

type SentOf<D> = Sent<<D as HttpCalls>::Body, <D as HttpCalls>::Error>;

/// Properties of a call for one item.
pub(crate) struct Terms<'a, D: HttpCalls> {
    /// The time until its head, and until its end if it is read.
    pub(crate) until: Option<Instant>,
    /// True if a batch was counted for its callers already: then no call is avoided.
    pub(crate) counted: bool,
    /// The call in flight, if it counts against its lane.
    pub(crate) guard: Option<&'a mut InFlightGuard<Item, ReplyOf<D>>>,
}

/// Sends a job alone. Callers whose tenants an inner layer refuses to pay for are told so, and it is
/// sent again for the others. It ends, as each round leaves fewer callers.
pub(crate) async fn send<D: HttpCalls>(
    driver: D,
    mut job: JobOf<D>,
    mut terms: Terms<'_, D>,
) -> SentOf<D> {
    let common = Arc::clone(driver.common());
    loop {
        let start = Instant::now();
        let request = job.request();
        let shares = request.extensions().get::<TenantShares>().cloned();
        let call = driver.clone().send(request);
        let result = match terms.until {
            Some(until) => timeout_at(until, call).await.ok(),
            None => Some(call.await),
        };
        if let Some(guard) = &mut terms.guard {
            guard.latency().record(start.elapsed());
        }
        let (response, counting) = match result {
            Some(Ok(answered)) => answered,
            Some(Err(error)) => {
                common.count_alone(&job, shares.as_ref(), None, terms.counted);
                return Sent::Failed(job, error);
            }
            None => {
                common.stats.failed.increment();
                common.count_alone(&job, shares.as_ref(), None, true);
                return Sent::TimedOut(job);
            }
        };
        let refused: Option<&RefusedTenants> = response.extensions().get();
        let Some(refused) = refused.filter(|refused| job.is_refused(refused)) else {
            if let Some(guard) = &mut terms.guard {
                guard.answered();
            }
            return match job.has_duplicates() {
                true => read(&common, job, (response, counting), shares, &terms).await,
                false => judge(&common, job, (response, counting)).await,
            };
        };
        match common.leave_out(vec![job], refused).pop() {
            Some(left) => job = left,
            None => return Sent::Refused,
        }
    }
}

/// Reads an answer for several callers.
async fn read<D: HttpCalls>(
    common: &Common<D::Codec>,
    mut job: JobOf<D>,
    (response, counting): (Response<D::Body>, Counting),
    shares: Option<TenantShares>,
    terms: &Terms<'_, D>,
) -> SentOf<D> {
    let mut charges = response.extensions().clone();
    let reading = read_plain(response, common.config.max_answer);
    let read = match terms.until {
        Some(until) => timeout_at(until, reading).await.ok(),
        None => Some(reading.await),
    };
    // The cost may depend on the body.
    let counted = terms.counted || read.is_none();
    common.count_alone(&job, shares.as_ref(), Some(&charges), counted);
    common.mark(&mut charges);
    job.charge_call(&charges);
    if let (Some(Err(_)) | None, Some(failed)) = (&read, counting) {
        failed.increment();
    }
    match read {
        Some(Ok(answer)) => {
            let verdict = common.codec.verdict(job.item(), &answer);
            Sent::Whole(job, answer, verdict)
        }
        Some(Err(error)) => Sent::Unreadable(job, error),
        None => Sent::TimedOut(job),
    }
}

/// Passes an answer on to its only caller, unless its codec reads in it that nothing was done.
async fn judge<C: BatchCodec, B, E>(
    common: &Common<C>,
    mut job: Job<B, E>,
    (mut response, counting): (Response<B>, Counting),
) -> Sent<B, E>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    common.stats.alone.increment();
    common.book_call(&job.item().head, response.extensions_mut());
    if is_stream(response.headers()) || !common.codec.judges_bodies() {
        let counted = |body| BatchBody::passing(body).counting(counting);
        return Sent::Passing(job, response.map(counted));
    }
    let (response, copy) = match open(response).await {
        Ok((response, Some(copy))) => (response, copy),
        Ok((response, None)) => {
            return Sent::Passing(job, response.map(|body| body.counting(counting)));
        }
        Err(error) => {
            if let Some(failed) = counting {
                failed.increment();
            }
            return Sent::Unreadable(job, error);
        }
    };
    match common.codec.verdict(job.item(), &copy) {
        verdict @ Verdict::NotDone(_) => {
            job.charge_call(copy.extensions());
            Sent::Whole(job, copy, verdict)
        }
        _ => Sent::Passing(job, response),
    }
}

/// Sends a job alone, and gives its callers the answer. An item that the upstream did not carry out is
/// sent again after a pause, and its lane pauses as well. Returns the status of the answer, if it is
/// the last.
pub(crate) async fn alone<D: HttpCalls>(
    driver: D,
    job: JobOf<D>,
    limit: Option<Duration>,
    mut guard: Option<InFlightGuard<Item, ReplyOf<D>>>,
) -> Option<StatusCode> {
    let common = Arc::clone(driver.common());
    let terms = Terms {
        until: limit.map(|limit| Instant::now() + limit),
        counted: false,
        guard: guard.as_mut(),
    };
    match send(driver.clone(), job, terms).await {
        Sent::Passing(job, response) => {
            let status = response.status();
            // A stream may stay open without an end, and is no call that others wait for.
            let stream = is_stream(response.headers());
            job.pass(response, guard.filter(|_| !stream));
            return Some(status);
        }
        Sent::Whole(job, answer, Verdict::NotDone(wait)) => {
            if let Some(guard) = guard.take() {
                guard.back_off(wait.unwrap_or_else(|| slow_pause(0)));
            }
            retry(driver, Failed { job, answer, wait }, slow_pause).await;
        }
        Sent::Whole(job, answer, _) => {
            job.answer(&common.codec, &answer);
            return Some(answer.status());
        }
        Sent::Unreadable(job, error) => job.problem(&common.codec, &Problem::Unreadable(error)),
        Sent::Failed(job, error) => job.fail(error),
        Sent::TimedOut(job) => {
            let limit = limit.unwrap_or_default();
            job.problem(&common.codec, &Problem::TimedOut(limit));
        }
        Sent::Refused => {}
    }
    None
}
