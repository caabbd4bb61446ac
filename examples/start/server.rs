//! A server with a cache, tags and purges. `docs/start.md` shows it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::AUTHORIZATION},
    routing::get,
};
use scrimp::{
    cache::{CacheLayer, Invalidation, Invalidator, MemoryStore, mib},
    core::SettingError,
};
use tokio::{net::TcpListener, sync::RwLock};

#[derive(Clone)]
struct Shop {
    prices: Arc<RwLock<HashMap<u32, u32>>>,
    cache: Invalidator,
}

async fn product(State(shop): State<Shop>, Path(id): Path<u32>) -> String {
    let prices = shop.prices.read().await;
    format!("product {id} costs {}\n", prices.get(&id).unwrap_or(&100))
}

/// Changes a price. What is stored of the product is invalid from then on, and what is on its way, too.
async fn change(State(shop): State<Shop>, Path(id): Path<u32>, price: String) -> StatusCode {
    let Ok(price) = price.trim().parse() else {
        return StatusCode::BAD_REQUEST;
    };
    shop.prices.write().await.insert(id, price);
    let changed = Invalidation::tag(format!("product:{id}"));
    shop.cache.invalidate(&changed);
    StatusCode::NO_CONTENT
}

fn app(token: &str) -> Result<Router, SettingError> {
    let cache = CacheLayer::for_origin(MemoryStore::new(mib(64)))
        .rule("path=/products/{id} tag=product:{id} ttl=10m")
        .build()?;
    let expected = format!("Bearer {token}");
    let admin = cache.admin(move |request| {
        let given = request.headers.get(AUTHORIZATION);
        given.is_some_and(|given| given.as_bytes() == expected.as_bytes())
    });
    let shop = Shop {
        prices: Arc::default(),
        cache: cache.invalidator(),
    };
    Ok(Router::new()
        .route("/products/{id}", get(product).put(change))
        .with_state(shop)
        .layer(cache)
        .nest_service("/cache", admin)) // added behind the layer, so it is not cached
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let token = std::env::var("PURGE_TOKEN")?;
    let listener = TcpListener::bind(("127.0.0.1", 3000)).await?;
    Ok(axum::serve(listener, app(&token)?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    /// Returns the status, the verdict of the cache, and the text.
    async fn send(
        app: &Router,
        request: http::request::Builder,
        body: &str,
    ) -> (u16, String, String) {
        let request: Request<Body> = request.body(body.to_owned().into()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("an answer");
        let verdict = response.headers().get("cache-status");
        let verdict = verdict.map_or("", |verdict| verdict.to_str().expect("text"));
        let (status, verdict) = (response.status().as_u16(), verdict.to_owned());
        let text = response.into_body().collect().await.expect("a body");
        let text = String::from_utf8(text.to_bytes().to_vec()).expect("text");
        (status, verdict, text)
    }

    #[tokio::test]
    async fn a_price_is_stored_until_it_changes_or_is_purged() {
        let app = app("secret").expect("the settings are right");
        let get = || send(&app, Request::get("/products/7"), "");
        assert!(get().await.1.ends_with("stored"));
        let (_, verdict, text) = get().await;
        assert!(verdict.contains("; hit"), "{verdict}");
        assert_eq!(text, "product 7 costs 100\n");
        assert_eq!(send(&app, Request::put("/products/7"), "90").await.0, 204);
        assert_eq!(get().await.2, "product 7 costs 90\n");

        let purge = || Request::post("/cache/purge?tag=product:7");
        assert_eq!(send(&app, purge(), "").await.0, 403);
        assert!(get().await.1.contains("; hit"));
        let purge = purge().header("authorization", "Bearer secret");
        let (status, _, text) = send(&app, purge, "").await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("\"hits\":1"), "{text}");
        assert!(get().await.1.ends_with("stored"));
        let stats = Request::get("/cache/stats").header("authorization", "Bearer secret");
        assert!(send(&app, stats, "").await.2.contains("\"hits\":2"));
    }
}
