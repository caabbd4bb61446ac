//! The upstream call: first its request, then its response.
//!
//! A call stays in one place on the heap. A body that has not ended is read in place, through the
//! call.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, response::Parts};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, CountedBody, PrivateRecheck, ShareError};
use scrimp_flight::single_flight::{Flight, Others};
use tower::util::Oneshot;
use tower_service::Service;
use tracing::Span;

use crate::{
    policy::{self, Verdict},
    shared::{
        answer::{Failure, Load, Owned},
        body::CoalesceBody,
        flight::{Arrived, BoxCall, Exchange},
        whole::{Arriving, Prefix},
    },
};

/// An inner service with all bounds of a shared call. Code below the public types names this one
/// bound.
pub(crate) trait Upstream<ReqB>:
    Service<
        Request<ReqB>,
        Response = Response<<Self as Upstream<ReqB>>::Body>,
        Error: ShareError + Send + 'static,
        Future: Send,
    > + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

/// The result for one caller.
pub(crate) type Answered<B, E> = Result<Response<CoalesceBody<B>>, E>;
/// The result for one caller of a service.
pub(crate) type AnsweredBy<S, ReqB> =
    Answered<<S as Upstream<ReqB>>::Body, <S as Service<Request<ReqB>>>::Error>;

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
    /// To ask again whether the request is private.
    pub(crate) recheck: PrivateRecheck,
    /// The span of a call that may outlast all its callers, from its first poll on: what the inner
    /// service starts there may hold the span that it starts in.
    pub(crate) span: Option<Box<Span>>,
}

pin_project! {
    /// A call of `S`. Once its response has arrived, it is the rest of the body.
    pub(crate) struct UpstreamCall<S, ReqB>
    where
        S: Upstream<ReqB>,
    {
        errand: Errand,
        #[pin]
        stage: Stage<S, ReqB>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, ReqB>
    where
        S: Upstream<ReqB>,
    {
        Calling { #[pin] call: Oneshot<S, Request<ReqB>> },
        Reading { found: Found<S::Error>, #[pin] body: CountedBody<S::Body> },
        Failed { found: Found<S::Error> },
    }
}

/// The result of a call, until it is given away.
enum Found<E> {
    Nothing,
    /// The response goes to one caller.
    Own {
        head: Parts,
        others: Others,
    },
    /// The error is made shareable if several callers wait for the last attempt.
    Failed(E),
    /// The result is already in the window.
    Kept(Load),
    /// The response may be shared.
    Arriving(Arriving),
}

// === impl Upstream ===

impl<S, ReqB, ResB> Upstream<ReqB> for S
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Body = ResB;
}

// === impl UpstreamCall ===

impl<S, ReqB> UpstreamCall<S, ReqB>
where
    S: Upstream<ReqB>,
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

impl<S, ReqB> Exchange for UpstreamCall<S, ReqB>
where
    S: Upstream<ReqB>,
    ReqB: Send,
{
    fn poll_head(self: Pin<&mut Self>, flight: &Flight<BoxCall>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let StageProj::Calling { call } = this.stage.as_mut().project() else {
            unreachable!("a head is polled until it is ready, and no longer");
        };
        let polled = this.errand.within(|| call.poll(cx));
        let result = ready!(polled);
        let result = flight.terms().common.counters.failed.watch(result);
        if let Some(target) = this.errand.writes {
            flight.terms().common.marks.write(target);
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let found = this.errand.failed(flight, error);
                this.stage.set(Stage::Failed { found });
                return Poll::Ready(());
            }
        };
        let verdict = this.errand.judge(flight, &response);
        let (head, body) = response.into_parts();
        let found = Found::Nothing;
        this.stage.as_mut().set(Stage::Reading { found, body });
        let StageProj::Reading { found, body } = this.stage.project() else {
            unreachable!("set just now");
        };
        *found = match verdict {
            Err(others) => Found::Own { head, others },
            Ok(window) => {
                let mut arriving = Arriving {
                    head,
                    prefix: Prefix::new(&*body),
                    fields: this.errand.fields.take(),
                    window,
                };
                this.errand.within(|| arriving.prefix.read(body, cx));
                this.errand.arrived(flight, arriving)
            }
        };
        Poll::Ready(())
    }

    fn arrived(self: Pin<&mut Self>, lone: bool) -> Arrived {
        let this = self.project();
        let found = this.stage.project().found();
        match found {
            Found::Own { others, .. } => return Arrived::Own(*others),
            Found::Failed(_) if lone || !this.errand.last => return Arrived::Own(Others::Again),
            Found::Arriving(arriving) if lone && arriving.is_whole() => {
                return Arrived::Own(Others::Again);
            }
            _ => {}
        }
        match found.take() {
            Found::Failed(error) => Arrived::Shared(Load::Error(Failure::shared(error))),
            Found::Kept(load) => Arrived::Shared(load),
            Found::Arriving(arriving) if arriving.is_whole() => {
                Arrived::Shared(Load::Answer(arriving.whole().expect("as just seen")))
            }
            Found::Arriving(arriving) => Arrived::Live(arriving),
            Found::Nothing | Found::Own { .. } => unreachable!("given away once, and not here"),
        }
    }

    fn own(self: Pin<&mut Self>) -> Owned {
        match self.project().stage.project().found().take() {
            Found::Own { head, .. } => Ok((head, None)),
            Found::Failed(error) => Err(Failure::own(error)),
            Found::Arriving(arriving) => Ok((arriving.head, arriving.prefix.whole())),
            Found::Nothing | Found::Kept(_) => unreachable!("only what is not shared is owned"),
        }
    }
}

impl<S, ReqB> Body for UpstreamCall<S, ReqB>
where
    S: Upstream<ReqB>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let StageProj::Reading { body, .. } = this.stage.project() else {
            return Poll::Ready(None);
        };
        let frame = ready!(this.errand.within(|| body.poll_frame(cx)));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Reading { body, .. } => body.is_end_stream(),
            Stage::Calling { .. } | Stage::Failed { .. } => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stage {
            Stage::Reading { body, .. } => body.size_hint(),
            Stage::Calling { .. } | Stage::Failed { .. } => SizeHint::with_exact(0),
        }
    }
}

