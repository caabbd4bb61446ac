//! The bytes that the store in memory reports are those that an allocator gives out.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Empty, Full};
use scrimp_cache::{CacheLayer, MemoryStore};
use tower::{Layer, ServiceExt, service_fn};

const MIB: u64 = 1 << 20;

/// The kinds of responses.
#[derive(Clone, Copy)]
struct Kind {
    /// Length of the body.
    body: usize,
    /// Length of the path.
    path: usize,
    /// Languages of each page, which are variants under one key.
    variants: usize,
    /// Every response has names of its own.
    has_own_names: bool,
}

const SMALL: Kind = Kind {
    body: 200,
    path: 20,
    variants: 1,
    has_own_names: false,
};

/// A layer over a store, with an origin that answers with these responses.
struct Cached {
    layer: CacheLayer<MemoryStore>,
    store: MemoryStore,
}

// === impl Cached ===

impl Cached {
    fn new(bytes: u64) -> Self {
        let store = MemoryStore::new(bytes);
        Self {
            layer: CacheLayer::new(store.clone()),
            store,
        }
    }

    /// Requests each page once, in each language.
    fn request(&self, kind: Kind, pages: std::ops::Range<usize>) {
        for page in pages {
            for variant in 0..kind.variants {
                self.request_one(kind, page, variant);
            }
        }
    }

    fn request_one(&self, kind: Kind, page: usize, variant: usize) {
        let origin = service_fn(move |_: Request<Empty<Bytes>>| {
            std::future::ready(Ok::<_, Infallible>(response(kind, page)))
        });
        let uri = format!("/{}/{page}", "p".repeat(kind.path));
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.parse().expect("a path");
        let language = format!("x-{variant}").parse().expect("a value");
        request
            .headers_mut()
            .insert(header::ACCEPT_LANGUAGE, language);
        let answer = self.layer.layer(origin).oneshot(request).now_or_never();
        let Ok(answer) = answer.expect("nothing waits");
        let Ok(_) = answer
            .into_body()
            .collect()
            .now_or_never()
            .expect("nothing waits");
    }

    /// Returns the bytes that the store reports, as a part of those that `run` has allocated and not
    /// freed. Both are compared with what they were before.
    fn ratio(&self, run: impl FnOnce(&Self)) -> f64 {
        let before = self.store.stats().bytes as f64;
        let allocated = allocation_counter::measure(|| run(self)).bytes_current as f64;
        (self.store.stats().bytes as f64 - before) / allocated
    }
}

fn response(kind: Kind, page: usize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(vec![b'b'; kind.body]));
    let tag = format!("\"tag-of-{page}\"");
    let vary = if kind.variants > 1 {
        "accept-language"
    } else {
        "accept-encoding"
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::CONTENT_TYPE, "application/json"),
        (header::ETAG, &*tag),
        (header::VARY, vary),
        (
            HeaderName::from_static("x-served-by"),
            "a node of the origin",
        ),
    ] {
        let value = HeaderValue::from_str(value).expect("a value");
        response.headers_mut().insert(name, value);
    }
    if kind.has_own_names {
        let name = format!("x-name-of-{page}").parse::<HeaderName>();
        let value = HeaderValue::from_static("v");
        response.headers_mut().insert(name.expect("a name"), value);
    }
    response
}

#[track_caller]
fn assert_near(ratio: f64) {
    println!("weighed / allocated = {ratio:.3}");
    assert!(
        (0.9..=1.1).contains(&ratio),
        "weighed / allocated = {ratio:.3}"
    );
}

