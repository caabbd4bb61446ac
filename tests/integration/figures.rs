//! The words that the figures of all layers have in common.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    batch::{BatchLayer, GroupLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::BoxError,
    cost_route::{CostRouteLayer, Provider},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt, service_fn};

/// Requests in order: what is stored or shared is asked for twice, and two calls fail.
const REQUESTS: [(Method, &str); 6] = [
    (Method::GET, "/api/a"),
    (Method::GET, "/api/a"),
    (Method::GET, "/api/down"),
    (Method::GET, "/api/error"),
    (Method::POST, "/api/a"),
    (Method::GET, "/api/a"),
];

/// An upstream that counts its failures.
fn upstream() -> (Scripted, Upstream, Arc<AtomicU64>) {
    let failures = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&failures);
    let (service, upstream) = Scripted::answering(move |parts| {
        let mut response = Response::new(ScriptedBody::new().data("1").sized());
        let fresh = http::HeaderValue::from_static("max-age=60");
        response.headers_mut().insert("cache-control", fresh);
        match parts.uri.path() {
            "/api/down" => *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR,
            "/api/error" => {
                counted.fetch_add(1, SeqCst);
                return Reply::error("reset");
            }
            _ => {}
        }
        let failed = response.status().is_server_error();
        counted.fetch_add(u64::from(failed), SeqCst);
        Reply::respond(response)
    });
    (service, upstream, failures)
}

fn word(figures: &Value, word: &str) -> Option<u64> {
    figures.get(word)?.as_u64()
}

/// Sends the requests, and compares the figures of a layer with what its upstream saw.
async fn add_up<L, B>(layer: L, figures: impl Fn(&L) -> Value)
where
    L: Layer<Scripted>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    B: http_body::Body<Data = Bytes>,
{
    let (scripted, upstream, failures) = upstream();
    let service = layer.layer(scripted);
    for (method, path) in REQUESTS {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://api.example.com{path}"))
            .body(Full::default())
            .expect("a request");
        if let Ok(response) = service.clone().oneshot(request).await {
            let _ = response.into_body().collect().await;
        }
    }
    let name = std::any::type_name::<L>();
    let figures = figures(&layer);
    let told = |name| word(&figures, name);
    let words = ["requests", "calls", "failed"].map(told);
    let [Some(requests), Some(calls), Some(failed)] = words else {
        panic!("{name}: a word is missing: {figures}");
    };
    let bypassed = told("bypassed").unwrap_or_default();
    let sent = REQUESTS.len() as u64;
    assert_eq!(requests + bypassed, sent, "{name}: {figures}");
    let seen = upstream.calls() as u64;
    assert_eq!(calls + bypassed, seen, "{name}: {figures}");
    assert_eq!(failed, failures.load(SeqCst), "{name}: {figures}");
}

/// Returns figures as they are serialized.
fn json(figures: impl serde::Serialize + fmt::Debug) -> Value {
    serde_json::to_value(&figures).unwrap_or_else(|error| panic!("{figures:?}: {error}"))
}

#[tokio::test(start_paused = true)]
async fn requests_calls_and_failures_add_up_in_every_layer() {
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    add_up(cache, |layer| json(layer.stats())).await;
    add_up(CoalesceLayer::new(), |layer| json(layer.stats())).await;
    add_up(StampedeLayer::new(), |layer| json(layer.stats())).await;
    let limit = LimitLayer::per_second(100).build().unwrap();
    add_up(limit, |layer| json(layer.stats())).await;
    let batch = BatchLayer::builder(RestJson::new("/api/batch").base("/api"));
    add_up(batch.build().unwrap(), |layer| json(layer.stats())).await;
    let route = CostRouteLayer::builder([Provider::new("one").price("0.01")]);
    add_up(route.build().unwrap(), |layer| json(layer.stats())).await;
}

#[tokio::test(start_paused = true)]
async fn groups_of_any_service_have_the_words_too() {
    let layer = GroupLayer::new();
    let double = service_fn(|items: Vec<u64>| async move {
        Ok::<_, BoxError>(items.into_iter().map(|item| 2 * item).collect::<Vec<_>>())
    });
    assert_eq!(layer.layer(double).oneshot(4).await.unwrap(), 8);
    let figures = json(layer.stats());
    let words = ["requests", "calls", "failed"].map(|name| word(&figures, name));
    assert_eq!(words, [Some(1), Some(1), Some(0)], "{figures}");
}
