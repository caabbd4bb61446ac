//! Secrets of clients, tenants and operators, which nothing that the project writes may contain.

mod batches;
mod ear;
mod figures;
mod gateway;
mod shelf;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    cache::{CacheLayer, Codec, EncryptionKeys, Invalidation},
    coalesce::CoalesceLayer,
    core::{Key, extensions::Tenant},
    cost_route::{CostRouteLayer, Provider, RequestBody},
    stampede::StampedeLayer,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use ear::Ear;
use shelf::Shelf;

/// Every secret contains this, in the clear, in Base64 or escaped.
const SECRET: &str = "s3cr3t";

const QUERY: &str = "/page?token=s3cr3t-of-a-query";
const SPELLED: &str = "/%70age?token=s3cr3t-of-a-query";
const AUTHORIZATION: &str = "Bearer s3cr3t-of-a-client";
const API_KEY: &str = "s3cr3t-api-key";
const COOKIE: &str = "session=s3cr3t-cookie";
const TENANT: &str = "s3cr3t-tenant";
const PROVIDER: &str = "s3cr3t-of-a-provider";

/// Everything that was written, with its source.
#[derive(Default)]
struct Written(Vec<(String, String)>);

impl Written {
    fn debug(&mut self, source: &str, value: &dyn std::fmt::Debug) {
        self.0
            .push((source.to_owned(), format!("{value:?} {value:#?}")));
    }

    fn bytes(&mut self, source: &str, bytes: &[u8]) {
        self.0
            .push((source.to_owned(), bytes.escape_ascii().to_string()));
    }

    fn has_no_secret(self) {
        for (source, text) in self.0 {
            assert!(!text.contains(SECRET), "{source}: {text}");
        }
    }
}

/// Answers so that each request is stored, whatever it contains.
async fn origin(
    request: Request<RequestBody<Full<Bytes>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::task::yield_now().await;
    let mut response = Response::new(Full::from("page"));
    let headers = response.headers_mut();
    let control = http::HeaderValue::from_static("public, max-age=60");
    headers.insert("cache-control", control);
    if request.headers().contains_key("x-theme") {
        let vary = http::HeaderValue::from_static("x-theme, accept");
        headers.insert("vary", vary);
    }
    Ok(response)
}

/// Requests with a secret in each place that a stored response can depend on.
fn requests() -> Vec<Request<Full<Bytes>>> {
    let plain = |path: &str| {
        Request::get(format!("http://shop.example{path}"))
            .extension(Tenant::from(TENANT))
            .body(Full::default())
            .expect("a request")
    };
    let with = |path: &str, name: &'static str, value: &'static str| {
        let mut request = plain(path);
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
        request
    };
    vec![
        plain(QUERY),
        plain(SPELLED),
        with("/a", "authorization", AUTHORIZATION),
        with("/a", "x-api-key", API_KEY),
        with("/c", "cookie", COOKIE),
        with("/v", "x-theme", API_KEY),
    ]
}

fn cache(shelf: &Shelf) -> CacheLayer<Shelf> {
    CacheLayer::builder(shelf.clone())
        .rule("path=/a header=authorization,x-api-key")
        .rule("path=/c cookie=session")
        .build()
        .expect("valid settings")
}

