//! Each request's way into the gateway.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header::CONTENT_LENGTH};
use http_body::Body as _;
use hyper::{body::Incoming, service::Service};

use crate::{
    pace::Pace, peer::Peer, reply::Failure, service::Later, switch::Switch, upload::Upload,
};

use super::{
    answer::Answer,
    life::{Life, OpenRequest},
    request_body::RequestBody,
    slots::Slots,
    streams::Flow,
};

/// All requests are taken.
const FULL: Failure = Failure::refused(
    "too-many-requests",
    StatusCode::SERVICE_UNAVAILABLE,
    "too many requests are open",
);

/// The service of one connection.
pub(crate) struct Front {
    pub(crate) live: Switch,
    pub(crate) peer: Peer,
    pub(crate) pace: Pace,
    pub(crate) life: Arc<Life>,
    pub(crate) slots: Arc<Slots>,
}

/// The response to a request.
pub(crate) struct Responding {
    response: Later,
    open: Option<OpenRequest>,
    head: bool,
}

// === impl Front ===

impl Service<Request<Incoming>> for Front {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        let head = *request.method() == Method::HEAD;
        let Some(permit) = self.slots.request() else {
            return Responding {
                response: Box::pin(async { Ok(FULL.last_response()) }),
                open: None,
                head,
            };
        };
        let multiplexed = request.version() == Version::HTTP_2;
        let open = self.life.open(multiplexed, permit);
        let pace = self.pace;
        let upload = Upload::default();
        let mut request =
            request.map(|body| Body::new(RequestBody::new(body, pace, upload.clone())));
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(upload);
        Responding {
            response: self.live.app().serve(request),
            open: Some(open),
            head,
        }
    }
}

// === impl Responding ===

impl Future for Responding {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.response.as_mut().poll(cx))?;
        if self.head {
            leave_out_body(&mut response);
        }
        let open = self.open.take();
        Poll::Ready(Ok(
            response.map(|body| Answer::new(body, open, Flow::current()))
        ))
    }
}

/// Leaves out the body of a response to HEAD, and states its length if that is known (RFC 9110 §9.3.2). An empty
/// one says nothing of the length that a GET would have.
fn leave_out_body(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    if let Some(length) = length.filter(|&length| length > 0) {
        let headers = response.headers_mut();
        headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}
