//! reqwest's client as the innermost service of a tower stack.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, Problem, extensions::Tenant};
use tower_service::Service;

use crate::{
    body::outgoing,
    call::{Call, Vouched},
    limit,
    url::AnsweredBy,
};

/// Adapts reqwest's client to `http`'s types.
///
/// It is the innermost service of a stack: over a [`reqwest::Client`], or, with the feature
/// `middleware`, over a `ClientWithMiddleware`, whose middlewares then run for every call that
/// reaches the network.
///
/// Bodies stream in both directions; extensions are passed on; a request's time-out and its
/// [`Deadline`](scrimp_core::extensions::Deadline) limit its call, the body included; dropping the future or the response's body cancels the call. It is always ready: the client has
/// a pool and no limit of its own.
///
/// The client must do nothing that the layers have to see: it follows no redirects, keeps no
/// cookies and adds no headers. Otherwise a cache would give one user's response to another.
/// [`build`](crate::TransportBuilder::build) refuses such a client, and a
/// [`SessionLayer`](crate::SessionLayer) does these things outside the stack.
#[derive(Clone)]
pub struct Transport<C = reqwest::Client> {
    client: C,
    identity: Option<Tenant>,
}

pin_project! {
    /// The response of a [`Transport`].
    pub struct TransportFuture<C: Call> {
        #[pin]
        state: State<C::Future, C::Error>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, E> {
        Calling { #[pin] call: F },
        // The request cannot be sent by reqwest, for example because of a relative URI.
        Refused { error: Option<E> },
        // The request is not of the identity of this transport.
        Misdirected,
    }
}

// === impl Transport ===

impl<C> Transport<C> {
    pub(crate) fn from_parts(client: C, identity: Option<Tenant>) -> Self {
        Self { client, identity }
    }

    /// Reports whether a request may go out under the identity of this transport.
    fn admits(&self, request: &Extensions) -> bool {
        self.identity.is_none() || request.get() == self.identity.as_ref()
    }

    /// Returns the client.
    pub fn get_ref(&self) -> &C {
        &self.client
    }

    /// Returns the client.
    pub fn into_inner(self) -> C {
        self.client
    }
}

impl<C, B> Service<Request<B>> for Transport<C>
where
    C: Call,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = C::Error;
    type Future = TransportFuture<C>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !self.admits(request.extensions()) {
            let state = State::Misdirected;
            return TransportFuture { state };
        }
        if self.identity.is_some() {
            request.extensions_mut().insert(Vouched);
        }
        let left = limit::left(request.extensions());
        let state = match reqwest::Request::try_from(request.map(outgoing)) {
            Ok(mut request) => {
                if let Some(left) = left {
                    let own = request.timeout_mut();
                    *own = Some(own.map_or(left, |own| own.min(left)));
                }
                let call = self.client.call(request);
                State::Calling { call }
            }
            Err(error) => State::Refused {
                error: Some(error.into()),
            },
        };
        TransportFuture { state }
    }
}

/// The client is not written: reqwest shows its default headers and the user names and passwords
/// of its proxies.
impl<C> fmt::Debug for Transport<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Returns the refusal of a request without the transport's identity.
fn other_identity() -> Response<reqwest::Body> {
    Problem::new(
        "reqwest",
        "other-identity",
        StatusCode::INTERNAL_SERVER_ERROR,
    )
    .error("proxy_configuration_error")
    .detail(
        "The transport has an identity, and the request is not of this identity: outside the \
         stack, a SessionLayer must set the identity of the transport as the tenant.",
    )
    .response()
    .map(reqwest::Body::from)
}

// === impl TransportFuture ===

impl<C: Call> Future for TransportFuture<C> {
    type Output = Result<Response<reqwest::Body>, C::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { call } => {
                let result = ready!(call.poll(cx));
                Poll::Ready(result.map(|(response, extensions)| {
                    let url = response.url().clone();
                    let mut response = Response::<reqwest::Body>::from(response);
                    response.extensions_mut().extend(extensions);
                    response.extensions_mut().insert(AnsweredBy(url));
                    response
                }))
            }
            StateProj::Refused { error } => {
                let error = error
                    .take()
                    .expect("a future is not polled after completion");
                Poll::Ready(Err(error))
            }
            StateProj::Misdirected => Poll::Ready(Ok(other_identity())),
        }
    }
}

impl<C: Call> fmt::Debug for TransportFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFuture").finish_non_exhaustive()
    }
}
