//! An item under way, and all who wait for its answer.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{Key, KeyHashBuilder, ShareError};
use tokio::time::Instant;

use super::{Problem, money::Paid};
use crate::{
    BatchBody, BatchCodec,
    codec::Item,
    engine::{Entry, Responder},
};

/// What a caller gets.
pub(crate) type Reply<B, E> = Result<Response<BatchBody<B>>, E>;

/// An item, its caller, and the callers of items that are the same.
pub(crate) struct Job<B, E> {
    pub(crate) item: Item,
    pub(crate) deadline: Option<Instant>,
    /// What was paid for it so far.
    pub(crate) paid: Paid,
    responder: Responder<Reply<B, E>>,
    duplicates: Vec<(Item, Responder<Reply<B, E>>)>,
}

/// Makes jobs of entries, one of those that ask for the same. What is too late is told so.
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
        if let Some(job) = identity.and_then(|key| jobs.get_mut(*seen.get(key)?)) {
            // It is worth having until the last of them has left.
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

// === impl Job ===

impl<B, E> Job<B, E> {
    pub(crate) fn has_duplicates(&self) -> bool {
        !self.duplicates.is_empty()
    }

    pub(crate) fn duplicates(&self) -> usize {
        self.duplicates.len()
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.responder.is_over()
            && self
                .duplicates
                .iter()
                .all(|(_, responder)| responder.is_over())
    }

    /// The request as its caller had sent it.
    pub(crate) fn request(&self) -> Request<Bytes> {
        Request::from_parts(self.item.head.clone(), self.item.body.clone())
    }

    /// Gives everybody a copy of an answer, and of the charge a part.
    pub(crate) fn answer(self, codec: &impl BatchCodec, answer: &Response<Bytes>) {
        let mut shares = self.paid.split(self.duplicates.len() + 1).into_iter();
        let mut share = || shares.next().expect("there is one for each caller");
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

    /// Tells everybody of a failure of this layer's.
    pub(crate) fn problem(self, codec: &impl BatchCodec, problem: &Problem) {
        self.answer(codec, &problem.response());
    }

    /// Tells everybody of a failure of the upstream's.
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
