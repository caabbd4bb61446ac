//! The upstream: a product with a version, quotes that no cache keeps, and a count of the calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderName, header},
    routing::get,
};

/// Time that a call takes.
const EFFORT: Duration = Duration::from_millis(50);

/// A shop whose product has a version.
#[derive(Clone, Default)]
pub(crate) struct Shop(Arc<Inner>);

#[derive(Default)]
struct Inner {
    version: AtomicU64,
    calls: AtomicU64,
}

// === impl Shop ===

impl Shop {
    /// Makes the next version of the product. Responses do not say so before they are fetched again.
    pub(crate) fn change(&self) {
        self.0.version.fetch_add(1, Relaxed);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Relaxed)
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/products/42", get(product))
            .route("/quotes", get(quote))
            .with_state(self.clone())
    }
}

async fn product(State(shop): State<Shop>) -> ([(HeaderName, String); 4], String) {
    shop.0.calls.fetch_add(1, Relaxed);
    let version = 1 + shop.0.version.load(Relaxed);
    tokio::time::sleep(EFFORT).await;
    let fields = [
        (header::CACHE_CONTROL, "max-age=600".to_owned()),
        (header::CONTENT_TYPE, "text/plain".to_owned()),
        (header::ETAG, format!("\"{version}\"")),
        (header::VARY, "accept-encoding".to_owned()),
    ];
    (fields, format!("version {version}"))
}

/// Answers with a quote for one customer.
async fn quote(State(shop): State<Shop>) -> ([(HeaderName, &'static str); 1], &'static str) {
    shop.0.calls.fetch_add(1, Relaxed);
    ([(header::CACHE_CONTROL, "no-store")], "42")
}
