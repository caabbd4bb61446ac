//! Clients that a transport can use.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Extensions;
use pin_project_lite::pin_project;
use tower_service::Service;

/// A client like reqwest's: [`reqwest::Client`], or a `ClientWithMiddleware`.
pub trait Call: Clone + Send + Sync + 'static {
    /// Error of a call.
    type Error: From<reqwest::Error>;
    /// Future of a call. Returns the response and its extensions.
    type Future: Future<Output = Result<(reqwest::Response, Extensions), Self::Error>> + Send;

    /// Makes a call.
    fn call(&self, request: reqwest::Request) -> Self::Future;

    /// Returns reqwest's client that makes the calls in the end. A [`Transport`](crate::Transport)
    /// reads its settings. Default: `None`, so nothing can be seen, and the transport needs an
    /// [`identity`](crate::TransportBuilder::identity).
    fn client(&self) -> Option<&reqwest::Client> {
        None
    }
}

/// On a request: its transport has a name for the identity that the client adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched;

pin_project! {
    /// A call of a plain client.
    pub struct ClientCall {
        #[pin]
        call: <reqwest::Client as Service<reqwest::Request>>::Future,
    }
}

// === impl Client ===

impl Call for reqwest::Client {
    type Error = reqwest::Error;
    type Future = ClientCall;

    fn call(&self, request: reqwest::Request) -> ClientCall {
        // Not `execute`: its future borrows the client.
        let call = Service::call(&mut self.clone(), request);
        ClientCall { call }
    }

    fn client(&self) -> Option<&reqwest::Client> {
        Some(self)
    }
}

impl Future for ClientCall {
    type Output = Result<(reqwest::Response, Extensions), reqwest::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.project().call.poll(cx));
        Poll::Ready(result.map(|response| (response, Extensions::new())))
    }
}

impl fmt::Debug for ClientCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCall").finish_non_exhaustive()
    }
}
