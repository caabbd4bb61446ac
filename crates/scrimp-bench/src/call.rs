//! Calls of a service.

use std::{fmt::Debug, hint::black_box, marker::PhantomData};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

use crate::{poll, subject::Subject};

/// A service with the requests for its calls.
pub(crate) struct Calls<S, B, R, M> {
    service: S,
    make: M,
    made: usize,
    requests: Vec<Request<B>>,
    responses: Vec<Response<R>>,
    body: PhantomData<fn() -> R>,
}

// === impl Calls ===

impl<S, B, R, M> Calls<S, B, R, M>
where
    S: Service<Request<B>, Response = Response<R>>,
    M: FnMut(usize) -> Request<B>,
{
    /// Calls `make` for request number `first`, the next and so on.
    pub(crate) fn new(service: S, first: usize, make: M) -> Self {
        Self {
            service,
            make,
            made: first,
            requests: Vec::new(),
            responses: Vec::new(),
            body: PhantomData,
        }
    }
}

impl<S, B, R, M> Subject for Calls<S, B, R, M>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Debug,
    R: Body<Data = Bytes>,
    R::Error: Debug,
    M: FnMut(usize) -> Request<B>,
{
    fn prepare(&mut self, count: usize) {
        for _ in 0..count {
            self.requests.push((self.make)(self.made));
            self.made += 1;
        }
        self.responses.reserve(count);
    }

    fn exchange(&mut self) {
        for request in self.requests.drain(..) {
            let response = answer(&mut self.service, request);
            read(response);
        }
    }

    fn head(&mut self) {
        for request in self.requests.drain(..) {
            let response = answer(&mut self.service, request);
            self.responses.push(response);
        }
    }

    fn finish(&mut self) {
        self.responses.drain(..).for_each(read);
    }
}

fn answer<S, B>(service: &mut S, request: Request<B>) -> S::Response
where
    S: Service<Request<B>>,
    S::Error: Debug,
{
    poll::now(service.ready()).expect("nothing fails here");
    poll::now(service.call(request)).expect("nothing fails here")
}

fn read<R>(response: Response<R>)
where
    R: Body<Data = Bytes>,
    R::Error: Debug,
{
    let (head, body) = response.into_parts();
    let body = poll::now(body.collect()).expect("nothing fails here");
    black_box((&head, body.to_bytes()));
}
