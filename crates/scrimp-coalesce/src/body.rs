//! The body of a coalesced response.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::BoxError;

use crate::{
    reader::Reader,
    stream::Source,
    whole::{Whole, WholeBody},
};

pin_project! {
    /// The body of a [`Coalesce`](crate::Coalesce)'s response: passing through, or read
    /// together with others.
    ///
    /// Errors are boxed, as one of them may be told to many: their `source()` is what the
    /// upstream's body failed with.
    pub struct CoalesceBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: B },
        Whole { body: WholeBody },
        Shared { reader: Reader },
    }
}

pin_project! {
    /// A body with its error boxed.
    pub(crate) struct Boxed<B> {
        #[pin]
        body: B,
    }
}

// === impl CoalesceBody ===

impl<B> CoalesceBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    pub(crate) fn whole(whole: Whole) -> Self {
        Self::shared(Source::Whole(WholeBody::new(whole)))
    }

    pub(crate) fn empty() -> Self {
        Self::whole(Whole::empty())
    }

    pub(crate) fn shared(source: Source) -> Self {
        Self {
            kind: match source {
                Source::Whole(body) => Kind::Whole { body },
                Source::Live(reader) => Kind::Shared { reader },
            },
        }
    }
}

impl<B> Body for CoalesceBody<B>
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
        Poll::Ready(match self.project().kind.project() {
            KindProj::Passing { body } => {
                ready!(body.poll_frame(cx)).map(|frame| frame.map_err(Into::into))
            }
            KindProj::Shared { reader } => ready!(reader.poll_frame(cx)),
            KindProj::Whole { body } => body.next(),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Shared { reader } => reader.is_end_stream(),
            Kind::Whole { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Shared { reader } => reader.size_hint(),
            Kind::Whole { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for CoalesceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "CoalesceBody(passing)",
            Kind::Whole { .. } => "CoalesceBody(whole)",
            Kind::Shared { .. } => "CoalesceBody(shared)",
        })
    }
}

// === impl Boxed ===

impl<B> Boxed<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body }
    }
}

impl<B> Body for Boxed<B>
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
        let frame = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
