//! Ways to put layers on an axum application.

use std::time::Duration;

use axum::{Json, Router};
use futures_util::future::join_all;
use scrimp::{
    ServiceBuilderExt,
    batch::{BatchLayer, BatchWindow, RestJson},
};
use scrimp_tests::{Server, request};
use serde_json::{Value, json};
use tower::ServiceBuilder;

use crate::{
    api::pattern,
    front::{ask, hyper},
    layers::{BASE, BATCH, Layers},
    world::World,
};

#[tokio::test]
async fn around_routes_everything_works_except_batches() {
    let (world, layers) = (World::default(), Layers::new(None));
    let stack = ServiceBuilder::new()
        .stampede(layers.stampede)
        .cache(layers.cache.clone())
        .coalesce(layers.coalesce)
        .batch(layers.batch)
        .cost_route(layers.cost_route);
    let server = Server::start(world.app().layer(stack)).await;
    for _ in 0..3 {
        for path in ["/bytes/70000", "/stream/70000"] {
            let answer = ask(&hyper(), request("GET", &server.url(path), &[])).await;
            assert!(answer.body == pattern(70_000));
        }
        let answer = ask(&hyper(), request("GET", &server.url("/once/5"), &[])).await;
        assert_eq!(answer.body, pattern(5));
    }
    assert_eq!((world.calls(), layers.cache.stats().hits), (5, 4));
}

#[tokio::test]
async fn around_a_catch_all_handler_services_share_their_batches() {
    // Each has its own client, and so its own connection.
    for (layer, shares) in [(Layers::new(None).batch, false), (sharing(), true)] {
        let gateway = async |batch: Option<Json<Value>>| {
            let asked = batch.iter().filter_map(|it| it["requests"].as_array());
            let answer = |ask: &Value| json!({"id": ask["id"], "status": 200, "body": ask["url"]});
            let answers: Vec<_> = asked.flatten().map(answer).collect();
            Json(json!({ "responses": answers }))
        };
        let app = Router::new().fallback(gateway).layer(layer.clone());
        let server = Server::start(app).await;
        let calls = (0..10).map(|n| {
            let url = server.url(&format!("{BASE}/items/{n}"));
            async move { ask(&hyper(), request("GET", &url, &[])).await }
        });
        let answers = join_all(calls).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        let stats = layer.stats();
        assert_eq!(stats.batches > 0, shares, "{stats:?}");
    }
}

/// Makes the batches of [`Layers`], shared by all services of the layer.
fn sharing() -> BatchLayer<RestJson> {
    BatchLayer::builder(RestJson::new(BATCH).base(BASE))
        .window(BatchWindow::fixed(Duration::from_millis(5)))
        .share_services()
        .build()
        .expect("settings in their ranges")
}
