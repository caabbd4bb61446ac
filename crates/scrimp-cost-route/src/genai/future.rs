//! The response future.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, header::CONTENT_ENCODING};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::extensions::CalledModel;
use tracing::Span;

use super::{GenAiBody, GenAiLayer};
use crate::RouteDecision;

pin_project! {
    /// Future of a [`GenAi`](super::GenAi)'s response. Dropping it ends the span.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GenAiFuture<F> {
        #[pin]
        inner: F,
        span: Option<Span>,
        layer: GenAiLayer,
    }
}

// === impl GenAiFuture ===

impl<F> GenAiFuture<F> {
    pub(super) fn new(inner: F, span: Option<Span>, layer: GenAiLayer) -> Self {
        Self { inner, span, layer }
    }
}

impl<F, B, E> Future for GenAiFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<GenAiBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = {
            let _entered = this.span.as_ref().map(Span::enter);
            ready!(this.inner.poll(cx))
        };
        let span = this.span.take();
        Poll::Ready(match (result, span) {
            (Ok(response), Some(span)) => {
                record_head(&span, &response, this.layer);
                // Bytes in a content coding say nothing.
                let coded = response.headers().contains_key(CONTENT_ENCODING);
                Ok(response.map(|body| GenAiBody::watched(body, span, !coded)))
            }
            (Ok(response), None) => Ok(response.map(GenAiBody::passing)),
            (Err(error), span) => {
                if let Some(span) = span {
                    span.record("error.type", "_OTHER");
                }
                Err(error)
            }
        })
    }
}

fn record_head<B>(span: &Span, response: &Response<B>, layer: &GenAiLayer) {
    let (status, extensions) = (response.status(), response.extensions());
    if let Some(decision) = extensions.get::<RouteDecision>() {
        span.record("gen_ai.provider.name", layer.name_of(&decision.provider));
    }
    if let Some(CalledModel(model)) = extensions.get() {
        span.record("gen_ai.request.model", &**model);
    }
    if status.is_client_error() || status.is_server_error() {
        span.record("error.type", status.as_str());
    }
}
