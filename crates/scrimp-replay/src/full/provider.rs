//! Providers: each responds as the upstream did in the log, with its own price and latency.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use scrimp_core::Money;
use tower_service::Service;

use super::codec::is_batch;
use crate::{
    drive::Tally,
    line::Entry,
    upstream::{Answering, Latency, Logged, Upstream, Zeros},
};

/// Extension of a request: its line in the log.
#[derive(Debug, Clone)]
pub(super) struct Origin(pub(super) Arc<Entry>);

/// Extension of a response: the status in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told(StatusCode);

/// Calls of every provider.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    made: u64,
    by: BTreeMap<String, u64>,
    /// Lines whose calls were made since the last `drain`, and their prices.
    fresh: Vec<(Arc<Entry>, Money)>,
}

/// Responds as in the log. The router sees every response as a success: a log shows whether a
/// request failed, not whether its provider failed.
#[derive(Debug, Clone)]
pub(super) struct Answerer {
    name: String,
    upstream: Upstream,
    price: Money,
    calls: Calls,
}

// === impl Calls ===

impl Calls {
    pub(super) fn made(&self) -> u64 {
        self.0.lock().made
    }

    /// Returns the calls of one provider.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.0.lock().by.get(name).copied().unwrap_or(0)
    }

    /// Records the calls since the last time. A batch call counts for its first line.
    pub(super) fn drain(&self, tally: &mut Tally) {
        for (entry, price) in self.0.lock().fresh.drain(..) {
            tally.called(&entry, price);
        }
    }

    fn call<B>(&self, name: &str, price: Money, request: &Request<B>) {
        let mut books = self.0.lock();
        books.made += 1;
        if let Some(calls) = books.by.get_mut(name) {
            *calls += 1;
        } else {
            books.by.insert(name.to_owned(), 1);
        }
        if let Some(Origin(entry)) = request.extensions().get() {
            books.fresh.push((Arc::clone(entry), price));
        }
    }
}

// === impl Answerer ===

impl Answerer {
    pub(super) fn new(name: &str, price: Money, latency: Latency, calls: &Calls) -> Self {
        Self {
            name: name.to_owned(),
            upstream: Upstream::new(price, latency),
            price,
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
        self.calls.call(&self.name, self.price, &request);
        let logged = request.extensions().get::<Logged>().copied();
        let logged = match logged {
            // The responses in a batch are made when it is taken apart.
            _ if is_batch(&request) => Logged {
                status: 200,
                bytes: 0,
                latency: logged.and_then(|first| first.latency),
            },
            Some(logged) => logged,
            None => Logged {
                status: 502,
                bytes: 0,
                latency: None,
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

/// Restores the status in the log.
pub(super) fn restored<B>(mut response: Response<B>) -> Response<B> {
    if let Some(Told(status)) = response.extensions_mut().remove() {
        *response.status_mut() = status;
    }
    response
}
