//! An item in flight, and all callers that wait for its answer.

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use scrimp_core::{
    Money, ShareError,
    extensions::{RefusedTenants, Settlement},
};
use scrimp_http::coding::ask_for_identity;
use tokio::time::Instant;

use super::{Problem, caller::Caller, combine::combine};
use crate::{BatchBody, BatchCodec, codec::Item, engine::Entry, money::amounts};

/// Result that a caller gets.
pub(crate) type Reply<B, E> = Result<Response<BatchBody<B>>, E>;

/// An item, its caller, and the callers of its duplicates.
pub(crate) struct Job<B, E> {
    pub(crate) deadline: Option<Instant>,
    /// The caller whose request is sent.
    first: Caller<B, E>,
    duplicates: Vec<Caller<B, E>>,
}

/// Makes jobs of entries, one for all duplicates. An entry past its deadline is answered here.
pub(crate) fn gather<B, E>(entries: Vec<Entry<Item, Reply<B, E>>>) -> Vec<Job<B, E>> {
    let now = Instant::now();
    let mut jobs: Vec<Job<B, E>> = Vec::with_capacity(entries.len());
    // The last job is that of the entry's equals.
    let mut equal = false;
    for entry in entries {
        let Entry {
            item,
            duplicate,
            deadline,
            responder,
            ..
        } = entry;
        equal &= duplicate;
        if deadline.is_some_and(|deadline| deadline < now) {
            responder.answer(Ok(Problem::Late.response().map(BatchBody::part)));
            continue;
        }
        let caller = Caller::new(item, responder);
        match jobs.last_mut().filter(|_| equal) {
            Some(job) => {
                // The answer is useful until the last of its callers stops waiting.
                job.deadline = job.deadline.zip(deadline).map(|(a, b)| a.max(b));
                job.duplicates.push(caller);
            }
            None => jobs.push(Job {
                deadline,
                first: caller,
                duplicates: Vec::new(),
            }),
        }
        equal = true;
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
    /// Returns the request that is sent.
    pub(crate) fn item(&self) -> &Item {
        &self.first.item
    }

    pub(crate) fn has_duplicates(&self) -> bool {
        !self.duplicates.is_empty()
    }

    pub(crate) fn duplicates(&self) -> usize {
        self.duplicates.len()
    }

    fn callers(&self) -> impl Iterator<Item = &Caller<B, E>> {
        std::iter::once(&self.first).chain(&self.duplicates)
    }

    /// Returns the extensions of each caller's request.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = &Extensions> {
        self.callers().map(|caller| &caller.item.head.extensions)
    }

    /// Reports whether no caller waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.callers().all(|caller| caller.responder.is_over())
    }

    /// Leaves out the callers that wait no more: they do not pay. Returns `None` if no other is
    /// left.
    pub(crate) fn without_gone(self) -> Option<Self> {
        if self.duplicates.is_empty() {
            return Some(self).filter(|job| !job.is_over());
        }
        self.divide(|caller| caller.responder.is_over()).0
    }

    /// Reports whether an inner layer refused a caller's tenant.
    pub(crate) fn is_refused(&self, refused: &RefusedTenants) -> bool {
        self.callers().any(|caller| caller.is_refused(refused))
    }

    /// Gives the callers whose tenants were refused their refusal. Returns `None` if no other is
    /// left.
    pub(crate) fn without(self, refused: &RefusedTenants) -> Option<Self> {
        let (left, gone) = self.divide(|caller| caller.is_refused(refused));
        gone.into_iter().for_each(|caller| caller.refuse(refused));
        left
    }

    /// Divides the callers into those who stay and those who go.
    fn divide(self, goes: impl FnMut(&Caller<B, E>) -> bool) -> (Option<Self>, Vec<Caller<B, E>>) {
        let callers = std::iter::once(self.first).chain(self.duplicates);
        let (gone, stay): (Vec<_>, Vec<_>) = callers.partition(goes);
        let mut stay = stay.into_iter();
        let left = stay.next().map(|first| Self {
            deadline: self.deadline,
            first,
            duplicates: stay.collect(),
        });
        (left, gone)
    }

    /// Returns the request as its caller sent it. If several callers wait for it, it is theirs
    /// together.
    pub(crate) fn request(&self) -> Request<Bytes> {
        let item = self.item();
        let mut request = Request::from_parts(item.head.clone(), item.body.clone());
        if self.has_duplicates() {
            combine(request.extensions_mut(), std::slice::from_ref(self));
            // Duplicates may accept other codings.
            ask_for_identity(request.headers_mut());
        }
        request
    }

    /// Adds a cost, which its callers share equally.
    pub(crate) fn charge(&mut self, amount: Money) {
        if self.duplicates.is_empty() {
            return self.first.paid.add(amount);
        }
        let mut parts = amount
            .split(&vec![1; self.duplicates.len() + 1])
            .into_iter();
        for caller in std::iter::once(&mut self.first).chain(&mut self.duplicates) {
            caller
                .paid
                .add(parts.next().expect("each caller has a part"));
        }
    }

    /// Adds the charges that the response to a call for it alone reports.
    pub(crate) fn charge_call(&mut self, response: &Extensions) {
        self.note(response);
        amounts(response).for_each(|amount| self.charge(amount));
    }

    /// Remembers which ledgers have booked the call behind a response.
    pub(crate) fn note(&mut self, response: &Extensions) {
        for caller in std::iter::once(&mut self.first).chain(&mut self.duplicates) {
            caller.paid.note(response);
        }
    }

    /// Gives each caller a copy of an answer, and a part of the charge.
    pub(crate) fn answer(self, codec: &impl BatchCodec, answer: &Response<Bytes>) {
        for duplicate in self.duplicates {
            let copy = codec.duplicate(&self.first.item, &duplicate.item, answer);
            duplicate.answer(copy);
        }
        self.first.answer(answer.clone());
    }

    /// Gives the only caller a response as it comes.
    pub(crate) fn pass(mut self, mut response: Response<BatchBody<B>>, mark: impl Send + 'static)
    where
        B: Body,
    {
        response.body_mut().hold(mark);
        // The cost of several calls is not settled by the last one.
        let only = self.first.paid.is_nothing();
        let settlement = response.extensions_mut().remove::<Settlement>();
        self.charge_call(response.extensions());
        self.first.paid.tell(response.extensions_mut());
        if let Some(settlement) = settlement.filter(|_| only) {
            response.extensions_mut().insert(settlement);
        }
        self.first.responder.answer(Ok(response));
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
            return self.first.responder.answer(Err(error));
        }
        let shared = error.share();
        self.fail_shared(&shared);
    }

    pub(crate) fn fail_shared(self, shared: &E::Shared)
    where
        E: ShareError,
    {
        for caller in self.duplicates.into_iter().chain([self.first]) {
            let error = E::unshare(shared.clone());
            caller.responder.answer(Err(error));
        }
    }
}
