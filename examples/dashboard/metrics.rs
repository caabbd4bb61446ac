//! The metrics API: a query takes a tenth of a second and a cent, or a quarter of a cent in a
//! batch, in which four run at a time.

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

/// Duration of a query.
const TAKES: Duration = Duration::from_millis(100);
/// Price of a query alone, in quarters of a cent.
const ALONE: u64 = 4;
const QUARTER: Money = Money::from_pico(2_500_000_000, Currency::USD);
/// Queries of a batch that run at a time.
const AT_ONCE: usize = 4;

/// The API, with counters of its calls.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    calls: Arc<AtomicU64>,
    /// Charges so far, in quarters of a cent.
    quarters: Arc<AtomicU64>,
    last: Arc<AtomicUsize>,
}

impl Metrics {
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(crate) fn cost(&self) -> Money {
        QUARTER * self.quarters.load(Relaxed)
    }

    pub(crate) fn cost_since(&self, before: Money) -> Money {
        let since = self.cost().checked_sub(before);
        since.expect("both are in dollars")
    }

    /// Returns the number of queries in the last batch.
    #[cfg(test)]
    pub(crate) fn last(&self) -> usize {
        self.last.load(Relaxed)
    }

    pub(crate) fn api(&self) -> Router {
        let (last, batched) = (Arc::clone(&self.last), Arc::clone(&self.quarters));
        let batch = move |Json(batch): Json<Value>| async move {
            let asked = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
            last.store(asked.len(), Relaxed);
            batched.fetch_add(asked.len() as u64, Relaxed);
            for _ in asked.chunks(AT_ONCE) {
                tokio::time::sleep(TAKES).await;
            }
            let answers: Vec<Value> = asked.iter().map(answer).collect();
            Json(json!({"responses": answers}))
        };
        let alone = Arc::clone(&self.quarters);
        let one = move |Path((kind, n)): Path<(String, String)>| async move {
            alone.fetch_add(ALONE, Relaxed);
            tokio::time::sleep(TAKES).await;
            Json(value(&kind, &n))
        };
        let calls = Arc::clone(&self.calls);
        let counted = move |request: Request, next: Next| {
            calls.fetch_add(1, Relaxed);
            next.run(request)
        };
        Router::new()
            .route("/api/metrics/{kind}/{n}", get(one))
            .route("/api/batch", post(batch))
            .layer(middleware::from_fn(counted))
    }
}

/// Returns the response to one item of a batch, such as `{"id": "3", "url": "/metrics/daily/0"}`.
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
