//! The bodies of a batch layer's responses.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a [`Batch`](crate::Batch)'s response: streamed for a request that was sent
    /// alone, or one caller's part of the answer to a batch.
    pub struct BatchBody<B> {
        #[pin]
        kind: Kind<B>,
        held: Held,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: B },
        Part { data: Bytes },
    }
}

/// Values that are held until the end of the body, such as the guard of a call in flight.
#[derive(Default)]
struct Held(Vec<Box<dyn Send>>);

// === impl BatchBody ===

impl<B> BatchBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self {
            kind: Kind::Passing { body },
            held: Held::default(),
        }
    }

    pub(crate) fn part(data: Bytes) -> Self {
        Self {
            kind: Kind::Part { data },
            held: Held::default(),
        }
    }

    /// Holds a value until the end of a streamed body, if the end is still to come.
    pub(crate) fn hold(&mut self, mark: impl Send + 'static)
    where
        B: Body,
    {
        if matches!(&self.kind, Kind::Passing { body } if !body.is_end_stream()) {
            self.held.0.push(Box::new(mark));
        }
    }
}

impl<B: Body<Data = Bytes>> Body for BatchBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        match this.kind.project() {
            KindProj::Part { data } if data.is_empty() => Poll::Ready(None),
            KindProj::Part { data } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(data))))),
            KindProj::Passing { mut body } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                let trailers = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
                if trailers || !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    this.held.0.clear();
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Part { data } => data.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Part { data } => SizeHint::with_exact(data.len() as u64),
        }
    }
}

impl<B> fmt::Debug for BatchBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "BatchBody(passing)",
            Kind::Part { .. } => "BatchBody(part)",
        })
    }
}