// === impl Stage ===

impl<'a, S, ReqB> StageProj<'a, S, ReqB>
where
    S: Upstream<ReqB>,
{
    fn found(self) -> &'a mut Found<S::Error> {
        match self {
            Self::Reading { found, .. } | Self::Failed { found } => found,
            Self::Calling { .. } => unreachable!("a result is taken when it is there"),
        }
    }
}

// === impl Found ===

impl<E> Found<E> {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }
}

// === impl Errand ===

impl Errand {
    /// Polls a part of the call in the call's span, if it has one.
    fn within<T>(&self, poll: impl FnOnce() -> T) -> T {
        match &self.span {
            Some(span) => span.in_scope(poll),
            None => poll(),
        }
    }

    fn failed<E: ShareError>(&self, flight: &Flight<BoxCall>, error: E) -> Found<E> {
        let common = &flight.terms().common;
        match common.config.window {
            Some(window) if self.keep && self.last && !window.errors.is_zero() => {
                let load = Load::Error(Failure::shared(error));
                common.keep(flight, load.clone(), window.errors);
                Found::Kept(load)
            }
            _ => Found::Failed(error),
        }
    }

    /// Puts a complete response into the window before it leaves the table, so that it is always
    /// in one of them.
    fn arrived<E>(&self, flight: &Flight<BoxCall>, arriving: Arriving) -> Found<E> {
        let Some(time) = arriving.is_kept(self.keep) else {
            return Found::Arriving(arriving);
        };
        let load = Load::Answer(arriving.whole().expect("a kept response is complete"));
        flight.terms().common.keep(flight, load.clone(), time);
        Found::Kept(load)
    }

    /// Returns the time for which a shareable response may be reused, or what callers do that do
    /// not get it.
    fn judge<B>(
        &self,
        flight: &Flight<BoxCall>,
        response: &Response<B>,
    ) -> Result<Option<Duration>, Others> {
        if !self.last && policy::failed(response.status()) {
            return Err(Others::Again);
        }
        let common = &flight.terms().common;
        match policy::judge(&common.config, response, &self.recheck) {
            Verdict::Share { window } => Ok(window),
            Verdict::Refuse(reason) => {
                common.bar(flight.key().as_ref().hash_value(), reason);
                Err(Others::Alone)
            }
        }
    }
}
