//! Floods of the layers that share and repeat calls.

use std::{convert::Infallible, time::Duration};

use futures_util::FutureExt;
use http::{Method, Response, header::AUTHORIZATION};
use http_body_util::Full;
use scrimp::{
    batch::{BatchLayer, RestJson},
    coalesce::{CoalesceLayer, ReuseWindow},
    stampede::StampedeLayer,
};
use tower::{Layer, Service, service_fn};

use super::{
    Held,
    origin::{Sent, get, origin, read},
};

const FRESH: &str = "public, max-age=600";

/// 64 keys, and a hundred times as many calls that have no answer, each under a key of its own.
/// Memory that the calls hold themselves counts too.
pub(super) async fn flights() -> Held {
    let layer = CoalesceLayer::builder().max_keys(64).build();
    let layer = layer.expect("valid settings");
    let silent = service_fn(|_: Sent| {
        std::future::pending::<Result<Response<Full<bytes::Bytes>>, Infallible>>()
    });
    let mut service = layer.layer(silent);
    let mut calls = Vec::new();
    for n in 0..6_400 {
        let mut call = Box::pin(service.call(get(&format!("http://a.test/{n}"))));
        assert!(call.as_mut().now_or_never().is_none());
        calls.push(call);
    }
    // The calls beyond the bound go on, and are not the layer's.
    calls.truncate(64);
    Box::new((layer, calls))
}

/// 64 MiB of finished responses, and a hundred times as many bytes, in bodies of 256 KiB.
pub(super) async fn reused() -> Held {
    let layer = CoalesceLayer::builder()
        .window(ReuseWindow::new())
        .build()
        .expect("valid settings");
    let service = layer.layer(origin(FRESH, 256 << 10));
    for n in 0..25_600 {
        read(&service, get(&format!("http://a.test/{n}"))).await;
    }
    Box::new(layer)
}

/// 4,096 targets, and a hundred times as many unsafe requests.
pub(super) async fn writes() -> Held {
    let layer = CoalesceLayer::new();
    let service = layer.layer(origin("no-store", 0));
    for n in 0..409_600 {
        let mut request = get(&format!("http://a.test/{n}"));
        *request.method_mut() = Method::POST;
        read(&service, request).await;
    }
    Box::new(layer)
}

/// 4,096 records, and a hundred times as many URIs that are used again.
pub(super) async fn metadata() -> Held {
    let layer = StampedeLayer::builder()
        .records(4_096)
        .refresh_timeout(Duration::from_secs(1))
        .build()
        .expect("valid settings");
    let service = layer.layer(origin(FRESH, 64));
    for n in 0..409_600 {
        read(&service, get(&format!("http://a.test/{n}"))).await;
    }
    Box::new(layer)
}

/// 4,096 lanes, and a hundred times as many credentials, each with a lane of its own.
pub(super) async fn lanes() -> Held {
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .build()
        .expect("valid settings");
    let service = layer.layer(origin("no-store", 0));
    for n in 0..409_600 {
        let mut request = get(&format!("http://a.test/{n}"));
        let credential = format!("Bearer {n}").parse().expect("a field value");
        request.headers_mut().insert(AUTHORIZATION, credential);
        read(&service, request).await;
    }
    assert!(layer.stats().lanes <= 4_096, "{:?}", layer.stats());
    Box::new(layer)
}
