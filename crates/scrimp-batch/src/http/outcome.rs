//! Hands out the answers to a batch.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use scrimp_http::part;

use super::{
    Common, Problem, Reply,
    batch::{Leftover, size},
    job::Job,
};
use crate::{
    BatchCodec,
    codec::{Item, Verdict},
    config::pause,
    engine::{InFlightGuard, Sizes},
};

/// A job with a transient failure.
pub(crate) struct Failed<B, E> {
    pub(crate) job: Job<B, E>,
    /// The answer if no retry gives a better one.
    pub(crate) answer: Response<Bytes>,
    /// The wait that the upstream asked for.
    pub(crate) wait: Option<Duration>,
}

/// Jobs of a batch that the upstream stopped within, as it was too large.
pub(crate) struct Rest<B, E> {
    /// Those that were not carried out.
    pub(crate) jobs: Vec<Job<B, E>>,
    /// The number of items to send at once.
    pub(crate) limit: usize,
}

/// Place in a batch at which the upstream stopped, and the number of items that it takes, if it says
/// so.
pub(crate) type Stop = (usize, Option<usize>);

/// Returns how many items may fail and still be retried: one, or a fifth of the batch.
fn few(items: usize) -> usize {
    (items / 5).max(1)
}

/// Answers the jobs that have an answer. Transient failures are left over if they are few and no
/// failure is critical; otherwise they are answered too. Returns the jobs that were not carried out
/// because the batch is too large, if there are any.
pub(crate) fn settle<C: BatchCodec, B, E>(
    common: &Common<C>,
    guard: &InFlightGuard<Item, Reply<B, E>>,
    jobs: Vec<Job<B, E>>,
    answers: Vec<Option<Response<Bytes>>>,
    outer: &Response<Bytes>,
    stop: Option<Stop>,
) -> (Leftover<B, E>, Rest<B, E>) {
    let (size, codec) = (size(&jobs), &common.codec);
    let mut left = Leftover::none();
    let mut rest = Vec::new();
    let mut critical = false;
    let mut answers = answers.into_iter();
    for (index, job) in jobs.into_iter().enumerate() {
        // A codec may give fewer answers than there are items.
        let answer = answers.next().flatten();
        if answer.is_none() && stop.is_some_and(|(at, _)| index >= at) {
            rest.push(job);
            continue;
        }
        let (answer, verdict) = judge(common, &job, answer, outer);
        match verdict {
            Verdict::Transient(wait) => left.failed.push(Failed { job, answer, wait }),
            Verdict::NotDone(wait) => left.not_done.push(Failed { job, answer, wait }),
            Verdict::Final => job.answer(codec, &answer),
            Verdict::Critical => {
                critical = true;
                job.answer(codec, &answer);
            }
        }
    }
    let limit = learn(guard, size, rest.len(), stop);
    if left.failed.is_empty() && left.not_done.is_empty() {
        guard.all_clear();
        if rest.is_empty() {
            guard.accepted(size);
        }
    } else if critical || left.failed.len() > few(size.items) {
        if !critical {
            let wait = left.failed.iter().filter_map(|failed| failed.wait).max();
            guard.back_off(wait.unwrap_or_else(|| pause(guard.failures())));
        }
        answer_all(codec, &mut left.failed);
    }
    if critical {
        answer_all(codec, &mut left.not_done);
    }
    (left, Rest { jobs: rest, limit })
}

/// Gives failed jobs the answers that they have.
fn answer_all<B, E>(codec: &impl BatchCodec, failed: &mut Vec<Failed<B, E>>) {
    for failed in failed.drain(..) {
        failed.job.answer(codec, &failed.answer);
    }
}

/// Remembers how many items the upstream took before it stopped, or says that it takes. Returns the
/// number.
fn learn<B, E>(
    guard: &InFlightGuard<Item, Reply<B, E>>,
    size: Sizes,
    rest: usize,
    stop: Option<Stop>,
) -> usize {
    let Some((_, told)) = stop.filter(|_| rest > 0) else {
        return size.items;
    };
    let told = told.filter(|limit| *limit < size.items);
    let limit = told.unwrap_or(size.items - rest).max(1);
    guard.limited(limit, told.is_some());
    limit
}

/// Returns an item's answer, completed with what the whole response says, and its verdict. A
/// missing answer is a transient failure, unless a retry could carry the request out twice.
fn judge<C: BatchCodec, B, E>(
    common: &Common<C>,
    job: &Job<B, E>,
    answer: Option<Response<Bytes>>,
    outer: &Response<Bytes>,
) -> (Response<Bytes>, Verdict) {
    let replayable = job.item().admission.replayable;
    let Some(mut answer) = answer else {
        common.stats.missing.add(1);
        let verdict = if replayable {
            Verdict::Transient(None)
        } else {
            Verdict::Final
        };
        return (Problem::Missing.response(), verdict);
    };
    part::inherit(answer.headers_mut(), outer.headers());
    let verdict = match common.codec.verdict(job.item(), &answer) {
        // Only 429 says that the request was not carried out.
        Verdict::Transient(_) if !replayable && answer.status().as_u16() != 429 => Verdict::Final,
        verdict => verdict,
    };
    *answer.version_mut() = outer.version();
    *answer.extensions_mut() = outer.extensions().clone();
    (answer, verdict)
}

/// Answers every job with the whole response. The lane pauses if the failure is transient.
pub(crate) fn settle_whole<C: BatchCodec, B, E>(
    common: &Common<C>,
    guard: &InFlightGuard<Item, Reply<B, E>>,
    jobs: Vec<Job<B, E>>,
    response: &Response<Bytes>,
) -> Leftover<B, E> {
    if let Verdict::Transient(wait) = Verdict::of(response) {
        guard.back_off(wait.unwrap_or_else(|| pause(guard.failures())));
    }
    // It is about the batch: for the URI of an item there may be another answer.
    let mut response = response.clone();
    part::forbid_storing(response.headers_mut());
    jobs.into_iter()
        .for_each(|job| job.answer(&common.codec, &response));
    Leftover::none()
}
