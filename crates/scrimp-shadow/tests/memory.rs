//! The price of being watched: allocations of a live request, and the time of it in a release build.
//!
//! `cargo test --release -p scrimp-shadow --test memory -- --nocapture`
//!
//! `scripts/shadow.sh` counts the instructions.

use std::{
    convert::Infallible,
    env,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use scrimp_batch::{BatchLayer, RestJson};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_shadow::ShadowLayer;
use tokio::time::Instant;
use tower::{Layer, Service};

/// Variable that names the only subject, for callgrind.
const ONLY: &str = "SCRIMP_SHADOW";

/// Fields of a browser's request.
const FIELDS: [(&str, &str); 8] = [
    ("host", "shop.example"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("x-request-id", "5f1d2c9e-7a3b-4e7e-8c51-0d3a9be5a111"),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    ("x-forwarded-for", "203.0.113.7"),
];

/// Answers at once, as a framework does.
#[derive(Clone)]
struct Framework;

impl Service<Request<Full<Bytes>>> for Framework {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let body = Full::from(Bytes::from_static(&[b'x'; 1024]));
        let mut response = Response::new(body);
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::ETAG, "\"33a64df551425fcc\""),
            (header::LAST_MODIFIED, "Tue, 15 Nov 1994 12:45:26 GMT"),
            (header::VARY, "accept-encoding"),
            (header::CACHE_CONTROL, "max-age=600"),
        ] {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        ready(Ok(response))
    }
}

/// Makes a request as hyper does: all values are slices of one buffer.
fn request(number: u64) -> Request<Full<Bytes>> {
    let path = format!("/products/{}", number % 100);
    let values = FIELDS.iter().map(|(_, value)| *value);
    let buffer: String = [&*path].into_iter().chain(values).collect();
    let mut buffer = Bytes::from(buffer);
    let path = buffer.split_to(path.len());
    let mut request = Request::new(Full::default());
    *request.uri_mut() = http::Uri::from_maybe_shared(path).expect("a path");
    for (name, value) in FIELDS {
        let value = HeaderValue::from_maybe_shared(buffer.split_to(value.len()));
        request.headers_mut().insert(name, value.expect("a value"));
    }
    request
}

/// Polls a call to its end. The caller's side of it is all that callgrind counts.
#[inline(never)]
fn measured<F: Future>(call: F) -> Option<F::Output> {
    futures_util::FutureExt::now_or_never(call)
}

/// Makes calls, and returns the time and the allocations of one on the caller's side.
async fn cost<S, B>(mut service: S, calls: u64) -> (Duration, u64)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes, Error = Infallible>,
{
    let (mut time, mut allocations) = (Duration::ZERO, 0);
    for number in 0..calls {
        let request = request(number);
        let mut done = None;
        let counted = allocation_counter::measure(|| {
            let start = Instant::now();
            let call = async {
                let response = service.call(request).await.expect("an answer");
                response.into_body().collect().await.expect("a body")
            };
            done = measured(call);
            time += start.elapsed();
        });
        assert!(done.is_some());
        allocations += counted.count_total;
        // The tried layer's turn.
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let each = u32::try_from(calls).expect("few");
    (time / each, allocations / calls)
}

fn cache() -> CacheLayer<MemoryStore> {
    let builder = CacheLayer::builder(MemoryStore::new(1 << 20));
    builder.build().expect("a cache")
}

fn batches() -> BatchLayer<RestJson> {
    let builder = BatchLayer::builder(RestJson::new("/batch"));
    builder.build().expect("batches")
}

#[tokio::test]
async fn a_watched_request_allocates_little_more() {
    if let Ok(only) = env::var(ONLY) {
        return count(&only).await;
    }
    let calls = if cfg!(debug_assertions) {
        2_000
    } else {
        200_000
    };
    let (cache, batches) = (cache(), batches());
    let shadows = [
        ShadowLayer::new(cache.clone()),
        ShadowLayer::new(batches.clone()),
    ];
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..5 {
        costs[0].push(cost(Framework, calls).await);
        for (shadow, costs) in shadows.iter().zip(&mut costs[1..]) {
            costs.push(cost(shadow.layer(Framework), calls).await);
            shadow.settled().await;
        }
    }
    let [bare, beside_a_cache, beside_batches] = costs.map(|mut costs| {
        costs.sort();
        costs[2]
    });
    println!(
        "a request: {bare:?}, beside a cache {beside_a_cache:?}, beside batches {beside_batches:?}"
    );
    for shadow in shadows {
        assert_eq!((shadow.stats().skipped, shadow.stats().cut), (0, 0));
    }
    assert!(cache.stats().hits > calls, "{:?}", cache.stats());
    assert!(batches.stats().batches > 100, "{:?}", batches.stats());
    for watched in [beside_a_cache, beside_batches] {
        assert!(watched.1 - bare.1 <= 9, "{} and {}", watched.1, bare.1);
    }
}

/// Makes calls of one subject, for callgrind.
async fn count(only: &str) {
    const CALLS: u64 = 4_096;
    let shadow = match only {
        "nothing" => {
            cost(Framework, CALLS).await;
            return;
        }
        "cache" => ShadowLayer::new(cache()),
        "batches" => ShadowLayer::new(batches()),
        other => panic!("there is no subject {other:?}"),
    };
    cost(shadow.layer(Framework), CALLS).await;
    shadow.settled().await;
    assert_eq!(
        (shadow.stats().requests, shadow.stats().skipped),
        (CALLS, 0)
    );
}
