//! The bodies of a cache's responses.

mod parts;
mod replay;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{FailedCalls, Tee};

use crate::entry::{BodyCollector, Entry};
pub(crate) use parts::Parts;
use replay::Replay;

/// A body from the store. It shares the memory of the stored one.
pub(crate) struct StoredBody {
    data: Bytes,
    /// The rest behind `data`. It is boxed, as few bodies have it.
    rest: Option<Box<Rest>>,
}

enum Rest {
    Trailers(HeaderMap),
    Parts(Parts),
    Replay(Replay),
}

pin_project! {
    /// The body of a [`Cache`](crate::Cache)'s response: from the store, passing through, or
    /// passing through while it is stored.
    pub struct CacheBody<B> {
        #[pin]
        kind: Kind<B>,
        // Counter of the call whose response it is, if the call is counted and has not failed yet.
        failed: Option<FailedCalls>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Stored { body: StoredBody },
        Passing { #[pin] body: B },
        Kept { #[pin] body: Tee<B, BodyCollector> },
    }
}

// === impl StoredBody ===

impl StoredBody {
    pub(crate) fn new(data: Bytes) -> Self {
        Self { data, rest: None }
    }

    /// Returns the body of a stored response.
    #[inline]
    pub(crate) fn of(entry: &Entry) -> Self {
        let rest = entry.extras.as_deref().and_then(|extras| {
            let trailers = extras.trailers.as_ref();
            match Replay::of(entry, extras) {
                Some(replay) => Some(Rest::Replay(replay)),
                None => trailers.cloned().map(Rest::Trailers),
            }
        });
        Self {
            data: entry.body.clone(),
            rest: rest.map(Box::new),
        }
    }

    /// Returns a body of several parts.
    pub(crate) fn parts(parts: Parts) -> Self {
        Self {
            data: Bytes::new(),
            rest: Some(Box::new(Rest::Parts(parts))),
        }
    }

    pub(crate) fn empty() -> Self {
        Self::new(Bytes::new())
    }

    /// Returns an exact hint, unless there are trailers: HTTP/1.1 has no room for them behind a
    /// body of announced length. Servers make a Content-Length of it, which a stream does not have.
    fn size_hint(&self) -> SizeHint {
        let length = self.data.len() as u64;
        match self.rest.as_deref() {
            None => SizeHint::with_exact(length),
            Some(Rest::Parts(parts)) => SizeHint::with_exact(length + parts.left()),
            Some(Rest::Replay(replay)) if replay.is_announced() => SizeHint::with_exact(length),
            Some(Rest::Trailers(_) | Rest::Replay(_)) => {
                let mut hint = SizeHint::new();
                hint.set_lower(length);
                hint
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.rest.is_none()
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        if !self.data.is_empty() {
            return Some(Frame::data(self.next_data()));
        }
        if let Rest::Parts(parts) = self.rest.as_deref_mut()? {
            let piece = parts.next();
            if parts.left() == 0 {
                self.rest = None;
            }
            return piece.map(Frame::data);
        }
        match *self.rest.take()? {
            Rest::Trailers(trailers) => Some(Frame::trailers(trailers)),
            Rest::Replay(replay) => replay.into_trailers().map(Frame::trailers),
            Rest::Parts(_) => None,
        }
    }

    fn next_data(&mut self) -> Bytes {
        let Some(Rest::Replay(replay)) = self.rest.as_deref() else {
            return std::mem::take(&mut self.data);
        };
        let piece = replay.next(&mut self.data);
        // The body has ended, unless there are trailers.
        if self.data.is_empty() && !replay.has_trailers() {
            self.rest = None;
        }
        piece
    }
}

// === impl CacheBody ===

impl<B> CacheBody<B> {
    pub(crate) fn stored(body: StoredBody) -> Self {
        Self {
            kind: Kind::Stored { body },
            failed: None,
        }
    }

    pub(crate) fn passing(body: B) -> Self {
        Self {
            kind: Kind::Passing { body },
            failed: None,
        }
    }
}

impl<B> CacheBody<B> {
    /// Reports whether the rest of the body is being stored.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(&self.kind, Kind::Kept { body } if body.sink().is_some_and(BodyCollector::is_open))
    }
}

impl<B: Body<Data = Bytes>> CacheBody<B> {
    /// Counts the call as failed if the body breaks off on its way from the upstream.
    pub(crate) fn counting(self, failed: Option<FailedCalls>) -> Self {
        let is_stored = matches!(self.kind, Kind::Stored { .. });
        let failed = failed.filter(|_| !is_stored && !self.is_end_stream());
        Self { failed, ..self }
    }

    pub(crate) fn kept(body: B, collector: BodyCollector) -> Self {
        Self {
            kind: Kind::Kept {
                body: Tee::new(body, collector),
            },
            failed: None,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for CacheBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = match this.kind.project() {
            KindProj::Stored { body } => return Poll::Ready(body.next().map(Ok)),
            KindProj::Passing { body } => ready!(body.poll_frame(cx)),
            KindProj::Kept { body } => ready!(body.poll_frame(cx)),
        };
        if let Some(Err(_)) = &frame
            && let Some(failed) = this.failed.take()
        {
            failed.increment();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Stored { body } => body.is_end_stream(),
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Kept { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Stored { body } => body.size_hint(),
            Kind::Passing { body } => body.size_hint(),
            Kind::Kept { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for CacheBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Stored { .. } => "CacheBody(stored)",
            Kind::Passing { .. } => "CacheBody(passing)",
            Kind::Kept { .. } => "CacheBody(kept)",
        })
    }
}
