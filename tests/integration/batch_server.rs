//! The batch layer with hyper's client, and servers of axum over loopback.

use axum::{
    Json, Router,
    extract::Request as Incoming,
    http::{StatusCode, header::ACCEPT_ENCODING},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    batch::{BatchCodec, BatchLayer, JsonRpc, RestJson},
    core::BoxError,
};
use scrimp_tests::{Answer, Fields, Server, request};
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;

/// Calls that the node takes at once.
const MOST: usize = 10;

/// Sends requests at once, and returns the answers and the number of batches.
async fn send<C: BatchCodec>(
    codec: C,
    requests: impl Iterator<Item = http::Request<Full<Bytes>>>,
) -> (Vec<Answer>, BatchLayer<C>) {
    let client = ServiceBuilder::new()
        .map_err(BoxError::from)
        .service(Client::builder(TokioExecutor::new()).build_http());
    let layer = BatchLayer::builder(codec).build().unwrap();
    let service = layer.layer(client);
    let answers = join_all(requests.map(|request| {
        let service = service.clone();
        async move {
            Answer::read(service.oneshot(request).await.unwrap())
                .await
                .unwrap()
        }
    }));
    (answers.await, layer)
}

fn call(server: &Server, number: usize, fields: Fields<'_>) -> http::Request<Full<Bytes>> {
    let body = json!({"jsonrpc": "2.0", "method": "get", "params": [number], "id": "mine"});
    let mut request = request("POST", &server.url("/"), fields);
    let json = "application/json".parse().unwrap();
    request.headers_mut().insert("content-type", json);
    *request.body_mut() = Full::from(body.to_string());
    request
}

/// Answers one call.
fn answer(call: &Value) -> Value {
    json!({"jsonrpc": "2.0", "result": call["params"][0], "error": null, "id": call["id"]})
}

/// Answers JSON-RPC, as a node that takes ten calls at once and says so with status 200.
async fn node(Json(asked): Json<Value>) -> Json<Value> {
    Json(match asked.as_array() {
        None => answer(&asked),
        Some(calls) if calls.len() <= MOST => calls.iter().map(answer).collect(),
        Some(calls) => {
            let message = format!(
                "batch limit {MOST} exceeded: {} requests given",
                calls.len()
            );
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": message}})
        }
    })
}

#[tokio::test]
async fn forty_callers_of_a_node_that_takes_ten_calls_get_their_own_answers() {
    let server = Server::start(Router::new().route("/", post(node))).await;
    let requests = (0..40).map(|n| call(&server, n, &[]));
    let (answers, layer) = send(JsonRpc::new(), requests).await;
    for (n, answer) in answers.iter().enumerate() {
        let body: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!((&body["result"], &body["id"]), (&json!(n), &json!("mine")));
    }
    let stats = layer.stats();
    assert!(stats.calls <= 8, "{stats:?}");
}

#[tokio::test]
async fn a_server_that_compresses_answers_batches_whether_it_is_asked_to_or_not() {
    let app = || Router::new().route("/", post(node));
    let stubborn = tower::util::MapRequestLayer::new(|mut request: Incoming| {
        let gzip = "gzip".parse().unwrap();
        request.headers_mut().insert(ACCEPT_ENCODING, gzip);
        request
    });
    for app in [
        app().layer(CompressionLayer::new()),
        app().layer(CompressionLayer::new()).layer(stubborn),
    ] {
        let server = Server::start(app).await;
        let requests = (0..9).map(|n| call(&server, n, &[("accept-encoding", "gzip, br")]));
        let (answers, layer) = send(JsonRpc::new(), requests).await;
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.header("content-encoding"), "");
            assert!(
                answer.text().contains(&format!("\"result\":{n}")),
                "{}",
                answer.text()
            );
        }
        assert!(layer.stats().batches >= 1);
    }
}

#[tokio::test]
async fn items_are_served_one_by_one_where_the_batch_route_is_missing_or_takes_another_method() {
    let items = || {
        Router::new()
            .route(
                "/items/{id}",
                get(async |id: axum::extract::Path<u32>| id.0.to_string()),
            )
            .route("/gone", get(async || StatusCode::NOT_FOUND))
    };
    for (app, code) in [
        (items(), 404),
        (items().route("/batch", get(async || "")), 405),
    ] {
        let server = Server::start(app).await;
        let paths = (0..5)
            .map(|n| format!("/items/{n}"))
            .chain(["/gone".to_owned()]);
        let requests = paths.map(|path| request("GET", &server.url(&path), &[]));
        let (answers, layer) = send(RestJson::new("/batch"), requests).await;
        for (n, answer) in answers[..5].iter().enumerate() {
            assert_eq!(answer.text(), n.to_string(), "{code}");
        }
        assert_eq!(answers[5].status, 404);
        assert!(layer.stats().calls <= 7, "{:?}", layer.stats());
    }
}
