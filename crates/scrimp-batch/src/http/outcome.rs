//! Hands out the answers to a batch.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Response,
    header::{DATE, RETRY_AFTER},
};

use super::{
    Common, Problem, Reply,
    batch::{Leftover, size},
    job::Job,
};
use crate::{
    BatchCodec,
    codec::{Item, Verdict},
    config::pause,
    engine::InFlightGuard,
};

/// A job with a transient failure.
pub(crate) struct Failed<B, E> {
    pub(crate) job: Job<B, E>,
    /// The answer if no retry gives a better one.
    pub(crate) answer: Response<Bytes>,
    /// The wait that the upstream asked for.
    pub(crate) wait: Option<Duration>,
}

/// Returns how many items may fail and still be retried: one, or a fifth of the batch.
fn few(items: usize) -> usize {
    (items / 5).max(1)
}

/// Answers the jobs that have an answer. Transient failures are left over if they are few and no
/// failure is critical; otherwise they are answered too.
pub(crate) fn settle<C: BatchCodec, B, E>(
    common: &Common<C>,
    guard: &InFlightGuard<Item, Reply<B, E>>,
    jobs: Vec<Job<B, E>>,
    answers: Vec<Option<Response<Bytes>>>,
    outer: &Response<Bytes>,
) -> Leftover<B, E> {
    let (size, codec) = (size(&jobs), &common.codec);
    let mut failed = Vec::new();
    let mut critical = false;
    let mut answers = answers.into_iter();
    for job in jobs {
        // A codec may give fewer answers than there are items.
        let answer = answers.next().flatten();
        let (answer, verdict) = judge(common, &job, answer, outer);
        match verdict {
            Verdict::Transient(wait) => failed.push(Failed { job, answer, wait }),
            Verdict::Final => job.answer(codec, &answer),
            Verdict::Critical => {
                critical = true;
                job.answer(codec, &answer);
            }
        }
    }
    if failed.is_empty() {
        guard.all_clear();
        guard.accepted(size);
        return Leftover::none();
    }
    if critical || failed.len() > few(size.items) {
        if !critical {
            let wait = failed.iter().filter_map(|failed| failed.wait).max();
            guard.back_off(wait.unwrap_or_else(|| pause(guard.failures())));
        }
        failed
            .into_iter()
            .for_each(|failed| failed.job.answer(codec, &failed.answer));
        return Leftover::none();
    }
    Leftover {
        failed,
        ..Leftover::none()
    }
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
    let headers = answer.headers_mut();
    if headers.contains_key(RETRY_AFTER)
        && !headers.contains_key(DATE)
        && let Some(date) = outer.headers().get(DATE)
    {
        // A date in Retry-After is measured from the Date of the whole response.
        headers.insert(DATE, date.clone());
    }
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
    jobs.into_iter()
        .for_each(|job| job.answer(&common.codec, response));
    Leftover::none()
}
