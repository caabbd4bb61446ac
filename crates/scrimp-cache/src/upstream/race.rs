//! Calls that no client waits for: refreshes, and calls that were too slow.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::{Sleep, sleep};
use tower::util::Oneshot;
use tower_service::Service;

use super::{Exchange, Outcome, POLLED_AGAIN, Upstream};
use scrimp_core::{Tasks, background_span, release_span};
use tracing::Span;

use crate::entry::Store;

/// The call, its soft time-out, and its place in the background once its caller has an answer.
pub(crate) struct Race<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
{
    call: Pin<Box<Oneshot<S, Request<ReqB>>>>,
    exchange: Exchange<St>,
    /// `None` once it has expired without a response to serve.
    limit: Option<Pin<Box<Sleep>>>,
    background: Arc<Tasks>,
    /// The span of the call, which may outlast its caller from the first poll on: what the inner service
    /// starts there may hold the span that it starts in.
    span: Span,
}

// === impl Race ===

impl<S, ReqB, St> Race<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
{
    pub(crate) fn new(
        inner: S,
        mut request: Request<ReqB>,
        exchange: Exchange<St>,
        limit: Duration,
        background: &Arc<Tasks>,
    ) -> Self {
        release_span(request.extensions_mut());
        Self {
            call: Box::pin(Oneshot::new(inner, request)),
            exchange,
            limit: Some(Box::pin(sleep(limit))),
            background: Arc::clone(background),
            span: background_span("cache.late"),
        }
    }
}

impl<S, ReqB, St> Race<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default + Send + 'static,
    St: Store,
{
    /// Drives a race to whichever end comes first. The slot is empty afterwards.
    pub(crate) fn poll(
        slot: &mut Option<Box<Self>>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, ReqB>> {
        let race = slot.as_mut().expect(POLLED_AGAIN);
        let polled = race.span.in_scope(|| race.call.as_mut().poll(cx));
        if let Poll::Ready(result) = polled {
            let race = slot.take().expect("present until taken here");
            return Poll::Ready(race.exchange.finish(result));
        }
        let Some(limit) = &mut race.limit else {
            return Poll::Pending;
        };
        ready!(limit.as_mut().poll(cx));
        race.limit = None;
        // It may have been invalidated meanwhile: then the call has to be awaited.
        let Some(response) = race.exchange.stand_in_for_slow() else {
            return Poll::Pending;
        };
        if let Some(race) = slot.take() {
            let run = race.exchange.run(race.call);
            race.background.start_in(race.span, run);
        }
        Poll::Ready(Ok(response))
    }

    /// Gives up the call.
    pub(crate) fn leave(self) -> Exchange<St> {
        self.exchange
    }
}

// === impl Exchange ===

impl<St: Store> Exchange<St> {
    /// Makes the call in the background.
    pub(crate) fn start<S, ReqB>(self, background: &Tasks, inner: S, mut request: Request<()>)
    where
        S: Upstream<ReqB>,
        ReqB: Default + Send + 'static,
    {
        self.announce(&mut request);
        let call = Oneshot::new(inner, request.map(|()| ReqB::default()));
        background.start("cache.refresh", self.run(call));
    }

    /// Waits for the response and reads its body to the end, so that it is stored. A body that is
    /// not stored, or no longer, is not read to the end.
    pub(super) async fn run<B, E>(mut self, call: impl Future<Output = Result<Response<B>, E>>)
    where
        B: Body<Data = Bytes>,
    {
        self.run_behind();
        let Ok(response) = self.finish(call.await) else {
            return;
        };
        let mut body = pin!(response.into_body());
        while body.is_kept()
            && let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await
        {}
    }
}
