//! The bodies of responses.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::CountedBody;

pin_project! {
    /// The body of a [`Limit`](crate::Limit)'s response: the inner service's, or a refusal.
    pub struct LimitBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: CountedBody<B> },
        Refusal { data: Bytes },
    }
}

// === impl LimitBody ===

impl<B> LimitBody<B> {
    pub(crate) fn passing(body: CountedBody<B>) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    pub(crate) fn refusal(data: Bytes) -> Self {
        Self {
            kind: Kind::Refusal { data },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for LimitBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Passing { body } => body.poll_frame(cx),
            KindProj::Refusal { data } if data.is_empty() => Poll::Ready(None),
            KindProj::Refusal { data } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(data))))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Refusal { data } => SizeHint::with_exact(data.len() as u64),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Refusal { data } => data.is_empty(),
        }
    }
}

impl<B> fmt::Debug for LimitBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "LimitBody(passing)",
            Kind::Refusal { .. } => "LimitBody(refusal)",
        })
    }
}
