//! The shop: an expensive upstream, and the number of its calls.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use parking_lot::Mutex;
use serde_json::json;

/// Category of a response.
pub(crate) const CATEGORY: &str = "x-category";

/// Duration of a database read.
const TAKES: Duration = Duration::from_millis(45);

#[derive(Clone, Default)]
pub(crate) struct Shop {
    prices: Arc<Mutex<HashMap<u64, u64>>>,
    calls: Arc<AtomicU64>,
}

impl Shop {
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/products/{id}", get(product))
            .route("/products", get(list))
            .with_state(self.clone())
    }

    pub(crate) fn set_price(&self, product: u64, price: u64) {
        self.prices.lock().insert(product, price);
    }

    #[cfg(test)]
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    async fn price(&self, product: u64) -> u64 {
        self.calls.fetch_add(1, Relaxed);
        let price = self.prices.lock().get(&product).copied();
        tokio::time::sleep(TAKES).await;
        price.unwrap_or(100 + product)
    }
}

/// Responds with a product. All products are electronics here.
async fn product(State(shop): State<Shop>, Path(id): Path<u64>) -> Response {
    let page = json!({ "id": id, "price": shop.price(id).await });
    ([(CATEGORY, "electronics")], Json(page)).into_response()
}

/// Responds with a list, with the price of its first product.
async fn list(State(shop): State<Shop>, Query(query): Query<HashMap<String, String>>) -> Response {
    let category = query.get("category").cloned().unwrap_or_default();
    let first = match &*category {
        "electronics" => 1,
        "books" => 11,
        _ => 21,
    };
    let page = json!({ "category": category, "price": shop.price(first).await });
    ([(CATEGORY, category)], Json(page)).into_response()
}
