//! All layers around a shop that pays for each call.

use std::{convert::Infallible, time::Duration};

use axum::{Json, Router, body::Body};
use futures_util::future::join_all;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::BodyExt;
use scrimp::{
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore, Tiered},
    coalesce::CoalesceLayer,
    core::{Currency, Ledger},
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Tariff},
    limit::LimitLayer,
    prefetch::{PrefetchLayer, RulePredictor, SessionKey},
    stampede::StampedeLayer,
};
use scrimp_gateway::Metrics;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// A shop, and the metrics of its layers.
pub(crate) struct Shop {
    pub(crate) metrics: Metrics,
    app: Router,
    _folder: TempDir,
}

/// Answers a request, or the requests of a batch. One of the two providers is down now and then.
async fn supplier(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    tokio::time::sleep(Duration::from_millis(2)).await; // duration of a call
    let host = request.uri().host().unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if host == "cheap.example" && body.len() % 3 == 0 {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(response);
    }
    let batch: Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked = batch["requests"].as_array().cloned();
    let answer = |ask: &Value| json!({"id": ask["id"], "status": 200, "body": {"of": host}});
    let answer = match asked {
        Some(asked) => json!({"responses": asked.iter().map(answer).collect::<Vec<_>>()}),
        None => json!({"path": path}),
    };
    let response = axum::response::IntoResponse::into_response(Json(answer));
    Ok(response)
}

impl Shop {
    pub(crate) fn new() -> Self {
        let (metrics, ledger) = (Metrics::new(), Ledger::new());
        let folder = tempfile::tempdir().expect("a folder");
        let disk = scrimp::disk::DiskStore::builder(folder.path().join("store"), 64 << 20);
        let disk = disk.build().expect("a store");
        let store = Tiered::new(MemoryStore::new(1 << 20), disk.clone());
        let cache = CacheLayer::builder(store.clone())
            .rule("path=/api/** query=page ttl=1m")
            .price("0.004")
            .ledger(ledger.clone())
            .build()
            .expect("valid settings");
        let tariff = |price: &str| Tariff::new(Currency::USD).per_request(price);
        let provider = |name: &str, price| {
            let endpoint = format!("http://{name}.example");
            Provider::new(name).endpoint(endpoint).price(tariff(price))
        };
        let route = CostRouteLayer::builder([provider("cheap", "0.004"), provider("dear", "0.01")])
            .budget(Budget::new([Cap::new("day", "1000", Period::Day)]))
            .ledger(ledger.clone())
            .build()
            .expect("valid settings");
        let limit = LimitLayer::per_second(20)
            .burst(2)
            .max_wait(Duration::from_secs(1));
        let limit = limit.build().expect("valid settings");
        let session = SessionKey::header(HeaderName::from_static("x-visit"));
        let prefetch = PrefetchLayer::builder(session).rules(RulePredictor::shop());
        let prefetch = prefetch.value_of_waiting("0.1").price("0.001").build();
        let prefetch = prefetch.expect("valid settings");
        let (stampede, coalesce) = (StampedeLayer::new(), CoalesceLayer::new());
        let batch = BatchLayer::builder(RestJson::new("/api/batch").base("/api"));
        let batch = batch.build().expect("valid settings");

        metrics.add("shop", prefetch.clone());
        metrics.add("shop", stampede.clone());
        metrics.add("shop", cache.clone());
        metrics.add("shop", store);
        metrics.add("shop", disk);
        metrics.add("shop", coalesce.clone());
        metrics.add("shop", batch.clone());
        metrics.add("shop", route.clone());
        metrics.add("shop", limit.clone());
        metrics.add("shop", ledger);
        let layers = ServiceBuilder::new()
            .layer(prefetch)
            .layer(stampede)
            .layer(cache)
            .layer(coalesce)
            .layer(batch)
            .layer(route)
            .layer(limit);
        let app = Router::new()
            .fallback_service(service_fn(supplier))
            .layer(layers);
        Self {
            metrics,
            app,
            _folder: folder,
        }
    }

    /// Sends the requests of a few visitors at once: some are equal, some cannot be stored.
    pub(crate) async fn round(&self) {
        let visits = (0..40_u32).map(async |number| {
            let page = fastrand::u32(..);
            let path = match number % 4 {
                0 => "/api/products/1".to_owned(),
                1 => format!("/api/products/{}", number % 8),
                _ => format!("/api/products/{number}?page={page}"),
            };
            let request = Request::get(format!("http://shop.example{path}"));
            let request = request.header("x-visit", format!("v{}", number % 5));
            let request = match number % 10 {
                9 => request.header("authorization", "Bearer a"),
                _ => request,
            };
            let request = request.body(Body::empty()).expect("a request");
            let response = self.app.clone().oneshot(request).await.expect("an answer");
            let _ = response.into_body().collect().await;
        });
        join_all(visits).await;
    }
}
