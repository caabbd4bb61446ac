//! Body of a request, kept as far as it may have to be sent again.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// Body that providers get: whole, or its beginning and then the rest as it arrives.
pub struct RequestBody<B> {
    head: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    rest: Option<Pin<Box<B>>>,
}

/// Whole body, and its trailers. These lie in a box, as they are rare and large.
pub(crate) type Kept = (Bytes, Option<Box<HeaderMap>>);

/// Outcome of reading a request's body up to a limit.
pub(crate) enum Gathered<B, E> {
    /// The whole body, which can be sent again.
    Whole(Kept),
    /// The body is above the limit: this part was read, the rest was not, and it can be sent once.
    Long(VecDeque<Bytes>, Pin<Box<B>>),
    /// The body broke off.
    Broken(E),
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    pub(crate) fn whole((data, trailers): Kept) -> Self {
        Self {
            head: [data].into_iter().filter(|data| !data.is_empty()).collect(),
            trailers,
            rest: None,
        }
    }

    pub(crate) fn streaming(head: VecDeque<Bytes>, rest: Pin<Box<B>>) -> Self {
        Self {
            head,
            trailers: None,
            rest: Some(rest),
        }
    }
}

/// Makes an empty body, for inner layers that make requests of their own.
impl<B> Default for RequestBody<B> {
    fn default() -> Self {
        Self::whole((Bytes::new(), None))
    }
}

/// Makes a whole body, for inner layers that have read it.
impl<B> From<Bytes> for RequestBody<B> {
    fn from(data: Bytes) -> Self {
        Self::whole((data, None))
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(chunk) = this.head.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match &mut this.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(this.trailers.take().map(|t| Ok(Frame::trailers(*t)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let head = self.head.iter().map(|chunk| chunk.len() as u64).sum();
        let Some(rest) = &self.rest else {
            return SizeHint::with_exact(head);
        };
        let rest = rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(head));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(head)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.rest {
            None => "RequestBody(whole)",
            Some(_) => "RequestBody(streaming)",
        })
    }
}

/// Reads a body until its end or until it is longer than the limit.
pub(crate) async fn gather<B>(body: B, limit: usize) -> Gathered<B, B::Error>
where
    B: Body<Data = Bytes>,
{
    if body.is_end_stream() {
        return Gathered::Whole((Bytes::new(), None));
    }
    let mut body = Box::pin(body);
    let mut chunks = VecDeque::new();
    let (mut length, mut trailers) = (0_usize, None);
    if body.size_hint().lower() > limit as u64 {
        return Gathered::Long(chunks, body);
    }
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame.map(Frame::into_data) {
            Err(error) => return Gathered::Broken(error),
            Ok(Ok(chunk)) => {
                length = length.saturating_add(chunk.len());
                if !chunk.is_empty() {
                    chunks.push_back(chunk);
                }
                if length > limit {
                    return Gathered::Long(chunks, body);
                }
            }
            // Frames that are neither data nor trailers are not kept.
            Ok(Err(frame)) => trailers = frame.into_trailers().ok().map(Box::new).or(trailers),
        }
    }
    Gathered::Whole((join(chunks, length), trailers))
}

/// Joins pieces. A single piece is returned as it is.
fn join(mut chunks: VecDeque<Bytes>, length: usize) -> Bytes {
    if chunks.len() <= 1 {
        return chunks.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(length);
    chunks
        .iter()
        .for_each(|chunk| whole.extend_from_slice(chunk));
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    #[tokio::test]
    async fn layers_further_in_can_make_bodies_of_their_own() {
        type Own = RequestBody<Full<Bytes>>;
        assert!(Own::default().is_end_stream());
        let body = Own::from(Bytes::from("whole"));
        assert_eq!(body.size_hint().exact(), Some(5));
        let read = body.collect().await.expect("a body in memory");
        assert_eq!(read.to_bytes(), "whole");
    }
}
