//! The metrics API: a tenth of a second and a cent per call, however much is asked for in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Request},
    middleware::{self, Next},
    routing::{get, post},
};
use scrimp::core::{Currency, Money};
use serde_json::{Value, json};

/// What a call costs: one cent.
pub(crate) const PRICE: Money = Money::from_pico(10_000_000_000, Currency::USD);

/// Counts its calls.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    calls: Arc<AtomicU64>,
    last: Arc<AtomicUsize>,
}

impl Metrics {
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// How many were asked for in the last batch.
    #[cfg(test)]
    pub(crate) fn last(&self) -> usize {
        self.last.load(Relaxed)
    }

    pub(crate) fn api(&self) -> Router {
        let last = Arc::clone(&self.last);
        let batch = move |Json(batch): Json<Value>| async move {
            let asked = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
            last.store(asked.len(), Relaxed);
            let answers: Vec<Value> = asked.iter().map(answer).collect();
            Json(json!({"responses": answers}))
        };
        let one = |Path((kind, n)): Path<(String, String)>| async move { Json(value(&kind, &n)) };
        let calls = Arc::clone(&self.calls);
        let slow = move |request: Request, next: Next| {
            calls.fetch_add(1, Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                next.run(request).await
            }
        };
        Router::new()
            .route("/api/metrics/{kind}/{n}", get(one))
            .route("/api/batch", post(batch))
            .layer(middleware::from_fn(slow))
    }
}

/// The answer to one request of a batch, such as `{"id": "3", "url": "/metrics/daily/0"}`.
fn answer(request: &Value) -> Value {
    let url = request["url"].as_str().unwrap_or_default();
    match url
        .strip_prefix("/metrics/")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((kind, n)) => json!({"id": request["id"], "status": 200, "body": value(kind, n)}),
        None => json!({"id": request["id"], "status": 404, "body": {"error": "no such metric"}}),
    }
}

fn value(kind: &str, n: &str) -> Value {
    json!({"metric": format!("{kind}/{n}"), "value": kind.len() * 100 + n.len()})
}
