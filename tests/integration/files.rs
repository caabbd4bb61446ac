//! Files that tower-http serves, inside the same server.

use std::{fs::File, time::Duration};

use axum::Router;
use http_body_util::BodyExt;
use scrimp::{
    cache::{CacheLayer, CacheLayerBuilder, MemoryStore},
    core::Clock,
};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// Overwrites a file, as of so many days ago.
fn write(path: &std::path::Path, text: &str, days: u32) {
    std::fs::write(path, text).expect("a folder that can be written");
    let then = Clock::system().wall() - Duration::from_secs(86_400) * days;
    let file = File::options().write(true).open(path).expect("the file");
    file.set_modified(then).expect("a time");
}

/// Serves a file, overwrites it, and returns what is served then.
async fn after_a_change(cache: CacheLayerBuilder) -> (String, CacheLayer) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.css");
    let layer = cache.build().expect("valid settings");
    let files = ServeDir::new(folder.path());
    let app = Router::new().fallback_service(files).layer(layer.clone());
    let get = async || {
        let request = http::Request::get("http://a.test/page.css");
        let request = request.body(axum::body::Body::empty()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("infallible");
        let body = response.into_body().collect().await.expect("a body");
        String::from_utf8(body.to_bytes().into()).expect("text")
    };
    write(&path, "old", 10);
    assert_eq!((get().await, get().await), ("old".into(), "old".into()));
    write(&path, "new", 1);
    (get().await, layer)
}

#[tokio::test]
async fn a_file_that_was_overwritten_is_seen_at_once_in_an_origin() {
    let origin = CacheLayer::for_origin(MemoryStore::new(1 << 20));
    let (page, layer) = after_a_change(origin).await;
    assert_eq!(page, "new");
    // The second request was answered from the store, once the file was found unchanged.
    assert_eq!(layer.stats().revalidated, 1);
}

#[tokio::test]
async fn a_gateway_guesses_as_http_allows() {
    let gateway = CacheLayer::builder(MemoryStore::new(1 << 20));
    let (page, layer) = after_a_change(gateway).await;
    assert_eq!((&*page, layer.stats().hits), ("old", 2));
}
