//! The bodies of the layer's responses.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{pipe::Reader, service::Common};

pin_project! {
    /// The body of a [`Stampede`](crate::Stampede)'s response: the inner service's, or what a
    /// task has read of it ahead of this reader.
    pub struct StampedeBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B: Body> {
        Passing { #[pin] body: B },
        // The task that reads lives as long as somebody reads what it has read.
        Read { reader: Reader<B::Error>, common: Arc<Common> },
    }
}

// === impl StampedeBody ===

impl<B: Body> StampedeBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    pub(crate) fn read(reader: Reader<B::Error>, common: Arc<Common>) -> Self {
        Self {
            kind: Kind::Read { reader, common },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for StampedeBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Passing { body } => body.poll_frame(cx),
            KindProj::Read { reader, .. } => reader.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Read { reader, .. } => reader.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Read { reader, .. } => reader.size_hint(),
        }
    }
}

impl<B: Body> fmt::Debug for StampedeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "StampedeBody(passing)",
            Kind::Read { .. } => "StampedeBody(read ahead)",
        })
    }
}
