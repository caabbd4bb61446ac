//! Attributes of OpenTelemetry's conventions for generative AI.

use std::{collections::BTreeMap, convert::Infallible, fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::Currency;
use scrimp_cost_route::{
    CostRouteLayer, GenAiLayer, Provider, Rate, RequestBody, Tariff, TokenRates,
};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Collects the fields of spans, and counts those that were closed.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<(BTreeMap<String, String>, usize)>>);

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.name() == "gen_ai"
    }
    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut Fields(&mut self.0.lock().0));
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().0));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
    fn try_close(&self, _: span::Id) -> bool {
        self.0.lock().1 += 1;
        true
    }
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.0
            .insert(field.name().to_owned(), value.trim_matches('"').to_owned());
    }
}

const ANSWER: &str = r#"{"model":"small-2026-11-30","choices":[{"finish_reason":"stop","message":
    {"content":"secret"}}],"usage":{"prompt_tokens":12,"completion_tokens":7}}"#;

/// Makes a call of a path through the router, and returns the fields of its span, and the spans that were closed
/// before and after the body was read.
async fn call(path: &str, answer: Response<Full<Bytes>>) -> (BTreeMap<String, String>, [usize; 2]) {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let rates = TokenRates::text(Rate::per("0.15", 1_000_000), Rate::per("0.6", 1_000_000));
    let provider = Provider::new("first")
        .endpoint("https://first.example.com")
        .model("small", Tariff::new(Currency::USD).tokens(rates));
    let router = CostRouteLayer::builder([provider]).build().unwrap();
    let client = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer) }
    });
    let layer = GenAiLayer::new().named(|name| (name == "first").then_some("openai"));
    let client = layer.layer(router.layer(client));
    let body = r#"{"model":"small","messages":[]}"#;
    let request = Request::post(path).body(Full::from(body)).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let before = spans.0.lock().1;
    response.into_body().collect().await.unwrap();
    let (fields, after) = spans.0.lock().clone();
    (fields, [before, after])
}

#[tokio::test]
async fn a_chat_has_the_attributes_of_the_conventions_and_no_content() {
    let (fields, closed) = call("/v1/chat/completions", Response::new(ANSWER.into())).await;
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "small"),
        ("gen_ai.response.model", "small-2026-11-30"),
        ("gen_ai.response.finish_reasons", "stop"),
        ("gen_ai.usage.input_tokens", "12"),
        ("gen_ai.usage.output_tokens", "7"),
        ("otel.kind", "client"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!format!("{fields:?}").contains("secret"));
    assert_eq!(closed, [0, 1], "the span ends with the body");
}

#[tokio::test]
async fn an_error_has_its_type_and_other_paths_have_no_span() {
    let answer = Response::builder()
        .status(400)
        .body(Full::from("{}"))
        .unwrap();
    let (fields, _) = call("/v1/chat/completions", answer).await;
    assert_eq!(fields["error.type"], "400");
    let (fields, closed) = call("/v1/models", Response::new(ANSWER.into())).await;
    assert!(fields.is_empty() && closed == [0, 0], "{fields:?}");
}

#[tokio::test]
async fn an_answer_in_a_content_coding_is_not_read() {
    let answer = Response::builder().header("content-encoding", "gzip");
    let (fields, _) = call("/v1/chat/completions", answer.body(ANSWER.into()).unwrap()).await;
    assert_eq!(fields.get("gen_ai.usage.input_tokens"), None);
}
