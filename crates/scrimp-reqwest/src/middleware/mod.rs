//! A tower stack at the end of a chain of reqwest-middleware.

mod call;
mod limit;
mod place;
mod watch;

use std::future::poll_fn;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use scrimp_core::{BoxError, extensions::Patience};
use tower_service::Service;

use self::limit::{limited, timed_out, within};
use crate::{limit::set_deadline, url::AnsweredBy};

pub use call::MiddlewareCall;
pub use place::NotLast;
pub use watch::HiddenCredential;

/// A tower stack as the last middleware of a chain.
///
/// reqwest-middleware lends a middleware the rest of its chain for one call only; refreshes and
/// shared calls live longer. So this middleware never uses the rest, and fails every request with
/// [`NotLast`] if other middlewares follow. The stack owns its client instead: see
/// [`Transport`](crate::Transport).
///
/// A request's extensions go into the stack, and those of the response come back. Middlewares
/// before this one can read a [`CacheInfo`](scrimp_core::extensions::CacheInfo) or set a
/// [`Tenant`](scrimp_core::extensions::Tenant).
///
/// The [time-out](reqwest::RequestBuilder::timeout) of a request is that of its caller. It becomes
/// a [`Deadline`](scrimp_core::extensions::Deadline) and limits the whole, the body included,
/// wherever in the stack the caller waits: for a store, a turn, a batch, or the call of another
/// caller. The error says so ([`is_timeout`](reqwest::Error::is_timeout)), though it is one of a
/// body ([`is_body`](reqwest::Error::is_body)): reqwest offers no way to make another kind. A
/// call that others wait for goes on without its caller's limit; the time-out of the transport's
/// client still ends it.
#[derive(Debug, Clone)]
pub struct StackMiddleware<S> {
    stack: S,
}

/// Makes a client that sends every request through `stack`.
///
/// It only makes requests, and `stack` sends them. Default headers, credentials, cookies and
/// redirects belong to a [`SessionLayer`](crate::SessionLayer) at the top of the stack;
/// time-outs, TLS and proxies to the client of the stack's [`Transport`](crate::Transport). More
/// middlewares go before the stack with [`StackMiddleware`], or after it in the client of the
/// transport.
///
/// # Panics
///
/// As [`reqwest::Client::new`]: if no TLS backend can be initialised.
pub fn client_with<S, B>(stack: S) -> ClientWithMiddleware
where
    S: Service<Request<reqwest::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    ClientBuilder::new(reqwest::Client::new())
        .with(StackMiddleware::new(stack))
        .build()
}

// === impl StackMiddleware ===

impl<S> StackMiddleware<S> {
    /// Sends requests through `stack`.
    pub fn new(stack: S) -> Self {
        Self { stack }
    }
}

#[async_trait::async_trait]
impl<S, B> Middleware for StackMiddleware<S>
where
    S: Service<Request<reqwest::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, Error> {
        if !place::is_last(&next).await {
            return Err(Error::middleware(NotLast));
        }
        let url = request.url().clone();
        let mut request = Request::<reqwest::Body>::try_from(request)?;
        request.extensions_mut().extend(extensions.clone());
        set_deadline(request.extensions_mut());
        let mut patience = Patience::of(request.extensions());
        let mut stack = self.stack.clone();
        let call = async move {
            poll_fn(|cx| stack.poll_ready(cx)).await?;
            stack.call(request).await
        };
        let Some(response) = within(&mut patience, call).await else {
            return Err(timed_out(url));
        };
        let response = response.map_err(|error| recognised(error.into()))?;
        extensions.extend(response.extensions().clone());
        Ok(incoming(response, url, patience))
    }
}

/// Converts a response into one of reqwest.
fn incoming<B>(response: Response<B>, asked: reqwest::Url, patience: Patience) -> reqwest::Response
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    use reqwest::ResponseBuilderExt;

    let mut response = response.map(|body| limited(body, patience));
    let answered = response.extensions_mut().remove::<AnsweredBy>();
    let url = answered.map_or(asked, |AnsweredBy(url)| url);
    // The only way to set the URL: reqwest's own extension has no public name.
    if let Ok(carrier) = Response::builder().url(url).body(()) {
        let (parts, ()) = carrier.into_parts();
        response.extensions_mut().extend(parts.extensions);
    }
    reqwest::Response::from(response)
}

/// Returns the error that layers have boxed, so that callers can tell a time-out from a refused
/// connection.
fn recognised(error: BoxError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return *own,
        Err(error) => error,
    };
    match error.downcast::<reqwest::Error>() {
        Ok(own) => Error::Reqwest(*own),
        Err(error) => Error::Middleware(anyhow::Error::from_boxed(error)),
    }
}
