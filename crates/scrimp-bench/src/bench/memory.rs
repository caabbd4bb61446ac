//! Bytes that a store reports, against allocated bytes.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Full;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use scrimp_cache::{CacheLayer, MemoryStore};
use tower::{Layer, Service, service_fn};

use crate::{
    alloc,
    fixture::{self, Target},
    origin::Origin,
    peers::RequestBody,
    poll,
    report::Report,
};

const BENCH: &str = "memory";
const RESPONSES: usize = 100_000;
const LARGEST_BODY: f64 = 65_536.0;
const LONGEST_PATH: f64 = 600.0;
/// Enough room that nothing is evicted.
const ROOM: u64 = 16 << 30;

/// Some names that the http crate knows, and some that it does not.
const NAMES: [&str; 19] = [
    "content-type",
    "etag",
    "last-modified",
    "server",
    "via",
    "content-language",
    "link",
    "x-frame-options",
    "alt-svc",
    "strict-transport-security",
    "x-content-type-options",
    "access-control-allow-origin",
    "x-request-id",
    "x-region",
    "x-served-by",
    "x-ratelimit-remaining",
    "surrogate-key",
    "server-timing",
    "report-to",
];

const LANGUAGES: [&str; 3] = ["en", "de", "fr"];

/// One exchange whose response is stored.
struct Exchange {
    request: Request<RequestBody>,
    headers: HeaderMap,
    body: Bytes,
}

pub(crate) fn run(report: &mut Report) {
    if !cfg!(feature = "count") {
        eprintln!("nothing to compare with: built without the feature `count`");
        return;
    }
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    // Allocations made once are not part of an entry.
    drop(fill(1));
    let mut filled = None;
    let allocated = alloc::measure(|| filled = Some(fill(RESPONSES))).bytes_current as f64;
    let Some((store, bodies)) = filled else {
        return;
    };
    let stats = store.stats();
    let weighed = stats.bytes as f64;
    let beside = |bytes: f64| (bytes - bodies as f64) / RESPONSES as f64;
    let mut add = |metric, value, unit| report.add(BENCH, "MemoryStore", metric, value, unit);
    add("keys", stats.entries as f64, "");
    add("weighed", weighed, "B");
    add("allocated", allocated, "B");
    add("ratio", weighed / allocated, "");
    add("weighed beside the body", beside(weighed), "B/response");
    add("allocated beside the body", beside(allocated), "B/response");
    drop(store);
    measure_alike(report);
}

/// Measures the exchange of all measurements: one response under each key, before any hit and after a
/// hit of each.
fn measure_alike(report: &mut Report) {
    let origin = Origin::cacheable(fixture::BODY);
    drop(fill_alike(origin, 1, 1));
    for (subject, times) in [("a browser's fields", 1), ("the same, hit once", 2)] {
        let mut filled = None;
        let counted = alloc::measure(|| filled = Some(fill_alike(origin, RESPONSES, times)));
        let Some(store) = filled else {
            return;
        };
        let beside = |bytes: f64| bytes / RESPONSES as f64 - fixture::BODY as f64;
        let mut add = |metric, value, unit| report.add(BENCH, subject, metric, value, unit);
        let (weighed, allocated) = (store.stats().bytes as f64, counted.bytes_current as f64);
        add("weighed beside the body", beside(weighed), "B/response");
        add("allocated beside the body", beside(allocated), "B/response");
    }
}

/// Requests each of as many pages this often; returns the store.
fn fill_alike(origin: Origin<Full<Bytes>>, pages: usize, times: usize) -> MemoryStore {
    let store = MemoryStore::new(ROOM);
    let mut service = CacheLayer::new(store.clone()).layer(origin);
    for _ in 0..times {
        for page in 0..pages {
            let request: Request<RequestBody> = fixture::request(Target::Unique, page, false);
            let Ok(response) = poll::now(service.call(request));
            let Ok(_) = poll::now(http_body_util::BodyExt::collect(response.into_body()));
        }
    }
    store
}

/// Sends exchanges through a layer; returns its store, and the total length of the bodies.
fn fill(count: usize) -> (MemoryStore, usize) {
    let store = MemoryStore::new(ROOM);
    let next = Arc::new(parking_lot::Mutex::new(None));
    let origin = {
        let next = Arc::clone(&next);
        service_fn(move |_: Request<RequestBody>| {
            let (headers, body) = next.lock().take().unwrap_or_default();
            let mut response = Response::new(Full::<Bytes>::new(body));
            *response.headers_mut() = headers;
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        })
    };
    let mut service = CacheLayer::new(store.clone()).layer(origin);
    let mut random = StdRng::seed_from_u64(11);
    let mut bodies = 0;
    let mut page = 0;
    let mut sent = 0;
    while sent < count {
        let path = path(page, &mut random);
        page += 1;
        let languages = if page % 10 == 0 {
            &LANGUAGES[..]
        } else {
            &LANGUAGES[..1]
        };
        for language in languages {
            let exchange = exchange(&path, language, languages.len() > 1, &mut random);
            bodies += exchange.body.len();
            *next.lock() = Some((exchange.headers, exchange.body));
            let Ok(response) = poll::now(service.call(exchange.request));
            let Ok(_) = poll::now(http_body_util::BodyExt::collect(response.into_body()));
            sent += 1;
        }
    }
    (store, bodies)
}

fn exchange(path: &str, language: &str, varies: bool, random: &mut StdRng) -> Exchange {
    let mut request = Request::new(RequestBody::default());
    *request.uri_mut() = path.parse().expect("the path is well-formed");
    let fields = request.headers_mut();
    fields.insert(header::HOST, HeaderValue::from_static("api.example.com"));
    fields.insert(header::ACCEPT_LANGUAGE, value(language));

    let body = vec![b'b'; log_uniform(LARGEST_BODY, random) - 1];
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, value("public, max-age=3600"));
    if varies {
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    }
    // Half of the responses announce their length.
    if random.random_bool(0.5) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let wanted = random.random_range(3..=20);
    while headers.len() < wanted {
        let name = NAMES[random.random_range(0..NAMES.len())];
        let text = "v".repeat(random.random_range(1..60));
        headers.insert(HeaderName::from_static(name), value(&text));
    }
    Exchange {
        request,
        headers,
        body: body.into(),
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the value is printable")
}

/// Returns a unique path for each page; short paths are more frequent.
fn path(page: usize, random: &mut StdRng) -> String {
    format!("/{page}/{}", "p".repeat(log_uniform(LONGEST_PATH, random)))
}

/// Returns a number from 1 to `most`: every order of magnitude is equally likely.
fn log_uniform(most: f64, random: &mut StdRng) -> usize {
    let exponent: f64 = random.random();
    most.powf(exponent) as usize
}