/// Sends each request twice, invalidates some, and collects everything that is written on the way.
async fn written(shelf: &Shelf) -> Written {
    let mut written = Written::default();
    let ear = Ear::default();
    let _guard = scrimp_testkit::listen(ear.clone());
    let provider = Provider::new("paid")
        .endpoint("https://s3cr3t-user:pw@paid.example/v1")
        .bearer(PROVIDER)
        .header("x-api-key", PROVIDER);
    written.debug("a provider", &provider);
    let endpoint = Provider::new("wrong").endpoint("https://paid.example/?key=s3cr3t-key");
    let refused = CostRouteLayer::builder([endpoint]).build();
    written.debug("a refused provider", &refused.err());
    let cost_route = CostRouteLayer::builder([provider]).build();
    let cost_route = cost_route.expect("valid settings");
    let (stampede, coalesce, cache) = (StampedeLayer::new(), CoalesceLayer::new(), cache(shelf));
    let service = stampede.layer(cache.layer(coalesce.layer(cost_route.layer(service_fn(origin)))));
    let mut answers = 0;
    for request in requests().into_iter().chain(requests()) {
        // Not by `oneshot`, whose own future shows the request.
        let call = service.clone().call(request);
        written.debug("a future", &call);
        let response = call.await.expect("an answer");
        written.debug("the fields of a response", response.headers());
        let body = response.into_body();
        written.debug("a body", &body);
        let body = body.collect().await.map_err(|_| "broken").expect("a body");
        answers += body.to_bytes().len();
        shelf.settle().await;
    }
    assert_eq!(answers, 12 * "page".len());
    let mut refused = requests().remove(0);
    let only = http::HeaderValue::from_static("only-if-cached, no-cache");
    refused.headers_mut().insert("cache-control", only);
    *refused.uri_mut() = "http://shop.example/none?token=s3cr3t"
        .parse()
        .expect("a URI");
    let refused = service.clone().oneshot(refused).await.expect("an answer");
    assert_eq!(refused.status(), 504);
    written.debug("the fields of a refusal", refused.headers());
    let problem = refused.into_body().collect().await;
    let problem = problem.map_err(|_| "broken").expect("a body").to_bytes();
    written.bytes("a problem document", &problem);
    let invalidator = cache.invalidator();
    for invalidation in [
        Invalidation::uri(
            format!("http://shop.example{QUERY}")
                .parse()
                .expect("a URI"),
        ),
        Invalidation::tag("user:s3cr3t"),
        Invalidation::prefix("user:s3cr3t"),
        Invalidation::group("s3cr3t.example", "s3cr3t"),
    ] {
        written.debug("an invalidation", &invalidation);
        invalidator.invalidate(&invalidation);
    }
    written.debug("the invalidator", &invalidator);
    written.debug("the admin service", &cache.admin(|_| true));
    written.debug("the cache", &cache);
    written.debug("its figures", &cache.stats());
    let figures = Request::get("/stats").body(()).expect("a request");
    let figures = cache
        .admin(|_| true)
        .oneshot(figures)
        .await
        .expect("infallible");
    let figures = figures.into_body().collect().await.expect("infallible");
    written.bytes("its figures in JSON", &figures.to_bytes());
    written.debug("the router", &cost_route);
    written.debug("the providers", &cost_route.providers());
    written.debug("the figures of the router", &cost_route.stats());
    written.debug("the coalescer", &coalesce);
    written.debug("the figures of the coalescer", &coalesce.stats());
    written.debug("the stampede layer", &stampede);
    written.debug("its figures", &stampede.stats());
    written.debug("a tenant", &Tenant::from(TENANT));
    let seen = shelf.seen();
    // Both spellings of one URI have one key.
    assert_eq!(seen.stored, 5, "each kind of request was stored");
    for bytes in &seen.keys {
        written.debug("a key", &Key::from_bytes(bytes));
    }
    for line in seen.debug {
        written.bytes("what a store sees", line.as_bytes());
    }
    for (name, bytes) in &seen.files {
        written.bytes("the name of a file", name);
        written.bytes("a file", bytes);
    }
    for line in ear.heard() {
        written.bytes("a trace", line.as_bytes());
    }
    written
}

#[tokio::test]
async fn nothing_that_is_written_contains_a_secret() {
    let shelf = Shelf::new(Codec::new());
    let mut written = written(&shelf).await;
    // A prefix that is a pattern is compared, so it is recorded, and stands in the file.
    let journal = shelf.journal_bytes();
    assert!(!journal.is_empty());
    let text = journal
        .escape_ascii()
        .to_string()
        .replace("user:s3cr3t", "");
    written.bytes("the journal", text.as_bytes());
    written.has_no_secret();
}

#[tokio::test]
async fn encrypted_files_contain_neither_paths_nor_responses() {
    let keys = EncryptionKeys::new(1, [7; 32]);
    let shelf = Shelf::new(Codec::new().encryption(keys.clone())).with_encrypted_journal(keys);
    let mut written = written(&shelf).await;
    for bytes in shelf.seen().files.values() {
        let text = bytes.escape_ascii().to_string();
        for word in ["page", "max-age", "shop.example"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    let journal = shelf.journal_bytes();
    assert!(!journal.is_empty());
    written.bytes("the journal", &journal);
    written.debug(
        "keys",
        &EncryptionKeys::new(1, *b"s3cr3t__s3cr3t__s3cr3t__s3cr3t__"),
    );
    written.has_no_secret();
}
