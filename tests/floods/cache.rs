//! Floods of the cache.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, StreamBody};
use scrimp::cache::{CacheLayer, Invalidation, MemoryStore};
use tower::{Layer, ServiceExt, service_fn};

use super::{
    Held, MIB,
    origin::{Sent, get, origin, read},
};

const FRESH: &str = "public, max-age=600";

/// Stores of 8 MiB, and a hundred times as many bytes in bodies of 8 KiB.
pub(super) async fn responses() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(8 << 20));
    let service = layer.layer(origin(FRESH, 8 << 10));
    for n in 0..100 << 10 {
        read(&service, get(&format!("http://a.test/{n}"))).await;
    }
    assert!(layer.stats().stored > 50 << 10, "{:?}", layer.stats());
    Box::new(layer)
}

/// One URI with 3,200 values of the field in its Vary.
pub(super) async fn variants() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(64 << 20));
    let origin = origin(FRESH, 4 << 10);
    let service = layer.layer(origin.map_response(|mut response| {
        let vary = HeaderValue::from_static("x-variant");
        response.headers_mut().insert("vary", vary);
        response
    }));
    for n in 0..3_200 {
        let mut request = get("http://a.test/");
        request.headers_mut().insert("x-variant", n.into());
        read(&service, request).await;
    }
    assert_eq!(layer.stats().stored, 3_200);
    Box::new(layer)
}

/// A store of 8 MiB, and 1,600 bodies of 0.5 MiB that do not end, as many as fill it a hundredfold.
pub(super) async fn bodies() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(8 << 20));
    let service = layer.layer(service_fn(|_: Sent| async {
        // Pieces of one memory: only what the cache copies counts.
        static PIECE: [u8; 4 << 10] = [b'x'; 4 << 10];
        let frame = || Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(&PIECE)));
        let pieces = futures_util::stream::iter((0..128).map(move |_| frame()));
        let endless = futures_util::StreamExt::chain(pieces, futures_util::stream::pending());
        let mut response = Response::new(StreamBody::new(endless));
        let control = HeaderValue::from_static(FRESH);
        response.headers_mut().insert("cache-control", control);
        Ok::<_, Infallible>(response)
    }));
    let mut reading = Vec::new();
    for n in 0..1_600 {
        let request = get(&format!("http://a.test/{n}"));
        let response = service.clone().oneshot(request).await.expect("an answer");
        let mut body = response.into_body();
        for _ in 0..128 {
            body.frame().await.expect("a frame").expect("a piece");
        }
        reading.push(body);
    }
    assert!(layer.stats().store.peak_bytes <= 8 << 20);
    Box::new((layer, reading))
}

/// 4,096 slots, and a hundred times as many URIs whose responses are not stored.
pub(super) async fn uncacheable() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(8 << 20));
    let service = layer.layer(origin("no-store", 64));
    for n in 0..409_600 {
        read(&service, get(&format!("http://a.test/{n}"))).await;
    }
    Box::new(layer)
}

/// A hundred responses with 25,600 tags each: a hundred times as many as one may have.
pub(super) async fn tags() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(MIB as u64));
    let tags: Vec<_> = (0..25_600).map(|n| format!("tag-{n}")).collect();
    let tags = HeaderValue::from_str(&tags.join(" ")).expect("names and spaces");
    let name = HeaderName::from_static("surrogate-key");
    let origin = origin(FRESH, 64).map_response(move |mut response| {
        response.headers_mut().insert(name.clone(), tags);
        response
    });
    let service = layer.layer(origin);
    for n in 0..100 {
        read(&service, get(&format!("http://a.test/{n}"))).await;
    }
    assert_eq!(layer.stats().stored, 0);
    Box::new(layer)
}

/// 262,144 tags and as many versions, four times as many of each, and 25,600 globs, a hundred times
/// their bound.
pub(super) async fn invalidations() -> Held {
    let layer = CacheLayer::new(MemoryStore::new(MIB as u64));
    let invalidator = layer.invalidator();
    for n in 0..1 << 20 {
        invalidator.invalidate(&Invalidation::tag(format!("tag-{n}")));
        invalidator.invalidate(&Invalidation::version(format!("thing-{n}"), n));
    }
    for n in 0..25_600 {
        invalidator.invalidate(&Invalidation::glob(format!("user:*:{n}")));
    }
    Box::new(layer)
}
