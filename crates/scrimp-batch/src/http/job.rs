//! An item in flight, and all callers that wait for its answer.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{Key, KeyHashBuilder, ShareError};
use tokio::time::Instant;

use super::Problem;
use crate::{
    BatchBody, BatchCodec,
    codec::Item,
    engine::{Entry, Responder},
    money::Paid,
};

/// Result that a caller gets.
pub(crate) type Reply<B, E> = Result<Response<BatchBody<B>>, E>;

/// An item, its caller, and the callers of its duplicates.
pub(crate) struct Job<B, E> {
    pub(crate) item: Item,
    pub(crate) deadline: Option<Instant>,
    /// Its cost so far.
    pub(crate) paid: Paid,
    responder: Responder<Reply<B, E>>,
    duplicates: Vec<(Item, Responder<Reply<B, E>>)>,
}

/// Makes jobs of entries, one for all duplicates. An entry past its deadline is answered here.
pub(crate) fn gather<B, E>(entries: Vec<Entry<Item, Reply<B, E>>>, dedupe: bool) -> Vec<Job<B, E>> {
    let now = Instant::now();
    let mut jobs: Vec<Job<B, E>> = Vec::with_capacity(entries.len());
    let mut seen: HashMap<Key, usize, KeyHashBuilder> = HashMap::with_hasher(KeyHashBuilder);
    for Entry {
        item,
        deadline,
        responder,
    } in entries
    {
        if deadline.is_some_and(|deadline| deadline < now) {
            responder.answer(Ok(Problem::Late.response().map(BatchBody::part)));
            continue;
        }
        let identity = item.admission.identity.as_ref().filter(|_| dedupe);
        if let Some(index) = identity.and_then(|key| seen.get(key)) {
            let job = &mut jobs[*index];
            // The answer is useful until the last of its callers stops waiting.
            job.deadline = job.deadline.zip(deadline).map(|(a, b)| a.max(b));
            job.duplicates.push((item, responder));
            continue;
        }
        if let Some(key) = identity {
            seen.insert(key.clone(), jobs.len());
        }
        jobs.push(Job {
            item,
            deadline,
            paid: Paid::default(),
            responder,
            duplicates: Vec::new(),
        });
    }
    jobs
}

/// Returns the first job of a batch.
pub(crate) fn first<B, E>(jobs: &[Job<B, E>]) -> &Job<B, E> {
    jobs.first().expect("a batch that is sent has a job")
}

/// Returns the job if there is one only, and it has one caller only; else all jobs.
pub(crate) fn single<B, E>(jobs: Vec<Job<B, E>>) -> Result<Job<B, E>, Vec<Job<B, E>>> {
    match <[_; 1]>::try_from(jobs)? {
        [job] if !job.has_duplicates() => Ok(job),
        jobs => Err(jobs.into()),
    }
}

// === impl Job ===

impl<B, E> Job<B, E> {
    pub(crate) fn has_duplicates(&self) -> bool {
        !self.duplicates.is_empty()
    }

    pub(crate) fn duplicates(&self) -> usize {
        self.duplicates.len()
    }

    /// Reports whether no caller waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.responder.is_over()
            && self
                .duplicates
                .iter()
                .all(|(_, responder)| responder.is_over())
    }

    /// Returns the request as its caller sent it.
    pub(crate) fn request(&self) -> Request<Bytes> {
        Request::from_parts(self.item.head.clone(), self.item.body.clone())
    }

    /// Gives each caller a copy of an answer, and a part of the charge.
    pub(crate) fn answer(self, codec: &impl BatchCodec, answer: &Response<Bytes>) {
        let mut shares = self.paid.split(self.duplicates.len() + 1).into_iter();
        let mut share = || shares.next().expect("each caller has a share");
        let own = share();
        for (duplicate, responder) in self.duplicates {
            let copy = codec.duplicate(&self.item, &duplicate, answer);
            responder.answer(Ok(part(copy, share())));
        }
        self.responder.answer(Ok(part(answer.clone(), own)));
    }

    /// Gives the only caller a response as it comes.
    pub(crate) fn pass(mut self, response: Response<B>, mark: impl Send + 'static)
    where
        B: Body,
    {
        let mut response = response.map(BatchBody::passing);
        response.body_mut().hold(mark);
        self.paid.add_call(response.extensions());
        self.paid.tell(response.extensions_mut());
        self.responder.answer(Ok(response));
    }

    /// Gives each caller a problem document of this layer.
    pub(crate) fn problem(self, codec: &impl BatchCodec, problem: &Problem) {
        self.answer(codec, &problem.response());
    }

    /// Gives each caller the error of the inner service.
    pub(crate) fn fail(self, error: E)
    where
        E: ShareError,
    {
        if self.duplicates.is_empty() {
            return self.responder.answer(Err(error));
        }
        let shared = error.share();
        self.fail_shared(&shared);
    }

    pub(crate) fn fail_shared(self, shared: &E::Shared)
    where
        E: ShareError,
    {
        let responders = self.duplicates.into_iter().map(|(_, responder)| responder);
        for responder in responders.chain([self.responder]) {
            responder.answer(Err(E::unshare(shared.clone())));
        }
    }
}

fn part<B>(answer: Response<Bytes>, paid: Paid) -> Response<BatchBody<B>> {
    let mut answer = answer.map(BatchBody::part);
    paid.tell(answer.extensions_mut());
    answer
}
