//! The time limit of a caller that reqwest's own error and body have to show.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use reqwest::Url;
use reqwest_middleware::Error;
use scrimp_core::{BoxError, extensions::Patience};

use crate::body::wrap;

pin_project! {
    /// A body that fails at its reader's deadline.
    struct Limited<B> {
        // `None` once it has failed.
        patience: Option<Patience>,
        #[pin]
        body: B,
    }
}

/// A body that fails at once.
struct Failing(Option<io::Error>);

/// Waits for a call, and returns nothing once the deadline has passed.
pub(super) async fn within<F: Future>(patience: &mut Patience, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    poll_fn(|cx| {
        // The layers come first, to leave calls that others wait for to those.
        let poll = call.as_mut().poll(cx);
        if patience.poll_over(cx).is_ready() {
            return Poll::Ready(None);
        }
        poll.map(Some)
    })
    .await
}

/// Holds the reader of a body to its deadline.
pub(super) fn limited<B>(body: B, patience: Patience) -> reqwest::Body
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    match patience.deadline() {
        None => wrap(body),
        Some(_) => wrap(Limited {
            patience: Some(patience),
            body,
        }),
    }
}

/// Returns the error of a caller whose deadline has passed, which
/// [is a time-out](reqwest::Error::is_timeout).
///
/// reqwest's errors can be made by reqwest only, so a body makes this one.
pub(super) fn timed_out(url: Url) -> Error {
    let mut body = reqwest::Body::wrap(Failing(Some(Patience::error())));
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Err(error))) => Error::Reqwest(error.with_url(url)),
        _ => Error::middleware(Patience::error()),
    }
}

// === impl Limited ===

impl<B> Body for Limited<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let Some(patience) = this.patience else {
            return Poll::Ready(None);
        };
        if patience.poll_over(cx).is_ready() {
            *this.patience = None;
            return Poll::Ready(Some(Err(Patience::error().into())));
        }
        let frame = ready!(this.body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.patience.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Failing ===

impl Body for Failing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}
