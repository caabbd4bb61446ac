//! The bodies of requests and responses.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{CountedBody, Tee};

use crate::dry_run::TriedAnswer;

pin_project! {
    /// Body that the inner service gets: the caller's, or what was read of it and then the rest.
    pub struct JobRequestBody<B: Body> {
        read: VecDeque<Bytes>,
        trailers: Option<HeaderMap>,
        error: Option<B::Error>,
        #[pin]
        rest: Rest<B>,
    }
}

pin_project! {
    #[project = RestProj]
    enum Rest<B> {
        None,
        Unread { #[pin] body: B },
        Opened { body: Pin<Box<B>> },
    }
}

pin_project! {
    /// The body of a [`BatchJobs`](crate::BatchJobs)'s response: the inner service's, or one in memory.
    pub struct JobBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: CountedBody<B> },
        Tried { #[pin] body: Tee<CountedBody<B>, TriedAnswer> },
        Whole { data: Bytes },
    }
}

// === impl JobRequestBody ===

impl<B: Body<Data = Bytes>> JobRequestBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self::of(VecDeque::new(), None, None, Rest::Unread { body })
    }

    pub(crate) fn whole(data: Bytes) -> Self {
        let read = [data].into_iter().filter(|data| !data.is_empty()).collect();
        Self::of(read, None, None, Rest::None)
    }

    fn of(
        read: VecDeque<Bytes>,
        trailers: Option<HeaderMap>,
        error: Option<B::Error>,
        rest: Rest<B>,
    ) -> Self {
        Self {
            read,
            trailers,
            error,
            rest,
        }
    }

    /// Reads a body. If it is longer than the limit, has trailers or breaks off, what was read is put before
    /// the rest.
    pub(crate) async fn gather(body: B, limit: usize) -> Result<Bytes, Self> {
        if body.size_hint().lower() > limit as u64 {
            return Err(Self::passing(body));
        }
        let mut body = Box::pin(body);
        let (mut read, mut length) = (VecDeque::new(), 0_usize);
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            match frame.map(Frame::into_data) {
                Err(error) => return Err(Self::of(read, None, Some(error), Rest::None)),
                Ok(Ok(data)) => {
                    length = length.saturating_add(data.len());
                    if !data.is_empty() {
                        read.push_back(data);
                    }
                    if length > limit {
                        return Err(Self::of(read, None, None, Rest::Opened { body }));
                    }
                }
                Ok(Err(frame)) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return Err(Self::of(read, Some(trailers), None, Rest::None));
                    }
                }
            }
        }
        if read.len() <= 1 {
            return Ok(read.pop_front().unwrap_or_default());
        }
        let mut whole = BytesMut::with_capacity(length);
        read.iter().for_each(|data| whole.extend_from_slice(data));
        Ok(whole.freeze())
    }
}

impl<B: Body<Data = Bytes>> Body for JobRequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(data) = this.read.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match this.rest.project() {
            RestProj::Unread { body } => body.poll_frame(cx),
            RestProj::Opened { body } => body.as_mut().poll_frame(cx),
            RestProj::None => {
                let error = this.error.take().map(Err);
                let trailers = this
                    .trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(trailers)));
                Poll::Ready(error.or(trailers))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty()
            && match &self.rest {
                Rest::None => self.trailers.is_none() && self.error.is_none(),
                Rest::Unread { body } => body.is_end_stream(),
                Rest::Opened { body } => body.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.iter().map(|data| data.len() as u64).sum();
        let rest = match &self.rest {
            Rest::None if self.error.is_some() => SizeHint::new(),
            Rest::None => SizeHint::with_exact(0),
            Rest::Unread { body } => body.size_hint(),
            Rest::Opened { body } => body.size_hint(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for JobRequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.rest {
            Rest::None => "JobRequestBody(whole)",
            Rest::Unread { .. } | Rest::Opened { .. } => "JobRequestBody(streaming)",
        })
    }
}

// === impl JobBody ===

impl<B> JobBody<B> {
    pub(crate) fn passing(body: CountedBody<B>) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    pub(crate) fn tried(body: CountedBody<B>, reader: TriedAnswer) -> Self
    where
        B: Body<Data = Bytes>,
    {
        Self {
            kind: Kind::Tried {
                body: Tee::new(body, reader),
            },
        }
    }

    pub(crate) fn whole(data: Bytes) -> Self {
        Self {
            kind: Kind::Whole { data },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for JobBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Passing { body } => body.poll_frame(cx),
            KindProj::Tried { body } => body.poll_frame(cx),
            KindProj::Whole { data } if data.is_empty() => Poll::Ready(None),
            KindProj::Whole { data } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(data))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Tried { body } => body.is_end_stream(),
            Kind::Whole { data } => data.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Tried { body } => body.size_hint(),
            Kind::Whole { data } => SizeHint::with_exact(data.len() as u64),
        }
    }
}

impl<B> fmt::Debug for JobBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } | Kind::Tried { .. } => "JobBody(passing)",
            Kind::Whole { .. } => "JobBody(whole)",
        })
    }
}
