//! Clients that write as often as they like, to empty the cache for all others.

mod packed;

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use scrimp::cache::{Cache, CacheLayer, Store};
use scrimp_tests::{layer, request};
use tower::{Layer, Service, service_fn};

use packed::Packed;

/// More unsafe requests than a log of 2¹⁸ marks has room for.
const FLOOD: usize = (1 << 18) + 2;

const HONEST: [&str; 3] = ["http://shop/", "http://shop/a?b=c", "http://other/"];

/// Answers at once. A PUT gets no response.
async fn origin(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("page"));
    match request.method().as_str() {
        "GET" => {
            let lifetime = http::HeaderValue::from_static("max-age=3600");
            response.headers_mut().insert("cache-control", lifetime);
        }
        "PUT" => std::future::pending().await,
        _ => *response.status_mut() = StatusCode::CREATED,
    }
    Ok(response)
}

/// Sends a request and reads the response. Returns whether it came from store; `None` if there was
/// no response at once, and the request is cancelled.
fn send<S, St>(cache: &mut Cache<S, St>, method: &str, uri: &str) -> Option<bool>
where
    Cache<S, St>: Service<
            Request<Full<Bytes>>,
            Response = Response<scrimp::cache::CacheBody<Full<Bytes>>>,
            Error = Infallible,
        >,
{
    let response = cache.call(request(method, uri, &[])).now_or_never()?;
    let response = response.expect("infallible");
    let status = response.headers()["cache-status"].to_str();
    let hit = status.expect("ASCII").contains("; hit");
    let body = http_body_util::BodyExt::collect(response.into_body()).now_or_never();
    body.expect("a body in memory").expect("infallible");
    Some(hit)
}

/// Fills a cache in memory, floods it, and looks whether honest clients still hit.
fn flood(method: &str, uri: impl Fn(usize) -> String, fetched_before: bool) {
    flood_through(&layer(&[]), method, uri, (FLOOD, fetched_before));
}

fn flood_through<St: Store>(
    layer: &CacheLayer<St>,
    method: &str,
    uri: impl Fn(usize) -> String,
    (count, fetched_before): (usize, bool),
) {
    let mut cache = layer.layer(service_fn(origin));
    for uri in HONEST {
        send(&mut cache, "GET", uri);
    }
    for n in 0..count {
        let uri = uri(n);
        if fetched_before {
            send(&mut cache, "GET", &uri);
        }
        send(&mut cache, method, &uri);
    }
    for uri in HONEST {
        // Without a flood of entries, nothing else evicts them.
        assert_eq!(send(&mut cache, "GET", uri), Some(true), "{method} {uri}");
    }
}

#[test]
fn writes_to_invented_uris_empty_no_cache() {
    flood("POST", |n| format!("http://shop/{n}"), false);
}

#[test]
fn cancelled_writes_to_invented_uris_empty_no_cache() {
    flood("PUT", |n| format!("http://shop/{n}"), false);
}

#[test]
fn writes_to_what_is_fetched_again_and_again_affect_no_other_uri() {
    flood("POST", |n| format!("http://shop/{}", n % 100), true);
}

#[test]
fn cancelled_writes_to_what_is_stored_affect_no_other_uri() {
    flood("PUT", |n| format!("http://shop/{}", n % 100), true);
}

/// Floods a cache of encoded responses, and looks whether honest clients still hit, also after a
/// restart.
fn flood_encoded(method: &str, flood: (usize, bool)) {
    let store = Packed::new();
    let uri = |n| format!("http://shop/{n}");
    flood_through(&CacheLayer::new(store.clone()), method, uri, flood);
    let restarted = CacheLayer::new(store);
    flood_through(&restarted, method, uri, (flood.0, false));
    let stats = restarted.stats();
    assert_eq!((stats.misses, stats.store_failures), (0, 0), "{stats:?}");
    let mut cache = restarted.layer(service_fn(origin));
    for uri in HONEST {
        send(&mut cache, "POST", uri);
        assert_eq!(send(&mut cache, "GET", uri), Some(false), "{uri}");
    }
}

#[test]
fn writes_to_invented_uris_outdate_nothing_that_is_encoded() {
    flood_encoded("POST", (FLOOD, false));
}

#[test]
fn cancelled_writes_to_invented_uris_outdate_nothing_that_is_encoded() {
    flood_encoded("PUT", (FLOOD, false));
}

#[test]
fn writes_to_everything_that_one_client_has_stored_outdate_nothing_else_that_is_encoded() {
    flood_encoded("POST", (20_000, true));
}

#[test]
fn a_write_still_invalidates_what_it_names_after_a_flood() {
    let mut cache = layer(&[]).layer(service_fn(origin));
    send(&mut cache, "GET", HONEST[0]);
    for n in 0..1_000 {
        send(&mut cache, "POST", &format!("http://shop/{n}"));
    }
    send(&mut cache, "POST", HONEST[0]);
    assert_eq!(send(&mut cache, "GET", HONEST[0]), Some(false));
    send(&mut cache, "PUT", HONEST[0]);
    assert_eq!(
        send(&mut cache, "GET", HONEST[0]),
        Some(false),
        "cancelled, but who knows"
    );
    assert_eq!(send(&mut cache, "GET", HONEST[0]), Some(true), "once");
}
