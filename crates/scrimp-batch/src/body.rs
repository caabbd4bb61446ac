//! The bodies of a batch layer's responses.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::FailedCalls;

pin_project! {
    /// The body of a [`Batch`](crate::Batch)'s response: streamed for a request that was sent
    /// alone, or one caller's part of the answer to a batch.
    pub struct BatchBody<B> {
        #[pin]
        kind: Kind<B>,
        held: Held,
        // Counter of the call whose response it is, if the call is counted and has not failed yet.
        failed: Option<FailedCalls>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: B },
        Part { data: Bytes },
        Opened { opening: Opening<B> },
    }
}

/// A body whose first frames were read ahead.
struct Opening<B> {
    frames: VecDeque<Frame<Bytes>>,
    /// `None` if the frames are all of it.
    rest: Option<Pin<Box<B>>>,
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
            failed: None,
        }
    }

    pub(crate) fn part(data: Bytes) -> Self {
        Self {
            kind: Kind::Part { data },
            held: Held::default(),
            failed: None,
        }
    }

    /// Returns a body of frames that were read ahead, and its rest.
    pub(crate) fn opened(frames: VecDeque<Frame<Bytes>>, rest: Option<Pin<Box<B>>>) -> Self {
        Self {
            kind: Kind::Opened {
                opening: Opening { frames, rest },
            },
            held: Held::default(),
            failed: None,
        }
    }

    /// Counts the call as failed if the body breaks off.
    pub(crate) fn counting(self, failed: Option<FailedCalls>) -> Self {
        Self { failed, ..self }
    }

    /// Holds a value until the end of a streamed body, if the end is still to come.
    pub(crate) fn hold(&mut self, mark: impl Send + 'static)
    where
        B: Body,
    {
        let rest = match &self.kind {
            Kind::Passing { body } => Some(body),
            Kind::Opened { opening } => opening.rest.as_deref(),
            Kind::Part { .. } => None,
        };
        if rest.is_some_and(|body| !body.is_end_stream()) {
            self.held.0.push(Box::new(mark));
        }
    }
}

// === impl Opening ===

impl<B: Body<Data = Bytes>> Opening<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.frames.iter().filter_map(Frame::data_ref);
        let ahead: u64 = data.map(|data| data.len() as u64).sum();
        let rest = self.rest.as_ref().map(Body::size_hint);
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
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
        let (frame, is_over) = match this.kind.project() {
            KindProj::Part { data } if data.is_empty() => return Poll::Ready(None),
            KindProj::Part { data } => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))));
            }
            KindProj::Passing { mut body } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                (frame, body.is_end_stream())
            }
            KindProj::Opened { opening } => {
                let frame = ready!(opening.poll_frame(cx));
                (frame, opening.is_end_stream())
            }
        };
        if is_last(frame.as_ref()) || is_over {
            this.held.0.clear();
        }
        if let Some(Err(_)) = &frame
            && let Some(failed) = this.failed.take()
        {
            failed.increment();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Part { data } => data.is_empty(),
            Kind::Opened { opening } => opening.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Part { data } => SizeHint::with_exact(data.len() as u64),
            Kind::Opened { opening } => opening.size_hint(),
        }
    }
}

/// Reports whether no frame follows.
fn is_last<E>(frame: Option<&Result<Frame<Bytes>, E>>) -> bool {
    match frame {
        Some(Ok(frame)) => frame.is_trailers(),
        Some(Err(_)) | None => true,
    }
}

impl<B> fmt::Debug for BatchBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Passing { .. } => "BatchBody(passing)",
            Kind::Opened { .. } => "BatchBody(opened)",
            Kind::Part { .. } => "BatchBody(part)",
        })
    }
}
