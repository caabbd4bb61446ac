//! Calls that failed, counted alike by all layers.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_http::status::is_passing;

use crate::Counter;

/// Counts the calls of an inner service that failed.
///
/// A call fails if it brings no answer to what was asked:
///
/// - it ends with an error, or is given up after a time that the layer allows for it;
/// - its status is [passing](is_passing): a 5xx, 408, 425 or 429;
/// - its body breaks off, or the layer has to read it and cannot.
///
/// All layers count by this definition, so that their numbers can be compared: a call that fails below
/// one layer has failed below each layer around it. A refusal for want of room (429) carries no answer,
/// as little as an error does, and a body that breaks off is noticed after its head was counted. Other
/// answers, such as 404, are what was asked for. A call that is given up because its caller left, or
/// because the caller's deadline has passed, is cancelled, and says nothing about the service.
///
/// Each call counts once. A clone counts for the same layer.
///
/// ```
/// # use http::Response;
/// let failed = scrimp_core::FailedCalls::default();
/// let refused = Response::builder().status(429).body(String::new()).unwrap();
/// let response = failed.watch(Ok::<_, std::io::Error>(refused)).unwrap();
/// assert_eq!((response.status().as_u16(), failed.get()), (429, 1));
/// ```
#[derive(Debug, Clone, Default)]
pub struct FailedCalls(Arc<Counter>);

pin_project! {
    /// Passes a body on unchanged. If it breaks off, its call has failed.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        // None: the call is not counted, has failed already, or has ended.
        failed: Option<FailedCalls>,
    }
}

// === impl FailedCalls ===

impl FailedCalls {
    /// Counts a call that failed without a response.
    pub fn increment(&self) {
        self.0.increment();
    }

    /// Returns the count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }

    /// Counts a call by the status of its response; `None` if there was none. Returns the counter for the
    /// rest of the call, if the call has not failed yet.
    #[inline]
    #[must_use]
    pub fn count(&self, status: Option<StatusCode>) -> Option<Self> {
        if status.is_some_and(|status| !is_passing(status)) {
            return Some(self.clone());
        }
        self.increment();
        None
    }

    /// Counts a call by its response, with a body that counts on.
    ///
    /// # Errors
    ///
    /// The error of the call.
    #[inline]
    pub fn watch<B: Body, E>(
        &self,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CountedBody<B>>, E> {
        let failed = self.count(result.as_ref().ok().map(Response::status));
        result.map(|response| response.map(|inner| CountedBody::new(inner, failed)))
    }
}

// === impl CountedBody ===

impl<B: Body> CountedBody<B> {
    /// Returns a body that counts on for its call. `None`: the call is not counted, or has failed already.
    #[inline]
    pub fn new(inner: B, failed: Option<FailedCalls>) -> Self {
        Self {
            failed: failed.filter(|_| !inner.is_end_stream()),
            inner,
        }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(Err(_)) = &frame
            && let Some(failed) = this.failed.take()
        {
            failed.increment();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::stream::iter;
    use http_body_util::{BodyExt, Full, StreamBody};

    fn response(status: u16) -> Result<Response<Full<Bytes>>, &'static str> {
        let body = Full::new(Bytes::from_static(b"text"));
        Ok(Response::builder().status(status).body(body).unwrap())
    }

    #[test]
    fn a_status_that_is_no_answer_is_a_failure() {
        let failed = FailedCalls::default();
        for status in [200, 204, 301, 304, 400, 401, 403, 404, 409, 422] {
            let response = failed.watch(response(status)).unwrap();
            assert!(failed.count(Some(response.status())).is_some(), "{status}");
        }
        assert_eq!(failed.get(), 0);
        for (status, count) in [408, 425, 429, 500, 502, 503, 504].into_iter().zip(1..) {
            let response = failed.watch(response(status)).unwrap();
            assert_eq!((response.status().as_u16(), failed.get()), (status, count));
        }
    }

    #[tokio::test]
    async fn a_call_fails_once_whatever_happens_to_its_body() {
        for (status, errors, count) in [(200, 0, 0), (200, 2, 1), (500, 2, 1)] {
            let failed = FailedCalls::default();
            let data = Ok(Frame::data(Bytes::from_static(b"x")));
            let frames = [data].into_iter().chain([Err("reset"), Err("reset")]);
            let body = StreamBody::new(iter(frames.take(1 + errors)));
            let response = Response::builder().status(status).body(body).unwrap();
            let response = failed.watch(Ok::<_, &str>(response)).unwrap();
            let mut body = response.into_body();
            while body.frame().await.is_some() {}
            assert_eq!(failed.get(), count, "{status} {errors}");
        }
        let failed = FailedCalls::default();
        let error: Result<Response<Full<Bytes>>, _> = Err("refused");
        assert_eq!(failed.watch(error).unwrap_err(), "refused");
        assert_eq!(failed.get(), 1);
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure() {
        let failed = FailedCalls::default();
        drop(failed.watch(response(200)));
        assert_eq!(failed.get(), 0);
    }
}
