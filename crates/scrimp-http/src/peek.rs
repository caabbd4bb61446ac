//! Reads the first frame of a body ahead if only that frame tells whether there is a body.
//!
//! An HTTP/2 client may send its header fields without the flag that ends the stream, followed by
//! an empty DATA frame: a GET without a body that only the first frame shows. A frame that was
//! read must still reach the inner service, so the body is put together again. This needs a body
//! type that can hold any body. With the feature `axum` it is done for [`axum::body::Body`];
//! requests with other bodies stay as they are.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::Request;

use crate::{body::Presence, method};

/// A request whose first frame is read ahead.
pub struct Peek<B> {
    request: Option<Request<B>>,
    #[cfg(feature = "axum")]
    limit: std::pin::Pin<Box<tokio::time::Sleep>>,
}

// === impl Peek ===

impl<B: 'static> Peek<B> {
    /// Reports whether the first frame of such a body can be read ahead.
    #[must_use]
    pub fn is_possible() -> bool {
        #[cfg(feature = "axum")]
        return std::any::TypeId::of::<B>() == std::any::TypeId::of::<axum::body::Body>();
        #[cfg(not(feature = "axum"))]
        false
    }

    /// Reports whether only the first frame tells if a request has a body, and that frame can be
    /// read ahead. The body of an unsafe method makes no difference to layers that share
    /// responses, so it is not read.
    #[must_use]
    #[inline]
    pub fn is_needed(request: &Request<B>) -> bool
    where
        B: http_body::Body,
    {
        Self::is_possible()
            && method::is_safe(request.method())
            && Presence::of(request) == Presence::Unknown
    }

    /// Starts reading ahead.
    ///
    /// The wait is limited to 100 ms: a client that keeps the stream open and sends nothing may
    /// want the response first.
    ///
    /// # Panics
    ///
    /// With the feature `axum`, if it is not called in a tokio runtime.
    #[must_use]
    pub fn new(request: Request<B>) -> Self {
        Self {
            request: Some(request),
            #[cfg(feature = "axum")]
            limit: Box::pin(tokio::time::sleep(std::time::Duration::from_millis(100))),
        }
    }

    /// Waits for the first frame, and returns the request with its whole body. The result is in
    /// its extensions as a [`Presence`].
    ///
    /// # Panics
    ///
    /// If polled after completion.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Request<B>> {
        #[cfg(feature = "axum")]
        std::task::ready!(self.poll_frame(cx));
        #[cfg(not(feature = "axum"))]
        let _ = cx;
        Poll::Ready(self.request.take().expect("not polled after completion"))
    }

    #[cfg(feature = "axum")]
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        use std::{any::Any, future::Future, pin::Pin};

        use axum::body::Body;
        use http_body::Body as _;

        let request = self.request.as_mut().expect("not polled after completion");
        let any: &mut dyn Any = request.body_mut();
        let Some(body) = any.downcast_mut::<Body>() else {
            return Poll::Ready(());
        };
        let presence = loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(None) => {
                    *body = Body::empty();
                    break Presence::Absent;
                }
                // An empty frame is not the end, and tells nothing.
                Poll::Ready(Some(Ok(frame)))
                    if frame.data_ref().is_some_and(bytes::Bytes::is_empty) => {}
                Poll::Ready(Some(first)) => {
                    let rest = std::mem::take(body);
                    *body = Body::new(ahead::Ahead::new(first, rest));
                    break Presence::Present;
                }
                Poll::Pending => {
                    std::task::ready!(self.limit.as_mut().poll(cx));
                    break Presence::Present;
                }
            }
        };
        request.extensions_mut().insert(presence);
        Poll::Ready(())
    }
}

impl<B> fmt::Debug for Peek<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek").finish_non_exhaustive()
    }
}

#[cfg(feature = "axum")]
mod ahead {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use axum::{Error, body::Body};
    use bytes::Bytes;
    use http_body::{Frame, SizeHint};

    /// A body whose first frame was read.
    pub(super) struct Ahead {
        first: Option<Result<Frame<Bytes>, Error>>,
        rest: Body,
    }

    impl Ahead {
        pub(super) fn new(first: Result<Frame<Bytes>, Error>, rest: Body) -> Self {
            let first = Some(first);
            Self { first, rest }
        }

        fn first_len(&self) -> u64 {
            let frame = self.first.as_ref().and_then(|first| first.as_ref().ok());
            let data = frame.and_then(Frame::data_ref);
            data.map_or(0, |data| data.len() as u64)
        }
    }

    impl http_body::Body for Ahead {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            match self.first.take() {
                Some(first) => Poll::Ready(Some(first)),
                None => Pin::new(&mut self.rest).poll_frame(cx),
            }
        }

        fn is_end_stream(&self) -> bool {
            self.first.is_none() && self.rest.is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            let (rest, first) = (self.rest.size_hint(), self.first_len());
            let mut hint = SizeHint::new();
            hint.set_lower(rest.lower().saturating_add(first));
            if let Some(upper) = rest.upper() {
                hint.set_upper(upper.saturating_add(first));
            }
            hint
        }
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use std::{convert::Infallible, future::poll_fn};

    use axum::body::Body;
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn peek(body: Body) -> Request<Body> {
        let mut peek = Peek::new(Request::new(body));
        poll_fn(|cx| peek.poll(cx)).await
    }

    fn presence(request: &Request<Body>) -> Option<&Presence> {
        request.extensions().get()
    }

    fn frames(frames: Vec<Frame<Bytes>>) -> Body {
        let frames = frames.into_iter().map(Ok::<_, Infallible>);
        Body::new(StreamBody::new(futures_util::stream::iter(frames)))
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn empty_frames_are_not_a_body() {
        for body in [frames(vec![]), frames(vec![data(""), data("")])] {
            let request = peek(body).await;
            assert_eq!(presence(&request), Some(&Presence::Absent));
            assert_eq!(Presence::of(&request), Presence::Absent);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_were_read_ahead_are_read_again() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x", "1".parse().unwrap());
        let body = vec![
            data(""),
            data("a"),
            data("b"),
            Frame::trailers(trailers.clone()),
        ];
        let request = peek(frames(body)).await;
        assert_eq!(presence(&request), Some(&Presence::Present));
        let whole = request.into_body().collect().await.unwrap();
        assert_eq!(whole.trailers(), Some(&trailers));
        assert_eq!(whole.to_bytes(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_silent_client_is_limited_and_loses_no_data() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<Bytes>();
        let late = futures_util::stream::once(receiver);
        let request = peek(Body::from_stream(late)).await;
        assert_eq!(presence(&request), Some(&Presence::Present));
        sender.send(Bytes::from_static(b"late")).unwrap();
        let whole = request.into_body().collect().await.unwrap();
        assert_eq!(whole.to_bytes(), "late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_passed_on() {
        let failing =
            futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("broken"))]);
        let request = peek(Body::from_stream(failing)).await;
        assert_eq!(Presence::of(&request), Presence::Present);
        assert!(request.into_body().collect().await.is_err());
    }
}
