// says: take `LimitLayer`
use std::time::Duration;

use axum::{Router, body::Body};
use http::Request;
use scrimp::cache::{CacheLayer, MemoryStore, mib};
use tower::{ServiceBuilder, ServiceExt};

fn main() {
    let service = ServiceBuilder::new()
        .layer(CacheLayer::new(MemoryStore::new(mib(1))))
        .rate_limit(10, Duration::from_secs(1))
        .service(Router::<()>::new());
    let _ = ServiceExt::<Request<Body>>::oneshot(service, Request::default());
}