#[tokio::test(start_paused = true)]
async fn entries_of_each_kind_weigh_what_they_take() {
    let kinds = [
        (SMALL, 1_000),
        (Kind { body: 0, ..SMALL }, 1_000),
        (
            Kind {
                body: 100_000,
                ..SMALL
            },
            100,
        ),
        (
            Kind {
                path: 3_000,
                ..SMALL
            },
            300,
        ),
        (
            // Variants under one key share the count of their URI, and each is charged for it.
            Kind {
                variants: 20,
                ..SMALL
            },
            50,
        ),
        (
            Kind {
                variants: 20,
                body: 1_000,
                ..SMALL
            },
            50,
        ),
        (
            Kind {
                has_own_names: true,
                ..SMALL
            },
            400,
        ),
    ];
    for (kind, pages) in kinds {
        let cached = Cached::new(1024 * MIB);
        // What a layer allocates once is no part of an entry.
        cached.request(kind, 0..200);
        assert_near(cached.ratio(|cached| cached.request(kind, 200..200 + pages)));
        // Hits copy bodies and values, and the copies are counted.
        let cached = Cached::new(1024 * MIB);
        cached.request(kind, 0..200);
        assert_near(cached.ratio(|cached| {
            cached.request(kind, 200..200 + pages);
            cached.request(kind, 200..200 + pages);
        }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_weighs_what_it_takes_while_entries_come_and_go() {
    let cached = Cached::new(2 * MIB);
    assert_near(cached.ratio(|cached| {
        cached.request(SMALL, 0..5_000);
        cached.request(
            Kind {
                has_own_names: true,
                ..SMALL
            },
            5_000..7_000,
        );
        cached.request(
            Kind {
                body: 20_000,
                ..SMALL
            },
            7_000..7_200,
        );
        cached.request(SMALL, 8_000..12_000);
    }));
    assert!(cached.store.stats().evicted > 8_000);
}

#[tokio::test(start_paused = true)]
async fn after_large_entries_took_the_place_of_many_small_ones_it_still_does() {
    let cached = Cached::new(16 * MIB);
    let large = Kind {
        body: 500_000,
        ..SMALL
    };
    assert_near(cached.ratio(|cached| {
        cached.request(SMALL, 0..15_000);
        for _ in 0..40 {
            cached.request(large, 20_000..20_031);
        }
    }));
    assert!(
        cached.store.stats().entries < 2_000,
        "{:?}",
        cached.store.stats()
    );
}

/// The response of a framework to a browser's request, as in the benches.
fn of_framework() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(vec![b'b'; 1024]));
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ETAG, "\"5f3a1c-9b2e\""),
        (header::LAST_MODIFIED, "Tue, 14 Jan 2025 09:30:00 GMT"),
        (header::VARY, "Accept-Encoding"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CONTENT_LANGUAGE, "en"),
        (header::CONTENT_LENGTH, "1024"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[tokio::test(start_paused = true)]
async fn the_response_of_a_framework_takes_at_most_600_bytes_beside_its_body() {
    let store = MemoryStore::new(1024 * MIB);
    let layer = CacheLayer::new(store.clone());
    let request = |pages: std::ops::Range<usize>| {
        for page in pages {
            let origin = service_fn(|_: Request<Empty<Bytes>>| {
                std::future::ready(Ok::<_, Infallible>(of_framework()))
            });
            let uri = format!("/api/products?category=electronics&page={page}");
            let request = Request::get(uri)
                .header(header::HOST, "api.example.com")
                .header(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")
                .body(Empty::new());
            let request = request.expect("a request");
            let answer = layer.layer(origin).oneshot(request).now_or_never();
            let Ok(answer) = answer.expect("nothing waits");
            let body = answer.into_body().collect().now_or_never();
            let Ok(_) = body.expect("nothing waits");
        }
    };
    request(0..1_000);
    let before = store.stats().bytes;
    let pages = 20_000;
    let allocated = allocation_counter::measure(|| request(1_000..1_000 + pages)).bytes_current;
    let beside = |bytes: u64| bytes as usize / pages - 1024;
    let (allocated, weighed) = (
        beside(allocated as u64),
        beside(store.stats().bytes - before),
    );
    println!("allocated {allocated}, weighed {weighed}");
    assert!(allocated <= 600, "{allocated} bytes are allocated");
    assert!(weighed <= 660, "{weighed} bytes are weighed");
}
