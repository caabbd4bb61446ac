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

use crate::shared::{
    body::SharedBody,
    whole::{End, Whole, WholeBody},
};

pin_project! {
    /// The body of a [`Coalesce`](crate::Coalesce)'s response: passed through, or shared with
    /// other readers.
    ///
    /// Errors are boxed, because several readers may get the same error. Their `source()` is the
    /// error of the upstream's body.
    pub struct CoalesceBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: B },
        Shared { body: SharedBody },
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
        Self::shared(SharedBody::Whole(WholeBody::new(whole)))
    }

    /// Returns a body that the layer itself makes.
    pub(crate) fn own(data: Bytes) -> Self {
        Self::whole(Whole::new(data, Vec::new(), End::Clean))
    }

    pub(crate) fn shared(body: SharedBody) -> Self {
        Self {
            kind: Kind::Shared { body },
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
            KindProj::Shared { body } => match body {
                SharedBody::Whole(body) => body.next(),
                SharedBody::Live(reader) => ready!(reader.poll_frame(cx)),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Shared {
                body: SharedBody::Whole(body),
            } => body.is_end_stream(),
            Kind::Shared {
                body: SharedBody::Live(reader),
            } => reader.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Shared {
                body: SharedBody::Whole(body),
            } => body.size_hint(),
            Kind::Shared {
                body: SharedBody::Live(reader),
            } => reader.size_hint(),
        }
    }
}

impl<B> fmt::Debug for CoalesceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "CoalesceBody(passing)",
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
