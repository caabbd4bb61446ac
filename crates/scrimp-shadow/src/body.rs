//! The body of a live response.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::Tee;

use crate::exchange::Live;

pin_project! {
    /// The body of a live response, unchanged. The tried layer is shown its frames.
    pub struct ShadowBody<B> {
        #[pin]
        inner: Shown<B>,
    }
}

pin_project! {
    #[project = ShownProj]
    enum Shown<B> {
        Tried { #[pin] body: Tee<B, Live> },
        Passed { #[pin] body: B },
    }
}

// === impl ShadowBody ===

impl<B: Body> ShadowBody<B> {
    pub(crate) fn tried(body: B, live: Live) -> Self {
        let body = Tee::new(body, live);
        Self {
            inner: Shown::Tried { body },
        }
    }

    pub(crate) fn passed(body: B) -> Self {
        Self {
            inner: Shown::Passed { body },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ShadowBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().inner.project() {
            ShownProj::Tried { body } => body.poll_frame(cx),
            ShownProj::Passed { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Shown::Tried { body } => body.is_end_stream(),
            Shown::Passed { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Shown::Tried { body } => body.size_hint(),
            Shown::Passed { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for ShadowBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShadowBody")
    }
}
