//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{config::Config, hop::Hop};
use crate::url::AnsweredBy;

/// Bytes of a redirect's body that are read, so that its connection can be used again and a cache
/// can store it. Larger bodies are dropped.
const READ: u64 = 64 << 10;

pin_project! {
    /// The response of a [`Session`](super::Session).
    #[must_use = "futures do nothing unless polled"]
    pub struct SessionFuture<S, F, R> {
        service: S,
        config: Arc<Config>,
        // `None` if the request has no URL that redirects could be relative to.
        hop: Option<Hop>,
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        Calling { #[pin] call: F },
        // Reads the body of a redirect to its end.
        Reading { #[pin] body: R },
        // Waits until the service is ready for the next request.
        Waiting { request: Option<Request<reqwest::Body>> },
    }
}

// === impl SessionFuture ===

impl<S, F, R> SessionFuture<S, F, R> {
    pub(super) fn new(service: S, config: Arc<Config>, hop: Option<Hop>, call: F) -> Self {
        let state = State::Calling { call };
        Self {
            service,
            config,
            hop,
            state,
        }
    }
}

/// The step that follows a response.
enum Next<R> {
    /// It is returned.
    Answer(Response<R>),
    /// It is a redirect, and this is its body.
    Redirect(R),
}

fn judge<R>(mut response: Response<R>, config: &Config, hop: Option<&mut Hop>) -> Next<R> {
    let Some(hop) = hop else {
        return Next::Answer(response);
    };
    config.keep_cookies(response.headers(), hop.url());
    let (answered, redirected) = (hop.url().clone(), hop.is_redirected());
    if hop.follow(response.status(), response.headers()) {
        return Next::Redirect(response.into_body());
    }
    let extensions = response.extensions_mut();
    if redirected && extensions.get::<AnsweredBy>().is_none() {
        extensions.insert(AnsweredBy(answered));
    }
    Next::Answer(response)
}

impl<S, R> Future for SessionFuture<S, S::Future, R>
where
    S: Service<Request<reqwest::Body>, Response = Response<R>>,
    R: Body,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Calling { call } => {
                    let response = ready!(call.poll(cx))?;
                    match judge(response, this.config, this.hop.as_mut()) {
                        Next::Answer(response) => return Poll::Ready(Ok(response)),
                        Next::Redirect(body) if is_short(&body) => State::Reading { body },
                        Next::Redirect(_) => waiting(this.config, this.hop.as_ref()),
                    }
                }
                StateProj::Reading { body } => match ready!(body.poll_frame(cx)) {
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => waiting(this.config, this.hop.as_ref()),
                },
                StateProj::Waiting { request } => {
                    ready!(this.service.poll_ready(cx))?;
                    let request = request.take();
                    let request = request.expect("a future is not polled after completion");
                    let call = this.service.call(request);
                    State::Calling { call }
                }
            };
            this.state.set(next);
        }
    }
}

/// Reports whether a body is announced as short, and not at its end.
fn is_short<R: Body>(body: &R) -> bool {
    let length = body.size_hint().exact();
    !body.is_end_stream() && length.is_some_and(|length| length <= READ)
}

fn waiting<F, R>(config: &Config, hop: Option<&Hop>) -> State<F, R> {
    State::Waiting {
        request: hop.map(|hop| hop.request(config)),
    }
}

impl<S, F, R> fmt::Debug for SessionFuture<S, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
