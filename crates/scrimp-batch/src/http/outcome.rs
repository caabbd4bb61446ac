//! Who got an answer, and what about the rest.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Response,
    header::{DATE, RETRY_AFTER},
};

use super::{LaneKey, Problem, Reply, batch::Leftover, job::Job};
use crate::{
    BatchCodec,
    codec::{Item, Verdict},
    common::Common,
    config::pause,
    engine::InFlightGuard,
};

/// A job whose answer may be better at another time.
pub(crate) struct Failed<B, E> {
    pub(crate) job: Job<B, E>,
    /// What the caller gets if nothing better comes.
    pub(crate) answer: Response<Bytes>,
    /// What the upstream asked to wait.
    pub(crate) wait: Option<Duration>,
}

/// The most that may fail and still be tried again: one, or a fifth.
fn few(items: usize) -> usize {
    (items / 5).max(1)
}

/// Answers those who have an answer. Those who failed for the moment are left over if they are
/// few and nothing critical happened; else everybody gets what there is.
pub(crate) fn settle<C: BatchCodec, B, E>(
    common: &Common<C>,
    guard: &InFlightGuard<Item, Reply<B, E>>,
    jobs: Vec<Job<B, E>>,
    answers: Vec<Option<Response<Bytes>>>,
    outer: &Response<Bytes>,
) -> Leftover<B, E> {
    let (items, codec) = (jobs.len(), &common.codec);
    let mut failed = Vec::new();
    let mut critical = false;
    let mut answers = answers.into_iter();
    let upstream = jobs.first().map(|job| LaneKey::upstream(&job.item.head));
    for job in jobs {
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
        if let Some(upstream) = upstream {
            common.sizes.clean(&upstream, items);
        }
        return Leftover::none();
    }
    if critical || failed.len() > few(items) {
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

/// An item's answer with what goes for the whole response, and what it means. One that is
/// missing is a failure of the moment, unless sending it again could do it twice.
fn judge<C: BatchCodec, B, E>(
    common: &Common<C>,
    job: &Job<B, E>,
    answer: Option<Response<Bytes>>,
    outer: &Response<Bytes>,
) -> (Response<Bytes>, Verdict) {
    let replayable = job.item.admission.replayable;
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
        // A date to wait for is measured from that of the response, which is this one's too.
        headers.insert(DATE, date.clone());
    }
    let verdict = match common.codec.verdict(&job.item, &answer) {
        // Only "too many" says that nothing was done.
        Verdict::Transient(_) if !replayable && answer.status().as_u16() != 429 => Verdict::Final,
        verdict => verdict,
    };
    *answer.version_mut() = outer.version();
    *answer.extensions_mut() = outer.extensions().clone();
    (answer, verdict)
}

/// The response is everybody's answer. If it is one of the moment, the lane waits.
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
