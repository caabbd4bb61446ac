//! Body of a response, whose end ends the span.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::{BodyEnd, Sink, Tee};
use tracing::Span;

use super::answer::AnswerFacts;
use crate::Tap;

pin_project! {
    /// Body of a [`GenAi`](super::GenAi)'s response. It passes frames on as they come.
    pub struct GenAiBody<B> {
        #[pin]
        body: Tee<B, Watch>,
    }
}

/// Watcher of an answer; without one nothing is watched.
struct Watch(Option<Box<Watched>>);

struct Watched {
    span: Span,
    /// Parts of the answer that are read, if it can be read.
    read: Option<(Tap, AnswerFacts)>,
}

// === impl GenAiBody ===

impl<B: Body> GenAiBody<B> {
    pub(super) fn passing(body: B) -> Self {
        let body = Tee::new(body, Watch(None));
        Self { body }
    }

    pub(super) fn watched(body: B, span: Span, readable: bool) -> Self {
        let read = readable.then(Default::default);
        let watched = Box::new(Watched { span, read });
        let body = Tee::new(body, Watch(Some(watched)));
        Self { body }
    }
}

impl<B: Body<Data = Bytes>> Body for GenAiBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for GenAiBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenAiBody")
    }
}

// === impl Watch ===

impl Sink for Watch {
    fn data(&mut self, chunk: &Bytes) {
        if let Some((tap, facts)) = self.0.as_mut().and_then(|watched| watched.read.as_mut()) {
            tap.see(chunk);
            facts.see(chunk);
        }
    }

    fn end(self, end: BodyEnd) {
        let Some(watched) = self.0 else {
            return;
        };
        let span = &watched.span;
        if let Some((tap, facts)) = &watched.read {
            if let Some(model) = facts.model() {
                span.record("gen_ai.response.model", model);
            }
            if let Some(reasons) = facts.reasons() {
                span.record("gen_ai.response.finish_reasons", &*reasons);
            }
            if let Some(usage) = tap.usage() {
                span.record("gen_ai.usage.input_tokens", usage.prompt());
                span.record("gen_ai.usage.output_tokens", usage.completion());
            }
        }
        if matches!(end, BodyEnd::Failed) {
            span.record("error.type", "_OTHER");
        }
    }
}
