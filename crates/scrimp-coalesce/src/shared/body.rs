//! The body of a response, as one caller reads it.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, response::Parts};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::BoxError;
use scrimp_flight::{
    Broadcast,
    broadcast::{Reader, Stop},
};
use scrimp_http::representation::Identity;

use super::{
    answer::Answer,
    flight::{BoxCall, LiveBody},
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

/// A call that is made only if a reader falls behind.
pub(crate) type Spare = Box<dyn FnOnce() -> SpareCall + Send>;

pub(crate) type SpareCall =
    Pin<Box<dyn Future<Output = Result<Response<BoxBody>, BoxError>> + Send>>;

/// A body with its type erased.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A body that continues at a reader's position, by a call of its own.
pub(crate) struct Resume {
    state: ResumeState,
    /// Number of bytes that the reader already has.
    skip: u64,
    head: Box<Identity>,
}

enum ResumeState {
    Failed,
    Calling(SpareCall),
    Body(BoxBody),
    Over,
}

// === impl CoalesceBody ===

impl<B> CoalesceBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self {
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
            kind: Kind::Erased { body },
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
            KindProj::Erased { body } => match body {
                ErasedBody::Own(call) => ready!(call.0.as_mut().poll_frame(cx)),
                ErasedBody::Whole(body) => body.next(),
                ErasedBody::Live(reader) => ready!(reader.poll_frame(cx)),
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

// === impl Resume ===

impl Resume {
    /// Starts the spare call. Without one, the body fails.
    pub(crate) fn new(spare: Option<Spare>, head: &Parts, read: u64) -> Self {
        Self {
            state: spare.map_or(ResumeState::Failed, |spare| ResumeState::Calling(spare())),
            skip: read,
            head: Box::new(Identity::of(head.status, &head.headers)),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match &mut self.state {
                ResumeState::Over => return Poll::Ready(None),
                ResumeState::Failed => return self.fail(FellBehind.into()),
                ResumeState::Calling(call) => match ready!(call.as_mut().poll(cx)) {
                    Err(error) => return self.fail(error),
                    Ok(response) => self.state = self.continued(response),
                },
                ResumeState::Body(body) => {
                    let frame = ready!(body.as_mut().poll_frame(cx));
                    match frame {
                        Some(Ok(frame)) => {
                            if let Some(frame) = rest(frame, &mut self.skip) {
                                return Poll::Ready(Some(Ok(frame)));
                            }
                        }
                        Some(Err(error)) => return self.fail(error),
                        // A body shorter than the bytes already read has no clean end.
                        None if self.skip > 0 => return self.fail(FellBehind.into()),
                        None => self.state = ResumeState::Over,
                    }
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.state {
            ResumeState::Over => true,
            ResumeState::Body(body) => self.skip == 0 && body.is_end_stream(),
            ResumeState::Failed | ResumeState::Calling(_) => false,
        }
    }

    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.state = ResumeState::Over;
        Poll::Ready(Some(Err(error)))
    }

    fn continued(&self, response: Response<BoxBody>) -> ResumeState {
        let (head, body) = response.into_parts();
        let identity = Identity::of(head.status, &head.headers);
        let same = identity == *self.head && (self.skip == 0 || identity.is_strong());
        if same {
            ResumeState::Body(body)
        } else {
            ResumeState::Failed
        }
    }
}

/// Returns the part of a frame that the reader does not have yet.
fn rest(frame: Frame<Bytes>, skip: &mut u64) -> Option<Frame<Bytes>> {
    let mut chunk = match frame.into_data() {
        Ok(chunk) => chunk,
        Err(frame) => return Some(frame),
    };
    let known = usize::try_from(*skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
    *skip -= known as u64;
    let rest = chunk.split_off(known);
    (!rest.is_empty()).then(|| Frame::data(rest))
}
