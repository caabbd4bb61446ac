//! Attributes of OpenTelemetry's conventions for generative AI.

mod answer;
mod body;
mod future;
mod operation;
mod service;

use std::{fmt, sync::Arc};

use tower_layer::Layer;

pub use self::{body::GenAiBody, future::GenAiFuture, service::GenAi};

/// Layer that opens a span for each call of a model, with the attributes of OpenTelemetry's conventions for
/// generative AI.
///
/// **Unstable.** These conventions are in development, and their names have changed before. This layer follows
/// them, and may change in any release, also in a patch.
///
/// It goes outside of a [`CostRouteLayer`](crate::CostRouteLayer), or onto any client of such APIs. A bridge such as
/// `tracing-opentelemetry` makes spans of OpenTelemetry of these:
///
/// | attribute | from |
/// |---|---|
/// | `gen_ai.operation.name` | the path: `chat`, `text_completion`, `embeddings`, `generate_content` |
/// | `gen_ai.provider.name` | [`named`](Self::named) for the provider of the [`RouteDecision`](crate::RouteDecision), else its name |
/// | `gen_ai.request.model` | [`CalledModel`](scrimp_core::extensions::CalledModel) of the response, which the router sets |
/// | `gen_ai.response.model` | the answer |
/// | `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens` | the answer, as [`Tap`](crate::Tap) reads it |
/// | `gen_ai.response.finish_reasons` | the answer: reasons with commas between them, without repetitions |
/// | `error.type` | the status of an error, or `_OTHER` for a call without an answer |
///
/// The span ends with the body. Prompts and answers are never in it. Requests to other paths get no span. An answer
/// in a content coding is not read. Memory does not grow with the answer.
#[derive(Clone, Default)]
pub struct GenAiLayer {
    names: Option<Arc<Names>>,
}

type Names = dyn Fn(&str) -> Option<&'static str> + Send + Sync;

// === impl GenAiLayer ===

impl GenAiLayer {
    /// Makes the layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the names that the conventions have for the router's providers, such as `openai`, `anthropic`,
    /// `gcp.gemini` or `aws.bedrock`. `None` keeps the router's name.
    #[must_use]
    pub fn named(
        mut self,
        names: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.names = Some(Arc::new(names));
        self
    }

    fn name_of<'a>(&self, provider: &'a str) -> &'a str {
        let name = self.names.as_ref().and_then(|names| names(provider));
        name.unwrap_or(provider)
    }
}

impl<S> Layer<S> for GenAiLayer {
    type Service = GenAi<S>;

    fn layer(&self, inner: S) -> GenAi<S> {
        GenAi::new(inner, self.clone())
    }
}

impl fmt::Debug for GenAiLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenAiLayer").finish_non_exhaustive()
    }
}
