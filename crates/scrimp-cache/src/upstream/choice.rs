//! A call that lets the upstream choose among stored responses.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, StatusCode, header};
use http_body::Body;
use tower::util::Oneshot;
use tower_service::Service;

use super::{Exchange, Outcome, POLLED_AGAIN, Upstream};
use crate::{entry::Store, request::head_of};

/// A call with an offer. If the upstream returns a 304 that names none of it, the call is repeated
/// without the offer.
pub(crate) struct Choice<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
{
    call: Pin<Box<Oneshot<S, Request<ReqB>>>>,
    exchange: Exchange<St>,
    /// Service and request for the second call.
    again: Option<(S, Request<()>)>,
}

// === impl Choice ===

impl<S, ReqB, St> Choice<S, ReqB, St>
where
    S: Service<Request<ReqB>> + Clone,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, exchange: Exchange<St>) -> Self {
        let mut head = head_of(&request);
        *head.version_mut() = request.version();
        head.headers_mut().remove(header::IF_NONE_MATCH);
        head.extensions_mut().clone_from(request.extensions());
        Self {
            call: Box::pin(Oneshot::new(inner.clone(), request)),
            exchange,
            again: Some((inner, head)),
        }
    }
}

impl<S, ReqB, St> Choice<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default,
    St: Store,
{
    /// Drives the call, or both. The slot is empty afterwards.
    pub(crate) fn poll(
        slot: &mut Option<Box<Self>>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, ReqB>> {
        loop {
            let choice = slot.as_mut().expect(POLLED_AGAIN);
            let result = ready!(choice.call.as_mut().poll(cx));
            if let Ok(response) = &result
                && response.status() == StatusCode::NOT_MODIFIED
                && choice.exchange.withdraw_offer(response)
                && let Some((inner, head)) = choice.again.take()
            {
                let request = head.map(|()| ReqB::default());
                choice.call = Box::pin(Oneshot::new(inner, request));
                continue;
            }
            let choice = slot.take().expect("present until taken here");
            return Poll::Ready(choice.exchange.finish(result));
        }
    }
}
