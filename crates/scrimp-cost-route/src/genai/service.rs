//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tracing::{Span, field::Empty, info_span};

use super::{GenAiBody, GenAiFuture, GenAiLayer, operation::operation};

/// Service of a [`GenAiLayer`]. It is ready when its inner service is.
#[derive(Debug, Clone)]
pub struct GenAi<S> {
    inner: S,
    layer: GenAiLayer,
}

// === impl GenAi ===

impl<S> GenAi<S> {
    pub(super) fn new(inner: S, layer: GenAiLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, B, R> Service<Request<B>> for GenAi<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<GenAiBody<R>>;
    type Error = S::Error;
    type Future = GenAiFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = operation(request.uri().path()).map(span);
        let inner = match &span {
            Some(span) => span.in_scope(|| self.inner.call(request)),
            None => self.inner.call(request),
        };
        GenAiFuture::new(inner, span, self.layer.clone())
    }
}

fn span(operation: &'static str) -> Span {
    info_span!(
        "gen_ai",
        otel.name = operation,
        otel.kind = "client",
        gen_ai.operation.name = operation,
        gen_ai.provider.name = Empty,
        gen_ai.request.model = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        error.type = Empty,
    )
}
