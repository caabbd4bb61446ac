//! The service.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::BoxError;
use tower_service::Service;

use super::{config::Config, future::SessionFuture, hop::Hop};
use crate::{body::outgoing, limit::set_deadline};

/// The service of a [`SessionLayer`](super::SessionLayer).
#[derive(Clone)]
pub struct Session<S> {
    inner: S,
    config: Arc<Config>,
}

// === impl Session ===

impl<S> Session<S> {
    pub(super) fn from_parts(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Session<S>
where
    S: Service<Request<reqwest::Body>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SessionFuture<S, S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.map(outgoing).into_parts();
        set_deadline(&mut head.extensions);
        if let Some(tenant) = &self.config.tenant {
            head.extensions.insert(tenant.clone());
        }
        let (body, copy) = repeatable(body);
        let hop = Hop::new(&head, copy, self.config.redirects);
        if let Some(hop) = &hop {
            self.config.apply(&mut head.headers, hop.url(), true);
        }
        // The instance that was ready makes the first call, its clone those after redirects.
        let spare = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, spare.clone());
        let call = ready.call(Request::from_parts(head, body));
        SessionFuture::new(spare, Arc::clone(&self.config), hop, call)
    }
}

/// Returns a body and its bytes, if they are in memory.
fn repeatable(mut body: reqwest::Body) -> (reqwest::Body, Option<Bytes>) {
    if body.as_bytes().is_none() {
        return match body.is_end_stream() {
            true => (body, Some(Bytes::new())),
            false => (body, None),
        };
    }
    // The one frame of a body in memory is shared, not copied.
    let poll = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(Ok(frame))) = poll else {
        return (body, Some(Bytes::new()));
    };
    let bytes = frame.into_data().unwrap_or_default();
    (reqwest::Body::from(bytes.clone()), Some(bytes))
}

impl<S: fmt::Debug> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("inner", &self.inner)
            .field("config", &self.config)
            .finish()
    }
}
