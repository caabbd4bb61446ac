//! Those who answer: as the log says the upstream did, each at its own price and pace.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use scrimp_core::Money;
use tower_service::Service;

use super::codec::is_batch;
use crate::{
    line::Entry,
    replay::Tally,
    upstream::{Answering, Logged, Upstream, Zeros},
};

/// Rides on a request: the line of the log it was made for.
#[derive(Debug, Clone)]
pub(super) struct Origin(pub(super) Arc<Entry>);

/// Rides on a response: the status that the log tells of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told(StatusCode);

/// Every provider's calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    made: u64,
    by: BTreeMap<String, u64>,
    /// What calls were made for since the last look.
    fresh: Vec<Arc<Entry>>,
}

/// Answers as the log says. To the router every answer is a good one: a log tells whether a
/// request failed, not whether its provider did.
#[derive(Debug, Clone)]
pub(super) struct Answerer {
    name: String,
    upstream: Upstream,
    calls: Calls,
}

// === impl Calls ===

impl Calls {
    pub(super) fn made(&self) -> u64 {
        self.0.lock().made
    }

    /// Calls of one provider.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.0.lock().by.get(name).copied().unwrap_or(0)
    }

    /// Books what was called since the last time. A batch's call counts for the first of it.
    pub(super) fn drain(&self, tally: &mut Tally) {
        for entry in self.0.lock().fresh.drain(..) {
            tally.called(&entry);
        }
    }

    fn call<B>(&self, name: &str, request: &Request<B>) {
        let mut books = self.0.lock();
        books.made += 1;
        if let Some(calls) = books.by.get_mut(name) {
            *calls += 1;
        } else {
            books.by.insert(name.to_owned(), 1);
        }
        if let Some(Origin(entry)) = request.extensions().get() {
            books.fresh.push(Arc::clone(entry));
        }
    }
}

// === impl Answerer ===

impl Answerer {
    pub(super) fn new(name: &str, price: Money, latency: Duration, calls: &Calls) -> Self {
        Self {
            name: name.to_owned(),
            upstream: Upstream::new(price, latency),
            calls: calls.clone(),
        }
    }
}

impl<B> Service<Request<B>> for Answerer {
    type Response = Response<Zeros>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        self.calls.call(&self.name, &request);
        let logged = request.extensions().get::<Logged>().copied();
        let logged = match logged {
            // The answers in it are made where it is taken apart.
            _ if is_batch(&request) => Logged {
                status: 200,
                bytes: 0,
            },
            Some(logged) => logged,
            None => Logged {
                status: 502,
                bytes: 0,
            },
        };
        let told = Told(logged.answer());
        request.extensions_mut().insert(logged);
        let mut answering = self.upstream.call(request);
        answering.change(|response| {
            *response.status_mut() = StatusCode::OK;
            response.extensions_mut().insert(told);
        });
        answering
    }
}

/// Gives an answer the status back that the log tells of.
pub(super) fn restored<B>(mut response: Response<B>) -> Response<B> {
    if let Some(Told(status)) = response.extensions_mut().remove() {
        *response.status_mut() = status;
    }
    response
}
