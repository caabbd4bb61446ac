//! Nested routers of axum, where requests have a part of their target URI.

use crate::support;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::{OriginalUri, Request},
    response::Response,
};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, BatchLayerBuilder, BatchWindow, JsonRpc, RestJson};
use serde_json::{Value, json};
use tower::ServiceExt;

use support::MS;

/// Requests of a service: the path that it saw, and the path of the client.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Answers with the URL of each item, after the mount of the router.
async fn answer(seen: Seen, request: Request) -> Result<Response, Infallible> {
    let original = request.extensions().get::<OriginalUri>().unwrap().0.clone();
    let path = request.uri().path().to_owned();
    let mount = original
        .path()
        .split('/')
        .find(|part| part.starts_with('v'));
    let mount = mount.unwrap_or_default().to_owned();
    seen.lock().push((path.clone(), original.path().to_owned()));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let of = |url: &Value| format!("{mount}{}", url.as_str().unwrap_or_default());
    let answer = match (asked.get("requests"), asked.as_array()) {
        (Some(items), _) => {
            let items = items.as_array().unwrap().iter();
            let answers = items
                .map(|item| json!({"id": item["id"], "status": 200, "body": of(&item["url"])}));
            json!({"responses": answers.collect::<Vec<_>>()})
        }
        (_, Some(calls)) => {
            let answer = |call: &Value| json!({"id": call["id"], "result": of(&call["method"])});
            Value::from_iter(calls.iter().map(answer))
        }
        _ => json!(format!("{mount}{path}")),
    };
    Ok(Response::new(answer.to_string().into()))
}

fn service(
    seen: &Seen,
) -> impl tower::Service<Request, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let seen = Arc::clone(seen);
    tower::service_fn(move |request| answer(Arc::clone(&seen), request))
}

async fn ask(app: &Router, requests: impl IntoIterator<Item = Request>) -> Vec<String> {
    let calls = requests
        .into_iter()
        .map(|request| app.clone().oneshot(request));
    let answers = join_all(calls).await.into_iter().map(|answer| async {
        let body = answer.unwrap().into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().into()).unwrap()
    });
    join_all(answers).await
}

fn get(path: &str) -> Request {
    let request = Request::get(path).header("host", "api.example.com");
    request.body(axum::body::Body::empty()).unwrap()
}

fn rpc(path: &str, id: usize) -> Request {
    let call = json!({"jsonrpc": "2.0", "method": "m", "id": id}).to_string();
    let request = Request::post(path).header("content-type", "application/json");
    request.body(Bytes::from(call).into()).unwrap()
}

fn rest() -> BatchLayerBuilder<RestJson> {
    BatchLayer::builder(RestJson::new("/batch")).window(BatchWindow::fixed(MS))
}

fn original(extensions: &http::Extensions) -> Option<&http::Uri> {
    extensions.get::<OriginalUri>().map(|uri| &uri.0)
}

/// Checks that each of two mounts answers its own two requests.
async fn each_mount_answers_its_own(app: Router, seen: Seen) {
    let paths = ["v1/items", "v2/items", "v1/users", "v2/users"];
    let answers = ask(&app, paths.map(|path| get(&format!("/api/{path}")))).await;
    let expected = paths.map(|path| format!("{path:?}"));
    assert_eq!(answers, expected);
    let mut seen = seen.lock().clone();
    seen.sort();
    let calls: Vec<_> = seen.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(calls, ["/batch", "/batch"], "one batch for each mount");
}

#[tokio::test(start_paused = true)]
async fn a_nested_service_with_two_mounts_gets_a_batch_for_each() {
    let seen = Seen::default();
    let layer = rest().target_uri(original).build().unwrap();
    let inner = tower::Layer::layer(&layer, service(&seen));
    let app = Router::new().nest_service("/api/{version}", inner);
    each_mount_answers_its_own(app, seen).await;
}

#[tokio::test(start_paused = true)]
async fn nested_routers_that_share_a_layer_share_no_batch() {
    let seen = Seen::default();
    let layer = rest()
        .target_uri(original)
        .share_services()
        .build()
        .unwrap();
    let inner = || Router::new().fallback_service(tower::Layer::layer(&layer, service(&seen)));
    let app = Router::new()
        .nest("/api/v1", inner())
        .nest("/api/v2", inner());
    each_mount_answers_its_own(app, Arc::clone(&seen)).await;
}

#[tokio::test(start_paused = true)]
async fn calls_to_one_path_under_two_mounts_are_two_batches() {
    let seen = Seen::default();
    let layer = BatchLayer::builder(JsonRpc::new().safe(|_| true))
        .window(BatchWindow::fixed(MS))
        .target_uri(original)
        .build()
        .unwrap();
    let inner = tower::Layer::layer(&layer, service(&seen));
    let app = Router::new().nest_service("/api/{version}", inner);
    let calls = ["/api/v1/rpc", "/api/v2/rpc", "/api/v1/rpc", "/api/v2/rpc"];
    let calls = calls.iter().enumerate().map(|(id, path)| rpc(path, id));
    let answers = ask(&app, calls).await;
    for (answer, mount) in answers.iter().zip(["v1m", "v2m", "v1m", "v2m"]) {
        assert!(answer.contains(mount), "{mount} in {answer}");
    }
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_uri_shares_a_batch_with_nothing_else() {
    let seen = Seen::default();
    let layer = rest().target_uri(original).build().unwrap();
    let inner = tower::Layer::layer(&layer, service(&seen));
    // A rewrite removes the query, which the service may know in another way.
    let rewriting = tower::ServiceBuilder::new()
        .map_request(|mut request: Request| {
            *request.uri_mut() = request.uri().path().parse().unwrap();
            request
        })
        .service(inner);
    let app = Router::new().fallback_service(rewriting);
    ask(&app, ["/a?x=1", "/a?x=2"].map(get)).await;
    assert_eq!(seen.lock().len(), 2);
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn with_the_feature_axum_no_setting_is_needed() {
    let seen = Seen::default();
    let inner = tower::Layer::layer(&rest().build().unwrap(), service(&seen));
    let app = Router::new().nest_service("/api/{version}", inner);
    each_mount_answers_its_own(app, seen).await;
}
