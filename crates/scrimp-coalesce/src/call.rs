//! The upstream call: first its request, then its response.
//!
//! A call stays in one place on the heap. Its response is moved only once, to its receiver. A
//! body that is still in flight is read in place, through the call.

use std::{
    any::Any,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, ShareError};
use scrimp_flight::single_flight::{Flight, Others};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    body::CoalesceBody,
    policy::{self, Verdict},
    shared::answer::{Failure, Load},
    shared::flight::{Arrived, Arriving, BoxCall, Exchange},
    shared::prefix::{Prefix, poll_chunk},
    shared::whole::End,
    shared::window::Kept,
};

/// The result for the caller whose request is sent.
pub(crate) type Answered<B, E> = Result<Response<CoalesceBody<B>>, E>;

/// Properties of a request that its call depends on.
pub(crate) struct Errand {
    /// The response may go into the window.
    pub(crate) keep: bool,
    /// There is no attempt after this one.
    pub(crate) last: bool,
    /// The request's fields, if the user's function made the key: Vary is then compared with
    /// each waiter's request.
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// The target that the request writes, as a hash.
    pub(crate) writes: Option<u64>,
}

pin_project! {
    /// A call of `S`, whose responses have the body `B`.
    pub(crate) struct UpstreamCall<S, ReqB, B>
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
        /// The result goes to one caller, unchanged.
        Own { result: Option<Result<Response<B>, S::Error>>, others: Others },
        /// An error, which is made shareable if several callers wait for it.
        Failed { error: Option<S::Error> },
        /// The result is already in the window.
        Kept { load: Option<Load> },
        /// A response that may be shared.
        Reading { arriving: Option<Arriving>, #[pin] body: B },
    }
}

// === impl UpstreamCall ===

impl<S, ReqB, B> UpstreamCall<S, ReqB, B>
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

impl<S, ReqB, B> Exchange for UpstreamCall<S, ReqB, B>
where
    S: Service<Request<ReqB>, Response = Response<B>> + Send,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn poll_head(self: Pin<&mut Self>, flight: &Flight<BoxCall>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let StageProj::Calling { call } = this.stage.as_mut().project() else {
            unreachable!("a head is polled until it is ready, and no longer");
        };
        let result = ready!(call.poll(cx));
        let common = &flight.terms().common;
        if let Some(target) = this.errand.writes {
            common.marks.write(target);
        }
        let stage = this.errand.judge(flight, result);
        this.stage.as_mut().set(stage);
        let kept = match this.stage.as_mut().project() {
            StageProj::Reading { arriving, body } => {
                let arriving_now = arriving.as_mut().expect("present until it is taken");
                arriving_now.prefix.read(body, cx);
                // A complete response goes into the window before it leaves the table, so that
                // it is always in one of them.
                match arriving_now.is_kept(this.errand.keep) {
                    Some(time) => arriving.take().and_then(Arriving::whole).map(|answer| {
                        common.keep(flight, Kept::answer(&answer, time));
                        Load::Answer(answer)
                    }),
                    None => None,
                }
            }
            StageProj::Failed { error } => {
                let window = common.config.window;
                let window = window.filter(|window| this.errand.keep && !window.errors.is_zero());
                window
                    .zip(error.take_if(|_| window.is_some()))
                    .map(|(window, error)| {
                        let error: Failure = Arc::new(error.share());
                        common.keep(flight, Kept::error(Arc::clone(&error), window.errors));
                        Load::Error(error)
                    })
            }
            _ => None,
        };
        if kept.is_some() {
            this.stage.set(Stage::Kept { load: kept });
        }
        Poll::Ready(())
    }

    fn arrived(self: Pin<&mut Self>, lone: bool) -> Arrived {
        match self.project().stage.project() {
            StageProj::Calling { .. } => unreachable!("called only after the head has arrived"),
            StageProj::Own { others, .. } => Arrived::Own(*others),
            StageProj::Failed { .. } if lone => Arrived::Own(Others::Again),
            StageProj::Failed { error } => {
                let error = error.take().expect("given away once");
                Arrived::Shared(Load::Error(Arc::new(error.share())))
            }
            StageProj::Kept { load } => Arrived::Shared(load.take().expect("given away once")),
            StageProj::Reading { arriving, .. } => {
                let whole = arriving.as_ref().is_some_and(Arriving::is_whole);
                if whole && lone {
                    return Arrived::Own(Others::Again);
                }
                let arriving = arriving.take().expect("given away once");
                match whole {
                    true => Arrived::Shared(Load::Answer(arriving.whole().expect("as just seen"))),
                    false => Arrived::Live(arriving),
                }
            }
        }
    }

    fn own(self: Pin<&mut Self>, place: &mut dyn Any) {
        let Some(place) = place.downcast_mut::<Option<Answered<B, S::Error>>>() else {
            return;
        };
        *place = match self.project().stage.project() {
            StageProj::Own { result, .. } => result
                .take()
                .map(|result| result.map(|response| response.map(CoalesceBody::passing))),
            StageProj::Failed { error } => error.take().map(Err),
            StageProj::Reading { arriving, .. } => arriving.take().and_then(|mut arriving| {
                let whole = CoalesceBody::whole(arriving.prefix.whole()?);
                Some(Ok(Response::from_parts(arriving.head, whole)))
            }),
            StageProj::Calling { .. } | StageProj::Kept { .. } => None,
        };
    }

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Bytes, Option<End>)> {
        match self.project().stage.project() {
            StageProj::Reading { body, .. } => poll_chunk(body, cx),
            _ => unreachable!("only a response that is read has a body to poll"),
        }
    }
}

// === impl Errand ===

impl Errand {
    /// Decides the next stage of a call that has ended with `result`.
    fn judge<S, ReqB, B>(
        &mut self,
        flight: &Flight<BoxCall>,
        result: Result<Response<B>, S::Error>,
    ) -> Stage<S, ReqB, B>
    where
        S: Service<Request<ReqB>>,
        B: Body,
    {
        let own = |result, others| Stage::Own {
            result: Some(result),
            others,
        };
        let response = match result {
            Err(error) if self.last => return Stage::Failed { error: Some(error) },
            Err(_) => return own(result, Others::Again),
            Ok(response) => response,
        };
        if !self.last && policy::failed(response.status()) {
            return own(Ok(response), Others::Again);
        }
        let common = &flight.terms().common;
        match policy::judge(&common.config, &response) {
            Verdict::Share { window } => {
                let (head, body) = response.into_parts();
                let arriving = Arriving {
                    head,
                    prefix: Prefix::new(&body),
                    fields: self.fields.take(),
                    window,
                };
                Stage::Reading {
                    arriving: Some(arriving),
                    body,
                }
            }
            Verdict::Refuse(reason) => {
                common.bar(flight.key().as_ref().hash_value(), reason);
                own(Ok(response), Others::Alone)
            }
        }
    }
}
