//! The call itself: what is sent, and then what has come back.
//!
//! It is made in one place on the heap and stays there: what it has brought is moved but once,
//! to whoever gets it. A body that is still under way is read where it is, through the call.

use std::{
    any::Any,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, response::Parts};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, ShareError};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    answer::{Arrived, Failure, Load},
    begun::Begun,
    body::CoalesceBody,
    errand::Errand,
    flight::{Flight, Others},
    stream::Stream,
    window::Kept,
};

/// What the one whose call it is comes to.
pub(crate) type Answered<B, E> = Result<Response<CoalesceBody<B>>, E>;

/// A call whose types nobody has to know but the one who makes it. Once its answer is there
/// and to be shared, it is that answer's body.
pub(crate) trait Exchange: Body<Data = Bytes, Error = BoxError> + Send {
    /// Goes on until it is known what has come.
    fn poll_arrival(
        self: Pin<&mut Self>,
        flight: &Flight<Arrived>,
        cx: &mut Context<'_>,
    ) -> Poll<Arrived>;

    /// Takes an answer out that is to be shared.
    fn answer(self: Pin<&mut Self>) -> Option<Answer>;

    /// Takes an error out, as `E::Shared`.
    fn failure(self: Pin<&mut Self>) -> Option<Failure>;

    /// Puts all there is into an `Option<Answered<B, E>>`.
    fn own(self: Pin<&mut Self>, place: &mut dyn Any);
}

/// An answer that is to be shared.
pub(crate) struct Answer {
    pub(crate) head: Parts,
    pub(crate) begun: Begun,
    pub(crate) fields: Option<Box<HeaderMap>>,
}

pin_project! {
    /// A call of `S`, whose answers have the body `B`.
    pub(crate) struct Call<S, ReqB, B>
    where
        S: Service<Request<ReqB>>,
    {
        errand: Errand,
        #[pin]
        stage: Stage<S, ReqB, B>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, ReqB, B>
    where
        S: Service<Request<ReqB>>,
    {
        Calling { #[pin] call: Oneshot<S, Request<ReqB>> },
        /// It goes to one caller, as it is.
        Over { result: Option<Result<Response<B>, S::Error>> },
        Reading { head: Option<Parts>, begun: Begun, #[pin] body: B },
    }
}

// === impl Call ===

impl<S, ReqB, B> Call<S, ReqB, B>
where
    S: Service<Request<ReqB>>,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, errand: Errand) -> Self {
        Self {
            errand,
            stage: Stage::Calling {
                call: Oneshot::new(inner, request),
            },
        }
    }
}

impl<S, ReqB, B> Exchange for Call<S, ReqB, B>
where
    S: Service<Request<ReqB>, Response = Response<B>> + Send,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_arrival(
        self: Pin<&mut Self>,
        flight: &Flight<Arrived>,
        cx: &mut Context<'_>,
    ) -> Poll<Arrived> {
        let mut this = self.project();
        let StageProj::Calling { call } = this.stage.as_mut().project() else {
            unreachable!("a call arrives once");
        };
        let result = ready!(call.poll(cx));
        let common = &*flight.terms.common;
        if let Some(target) = this.errand.writes {
            common.state.marks.write(target);
        }
        let window = match (this.errand.judge(flight, &result), result) {
            (Ok(window), Ok(response)) => {
                let begun = Begun::new(response.body());
                let (head, body) = response.into_parts();
                let head = Some(head);
                this.stage
                    .as_mut()
                    .set(Stage::Reading { head, begun, body });
                window
            }
            (judged, result) => {
                this.stage.as_mut().set(Stage::Over {
                    result: Some(result),
                });
                let arrived = judged.err().unwrap_or(Arrived::Own(Others::Broken));
                return Poll::Ready(match arrived {
                    Arrived::Failed => this.stage.fail(this.errand, flight),
                    arrived => arrived,
                });
            }
        };
        Poll::Ready(this.stage.read(this.errand, flight, window, cx))
    }

    fn answer(self: Pin<&mut Self>) -> Option<Answer> {
        let this = self.project();
        this.stage.answer(this.errand)
    }

    fn failure(self: Pin<&mut Self>) -> Option<Failure> {
        self.project().stage.failure()
    }

    fn own(self: Pin<&mut Self>, place: &mut dyn Any) {
        let Some(place) = place.downcast_mut::<Option<Answered<B, S::Error>>>() else {
            return;
        };
        *place = match self.project().stage.project() {
            StageProj::Calling { .. } => None,
            StageProj::Over { result } => {
                let result = result.take();
                result.map(|result| result.map(|response| response.map(CoalesceBody::passing)))
            }
            StageProj::Reading { head, begun, .. } => match (head.take(), begun.whole()) {
                (Some(head), Some(whole)) => {
                    Some(Ok(Response::from_parts(head, CoalesceBody::whole(whole))))
                }
                _ => None,
            },
        };
    }
}

