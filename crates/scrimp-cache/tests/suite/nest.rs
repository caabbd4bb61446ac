//! One layer inside several of axum's nests, where paths lack their prefix.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    http::{Method, Request, header},
    routing::any,
};
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore};
use scrimp_testkit::ManualClock;
use tower::ServiceExt;

/// Two versions of an API behind one layer. Each responds with the path it saw.
struct Rig {
    app: Router,
    layer: CacheLayer,
    calls: Arc<AtomicUsize>,
    clock: ManualClock,
}

fn layer() -> CacheLayerBuilder {
    CacheLayer::builder(MemoryStore::new(1 << 20))
}

fn whole(layer: CacheLayerBuilder) -> CacheLayerBuilder {
    layer.target_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0))
}

impl Rig {
    fn new(layer: CacheLayerBuilder) -> Self {
        let clock = ManualClock::new(std::time::SystemTime::UNIX_EPOCH);
        let layer = layer.clock(clock.clock()).build().unwrap();
        let calls = Arc::<AtomicUsize>::default();
        let items = |version: &'static str| {
            let calls = Arc::clone(&calls);
            let answer = move |request: Request<Body>| {
                let n = calls.fetch_add(1, Ordering::Relaxed) + 1;
                let body = format!("{version} {} {n}", request.uri());
                let control = "max-age=60, stale-while-revalidate=60";
                async move { ([(header::CACHE_CONTROL, control)], body) }
            };
            let router = Router::new().route("/items/{id}", any(answer));
            router.layer(layer.clone())
        };
        let app = Router::new()
            .nest("/v1", items("one"))
            .nest("/deep", Router::new().nest("/v2", items("two")));
        Self {
            app,
            layer,
            calls,
            clock,
        }
    }

    async fn send(&self, method: Method, uri: &str) -> String {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("host", "a.example").body(Body::empty());
        let answer = self.app.clone().oneshot(request.expect("a request"));
        let body = answer.await.expect("infallible").into_body();
        let body = body.collect().await.expect("a body").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    }

    async fn get(&self, uri: &str) -> String {
        self.send(Method::GET, uri).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn nests_that_share_a_layer_do_not_share_keys() {
    let rig = Rig::new(whole(layer()));
    for _ in 0..2 {
        assert_eq!(rig.get("/v1/items/7?x").await, "one /items/7?x 1");
        assert_eq!(rig.get("/deep/v2/items/7?x").await, "two /items/7?x 2");
    }
    assert_eq!(rig.calls(), 2);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn with_the_feature_the_layer_finds_the_whole_uri_by_itself() {
    let rig = Rig::new(layer());
    for _ in 0..2 {
        assert_eq!(rig.get("/v1/items/7").await, "one /items/7 1");
        assert_eq!(rig.get("/deep/v2/items/7").await, "two /items/7 2");
    }
    assert_eq!(rig.calls(), 2);
}

/// Serves a page in the reader's preferred language: the path is rewritten by it.
#[cfg(feature = "axum")]
#[tokio::test]
async fn where_something_between_rewrites_the_path_the_answer_depends_on_both() {
    let page = |request: Request<Body>| async move {
        (
            [(header::CACHE_CONTROL, "max-age=60")],
            request.uri().path().to_owned(),
        )
    };
    let pages = Router::new()
        .route("/{language}/home", any(page))
        .layer(layer().build().unwrap());
    let rewrite = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
        let language = request.headers().get("accept-language").cloned();
        let language = language.expect("a language");
        let path = format!("/{}/home", language.to_str().expect("text"));
        *request.uri_mut() = path.parse().expect("a URI");
        request
    });
    let app = Router::new().fallback_service(tower::Layer::layer(&rewrite, pages));
    for (language, path) in [("de", "/de/home"), ("en", "/en/home"), ("de", "/de/home")] {
        let request = Request::get("/").header("accept-language", language);
        let request = request.body(Body::empty()).expect("a request");
        let answer = app.clone().oneshot(request).await.expect("infallible");
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert_eq!(body, path);
    }
}

