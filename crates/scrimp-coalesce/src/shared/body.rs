//! The body of a response, as one caller reads it.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, CountedBody, extensions::Patience};
use scrimp_flight::{
    Broadcast,
    broadcast::{Reader, Stop},
};

use super::{
    answer::Answer,
    flight::{BoxCall, LiveBody},
    resume::Resume,
    whole::{End, Whole, WholeBody},
};

pin_project! {
    /// The body of a [`Coalesce`](crate::Coalesce)'s response: passed through, or shared with
    /// other readers.
    ///
    /// Errors are boxed, because several readers may get the same error. Their `source()` is the
    /// error of the upstream's body.
    pub struct CoalesceBody<B> {
        // Ends the wait for the bytes of a shared call.
        patience: Patience,
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Passing { #[pin] body: CountedBody<B> },
        Erased { body: ErasedBody },
    }
}

/// A body that does not name the type of the upstream's body.
pub(crate) enum ErasedBody {
    /// The body of a response that only this caller gets.
    Own(BoxCall),
    Whole(WholeBody),
    Live(LiveReader),
}

/// One reader of a [`LiveBody`].
pub(crate) struct LiveReader {
    reader: Reader<LiveBody>,
    answer: Arc<Answer>,
    read: u64,
    own: Option<Box<Resume>>,
}

/// Error of a reader that was cut off while others continue: it was further behind them than
/// the bytes that the layer keeps, at most
/// [`max_bytes`](crate::CoalesceLayerBuilder::max_bytes).
#[derive(Debug)]
#[non_exhaustive]
pub struct FellBehind;

// === impl CoalesceBody ===

impl<B> CoalesceBody<B> {
    pub(crate) fn passing(body: CountedBody<B>) -> Self {
        Self {
            patience: Patience::default(),
            kind: Kind::Passing { body },
        }
    }

    pub(crate) fn whole(whole: Whole) -> Self {
        Self::erased(ErasedBody::Whole(WholeBody::new(whole)))
    }

    /// Returns a body that the layer itself makes.
    pub(crate) fn made(data: Bytes) -> Self {
        Self::whole(Whole::new(data, Vec::new(), End::Clean))
    }

    pub(crate) fn erased(body: ErasedBody) -> Self {
        Self {
            patience: Patience::default(),
            kind: Kind::Erased { body },
        }
    }

    /// Holds the reader to its deadline while the body comes through a shared call.
    pub(crate) fn hold(&mut self, patience: Patience) {
        if let Kind::Erased {
            body: ErasedBody::Live(_),
        } = &self.kind
        {
            self.patience = patience;
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
        let this = self.project();
        Poll::Ready(match this.kind.project() {
            KindProj::Passing { body } => {
                ready!(body.poll_frame(cx)).map(|frame| frame.map_err(Into::into))
            }
            KindProj::Erased { body } => match body {
                ErasedBody::Own(call) => ready!(call.0.as_mut().poll_frame(cx)),
                ErasedBody::Whole(body) => body.next(),
                ErasedBody::Live(reader) => {
                    if let Poll::Ready(()) = this.patience.poll_over(cx) {
                        // The reader leaves, and the others read on.
                        let nothing = Whole::new(Bytes::new(), Vec::new(), End::Clean);
                        *body = ErasedBody::Whole(WholeBody::new(nothing));
                        return Poll::Ready(Some(Err(Patience::error().into())));
                    }
                    ready!(reader.poll_frame(cx))
                }
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Erased { body } => match body {
                ErasedBody::Own(call) => call.0.is_end_stream(),
                ErasedBody::Whole(body) => body.is_end_stream(),
                ErasedBody::Live(reader) => reader.is_end_stream(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passing { body } => body.size_hint(),
            Kind::Erased { body } => match body {
                ErasedBody::Own(call) => call.0.size_hint(),
                ErasedBody::Whole(body) => body.size_hint(),
                ErasedBody::Live(reader) => reader.size_hint(),
            },
        }
    }
}

impl<B> fmt::Debug for CoalesceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Erased {
                body: ErasedBody::Whole(_) | ErasedBody::Live(_),
            } => "CoalesceBody(shared)",
            _ => "CoalesceBody(passing)",
        })
    }
}

// === impl LiveReader ===

impl LiveReader {
    /// Returns a reader at the first byte, or `None` if that byte was dropped.
    pub(crate) fn new(answer: &Arc<Answer>, live: &Arc<Broadcast<LiveBody>>) -> Option<Self> {
        Some(Self {
            reader: Reader::new(live)?,
            answer: Arc::clone(answer),
            read: 0,
            own: None,
        })
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(own) = &mut self.own {
            return own.poll_frame(cx);
        }
        Poll::Ready(match ready!(self.reader.poll(cx)) {
            Ok(chunk) => {
                self.read += chunk.len() as u64;
                Some(Ok(Frame::data(chunk)))
            }
            Err(Stop::Over) => None,
            Err(Stop::End(end)) => end.frame(),
            Err(Stop::CutOff) => {
                let spare = self.reader.broadcast().channel().spare();
                let own = Resume::new(spare, &self.answer.head, self.read);
                return self.own.insert(Box::new(own)).poll_frame(cx);
            }
        })
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.own {
            Some(own) => own.is_end_stream(),
            None => self.reader.is_over(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let whole = &self.reader.broadcast().channel().hint;
        let mut left = SizeHint::new();
        if let Some(upper) = whole.upper() {
            left.set_upper(upper.saturating_sub(self.read));
        }
        left.set_lower(whole.lower().saturating_sub(self.read));
        left
    }
}

// === impl FellBehind ===

impl fmt::Display for FellBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this reader fell too far behind the others of a shared response")
    }
}

impl Error for FellBehind {}