impl<S, ReqB, B> Body for Call<S, ReqB, B>
where
    S: Service<Request<ReqB>, Response = Response<B>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().stage.project() {
            StageProj::Reading { body, .. } => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            StageProj::Calling { .. } | StageProj::Over { .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Reading { body, .. } => body.is_end_stream(),
            Stage::Calling { .. } | Stage::Over { .. } => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stage {
            Stage::Reading { body, .. } => body.size_hint(),
            Stage::Calling { .. } | Stage::Over { .. } => SizeHint::with_exact(0),
        }
    }
}

// === impl Stage ===

impl<S, ReqB, B> Stage<S, ReqB, B>
where
    S: Service<Request<ReqB>, Response = Response<B>>,
    S::Error: ShareError,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads what is there of an answer that is to be shared. What is complete goes into the
    /// window before it leaves the table, so that there is no moment at which it is in neither.
    fn read(
        mut self: Pin<&mut Self>,
        errand: &mut Errand,
        flight: &Flight<Arrived>,
        window: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> Arrived {
        let StageProj::Reading { head, begun, body } = self.as_mut().project() else {
            return Arrived::Own(Others::Broken);
        };
        begun.read(body, cx);
        let arrived = Arrived::Answer {
            whole: begun.end.is_some(),
            window,
        };
        let (Some(time), true) = (window, errand.keep) else {
            return arrived;
        };
        let sound = head
            .as_ref()
            .is_some_and(|head| begun.is_sound(&head.headers));
        let answer = if sound { self.answer(errand) } else { None };
        let Some(stream) = answer.and_then(Stream::whole) else {
            return arrived;
        };
        flight.keep(Kept::answer(&stream, time));
        Arrived::Kept(Load::Answer(stream))
    }

    /// Puts an error into the window, if it belongs there.
    fn fail(self: Pin<&mut Self>, errand: &Errand, flight: &Flight<Arrived>) -> Arrived {
        let window = flight.terms.common.config.window;
        let window = window.filter(|window| errand.keep && !window.errors.is_zero());
        let Some(window) = window else {
            return Arrived::Failed;
        };
        let Some(error) = self.failure() else {
            return Arrived::Failed;
        };
        flight.keep(Kept::error(Arc::clone(&error), window.errors));
        Arrived::Kept(Load::Error(error))
    }

    fn answer(self: Pin<&mut Self>, errand: &mut Errand) -> Option<Answer> {
        let StageProj::Reading { head, begun, .. } = self.project() else {
            return None;
        };
        Some(Answer {
            head: head.take()?,
            begun: begun.take(),
            fields: errand.fields.take(),
        })
    }

    fn failure(self: Pin<&mut Self>) -> Option<Failure> {
        match self.project() {
            StageProj::Over { result } => match result.take()? {
                Ok(_) => None,
                Err(error) => Some(Arc::new(error.share())),
            },
            StageProj::Calling { .. } | StageProj::Reading { .. } => None,
        }
    }
}
