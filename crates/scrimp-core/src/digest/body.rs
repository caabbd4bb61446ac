//! A body of which a part was read already.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The request body behind a [`BodyDigestLayer`](super::BodyDigestLayer): the buffered part and
    /// the rest.
    pub struct DigestBody<B>
    where
        B: Body,
    {
        pub(super) read: VecDeque<Bytes>,
        pub(super) then: Option<Then<B::Error>>,
        // Boxed, because it is moved after it has been polled.
        pub(super) rest: Option<Pin<Box<B>>>,
    }
}

/// Last event of the buffering, if it was not the end of the body.
pub(super) enum Then<E> {
    Failed(E),
    Trailers(http::HeaderMap),
}

impl<B: Body> DigestBody<B> {
    /// Makes a body of which nothing was read.
    pub(super) fn untouched(rest: B) -> Self {
        Self {
            read: VecDeque::new(),
            then: None,
            rest: Some(Box::pin(rest)),
        }
    }
}

/// Makes an empty body.
impl<B: Body> Default for DigestBody<B> {
    fn default() -> Self {
        Self {
            read: VecDeque::new(),
            then: None,
            rest: None,
        }
    }
}

/// Makes a body of bytes that are at hand. Layers that make requests of their own, such as one that
/// batches, need it.
impl<B: Body> From<Bytes> for DigestBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self {
            read: (!bytes.is_empty()).then_some(bytes).into_iter().collect(),
            ..Self::default()
        }
    }
}

impl<B: Body<Data = Bytes>> Body for DigestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(chunk) = this.read.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match this.then.take() {
            Some(Then::Failed(error)) => Poll::Ready(Some(Err(error))),
            Some(Then::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            None => match this.rest {
                Some(rest) => rest.as_mut().poll_frame(cx),
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty()
            && self.then.is_none()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.iter().map(|chunk| chunk.len() as u64).sum();
        let Some(rest) = &self.rest else {
            return SizeHint::with_exact(read);
        };
        let rest = rest.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(rest.lower().saturating_add(read));
        hint
    }
}

impl<B: Body> fmt::Debug for DigestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestBody")
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
