//! A product catalogue whose prices change: pages are cached by category, page and
//! customer tier, and a price event invalidates exactly the pages that show the price.
//!
//! ```sh
//! cargo run --release --example catalogue
//! ```

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    routing::get,
};
use futures_util::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use scrimp::{
    cache::{CacheLayer, Invalidation, MemoryStore},
    core::{Ledger, Money},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

/// What the shop's event bus says.
struct PriceUpdated {
    product: u64,
    category: &'static str,
}

/// The expensive part: what every call would cost without a cache.
#[derive(Clone, Default)]
struct Shop {
    prices: Arc<Mutex<HashMap<u64, u64>>>,
    calls: Arc<AtomicU64>,
}

impl Shop {
    fn price(&self, product: u64) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.prices
            .lock()
            .get(&product)
            .copied()
            .unwrap_or(100 + product)
    }

    fn set_price(&self, product: u64, price: u64) {
        self.prices.lock().insert(product, price);
    }
}

async fn product(State(shop): State<Shop>, Path(id): Path<u64>) -> Json<Value> {
    Json(json!({ "id": id, "price": shop.price(id) }))
}

async fn list(
    State(shop): State<Shop>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    Json(json!({ "category": query.get("category"), "first": shop.price(1) }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ledger = Ledger::new();
    let cache = CacheLayer::new(MemoryStore::new(64 << 20))
        .ledger(ledger.clone())
        .price("0.01".parse::<Money>()?)
        .rule("name=product path=/products/{id} tag=product:{id} ttl=10m".parse()?)
        .rule(
            "name=list path=/products query=category,page header=x-customer-tier \
             tag=products:list:{query.category}:{query.page} ttl=5m"
                .parse()?,
        );

    // Events are followed in the background for as long as the shop is open.
    let (events, bus) = mpsc::unbounded_channel();
    let bus = futures_util::stream::unfold(bus, |mut bus| async { Some((bus.recv().await?, bus)) });
    let invalidator = cache.invalidator();
    let following = tokio::spawn(async move {
        let meaning = |event: PriceUpdated| {
            [
                Invalidation::tag(format!("product:{}", event.product)),
                Invalidation::prefix(format!("products:list:{}:", event.category)),
            ]
        };
        invalidator.follow(bus.boxed(), meaning).await;
    });

    let shop = Shop::default();
    let app = Router::new()
        .route("/products/{id}", get(product))
        .route("/products", get(list))
        .with_state(shop.clone())
        .layer(cache);
    let pages = [
        "/products/1",
        "/products/2",
        "/products?category=electronics&page=1",
        "/products?page=1&category=electronics&utm_source=mail",
        "/products?category=books&page=1",
    ];

    println!("first visit");
    visit(&app, &pages).await?;
    println!("\nsecond visit");
    visit(&app, &pages).await?;

    shop.set_price(1, 79);
    events.send(PriceUpdated {
        product: 1,
        category: "electronics",
    })?;
    drop(events);
    following.await?;
    println!("\nproduct 1 now costs 79: it and the lists of electronics are gone");
    visit(&app, &pages).await?;

    println!("\nroute      calls made        avoided");
    for line in ledger.lines() {
        println!(
            "{:<9} {:>5} {:>8} {:>7} {:>8}",
            line.route, line.calls_made, line.spent, line.calls_avoided, line.saved
        );
    }
    Ok(())
}

async fn visit(app: &Router, pages: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    for page in pages {
        let request = Request::get(*page)
            .header("x-customer-tier", "gold")
            .body(Body::empty())?;
        let (head, body) = app.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let status = head.headers["cache-status"].to_str()?;
        println!(
            "  {page:<54} {:<44} {status}",
            String::from_utf8_lossy(&body)
        );
    }
    Ok(())
}
