//! Bodies of the layer's responses.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::CountedBody;

use crate::ahead::AheadBody;

pin_project! {
    /// The body of a [`Stampede`](crate::Stampede)'s response: the body of the inner service, the
    /// part of it that a task has read ahead of this reader, or a problem document.
    pub struct StampedeBody<B>
    where
        B: Body<Data = Bytes, Error: Send>,
        B: Send,
        B: 'static,
    {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B>
    where
        B: Body<Data = Bytes, Error: Send>,
        B: Send,
        B: 'static,
    {
        Passing { #[pin] body: CountedBody<B> },
        Ahead { body: AheadBody<CountedBody<B>> },
        Made { data: Option<Bytes> },
    }
}

// === impl StampedeBody ===

impl<B> StampedeBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    pub(crate) fn passing(body: CountedBody<B>) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    /// Returns a body that the layer itself makes.
    pub(crate) fn made(data: Bytes) -> Self {
        Self {
            kind: Kind::Made { data: Some(data) },
        }
    }

    pub(crate) fn ahead(body: AheadBody<CountedBody<B>>) -> Self {
        Self {
            kind: Kind::Ahead { body },
        }
    }
}

impl<B> Body for StampedeBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Passing { body } => body.poll_frame(cx),
            KindProj::Ahead { body } => body.poll_frame(cx),
            KindProj::Made { data } => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Ahead { body } => body.is_end_stream(),
            Kind::Made { data } => data.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Ahead { body } => body.size_hint(),
            Kind::Made { data } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
        }
    }
}

impl<B> fmt::Debug for StampedeBody<B>
where
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "StampedeBody(passing)",
            Kind::Ahead { .. } => "StampedeBody(read ahead)",
            Kind::Made { .. } => "StampedeBody(made)",
        })
    }
}