/// Holds in a build without the feature `axum`: shortened paths cannot be told from whole ones.
#[cfg(not(feature = "axum"))]
#[tokio::test]
async fn without_the_whole_uri_nests_share_keys() {
    let rig = Rig::new(layer());
    assert_eq!(rig.get("/v1/items/7").await, "one /items/7 1");
    assert_eq!(rig.get("/deep/v2/items/7").await, "one /items/7 1");
}

#[tokio::test]
async fn rules_and_their_tags_go_by_the_whole_path() {
    let rule = "path=/deep/v2/items/{id} tag=item:{id} ttl=1h";
    let rig = Rig::new(whole(layer()).rule(rule));
    for uri in ["/v1/items/7", "/deep/v2/items/7"] {
        rig.get(uri).await;
    }
    rig.clock.advance(std::time::Duration::from_secs(600));
    assert!(rig.get("/deep/v2/items/7").await.ends_with(" 2"), "an hour");
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::tag("item:7"));
    assert!(rig.get("/deep/v2/items/7").await.ends_with(" 3"));
    assert!(rig.get("/v1/items/7").await.ends_with(" 4"), "a minute");
}

#[tokio::test]
async fn invalidation_goes_by_the_whole_uri() {
    let rig = Rig::new(whole(layer()));
    let both = ["/v1/items/7", "/deep/v2/items/7"];
    let fill = async || {
        for uri in both {
            rig.get(uri).await;
        }
        rig.calls()
    };
    let invalidator = rig.layer.invalidator();
    let calls = fill().await;
    rig.send(Method::POST, "/v1/items/7").await;
    assert_eq!(fill().await, calls + 2, "the POST and its target");
    let target = "http://a.example/deep/v2/items/7".parse().expect("a URI");
    invalidator.invalidate(&Invalidation::uri(target));
    assert_eq!(fill().await, calls + 3);
    let folder = "http://a.example/v1/".parse().expect("a URI");
    invalidator.invalidate(&Invalidation::uri_prefix(folder));
    assert_eq!(fill().await, calls + 4);
    let mut request = Request::get("/items/7").header("host", "a.example");
    let extensions = request.extensions_mut().expect("a request");
    extensions.insert(OriginalUri("/v1/items/7".parse().expect("a URI")));
    invalidator.invalidate_request(&request.body(()).expect("a request"));
    assert_eq!(fill().await, calls + 5);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_is_asked_by_the_path_the_nest_knows() {
    let rig = Rig::new(whole(layer()));
    rig.get("/v1/items/7").await;
    rig.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(rig.get("/v1/items/7").await, "one /items/7 1");
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(rig.get("/v1/items/7").await, "one /items/7 2");
}

/// Covers a variance of the requested path, which leaves the rewriting in the key.
#[cfg(feature = "no-vary-search")]
#[tokio::test]
async fn a_rewritten_path_counts_also_where_part_of_the_query_does_not() {
    let page = |request: Request<Body>| async move {
        let fields = [
            (header::CACHE_CONTROL, "max-age=60"),
            (
                header::HeaderName::from_static("no-vary-search"),
                "params=(\"utm\")",
            ),
        ];
        (fields, request.uri().path().to_owned())
    };
    let pages = Router::new().fallback(any(page));
    let pages = pages.layer(whole(layer()).build().unwrap());
    let ask = async |path: &str, utm: u32| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = format!("{path}?utm={utm}").parse().unwrap();
        let shown = OriginalUri(format!("/?utm={utm}").parse().unwrap());
        request.extensions_mut().insert(shown);
        let answer = pages.clone().oneshot(request).await.expect("infallible");
        let body = answer.into_body().collect().await.expect("a body");
        String::from_utf8(body.to_bytes().to_vec()).expect("text")
    };
    for (path, utm) in [
        ("/de/home", 1),
        ("/de/home", 2),
        ("/en/home", 3),
        ("/de/home", 4),
    ] {
        assert_eq!(ask(path, utm).await, path);
    }
}
