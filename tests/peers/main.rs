//! Beside and in front of third-party caches, as packaged by Debian.

mod misspelt;
mod purges;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::stampede::{RefreshAhead, Stampede, StampedeLayer};
use scrimp_testkit::Gate;
use scrimp_tests::{Answer, Daemon, Server, request};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

/// VCL with support for `no-cache` in requests, which Varnish ignores by default.
const OBEDIENT_VCL: &str = r#"
    sub vcl_recv {
        if (req.http.Cache-Control ~ "no-cache") { set req.hash_always_miss = true; }
    }"#;

/// Directives that report hits and obey requests; nginx does neither by default.
const OBEDIENT_NGINX: &str =
    "add_header X-Cache-Status $upstream_cache_status; proxy_cache_bypass $http_cache_control;";

const TELLING_NGINX: &str = "add_header X-Cache-Status $upstream_cache_status;";

/// An origin that counts its calls, and holds them while its gate is shut.
struct Origin {
    server: Server,
    calls: Arc<AtomicUsize>,
    gate: Gate,
}

/// A client with the layer, in front of a cache.
struct Behind {
    cache: Daemon,
    origin: Origin,
    client: Stampede<Client<HttpConnector, Full<Bytes>>>,
    layer: StampedeLayer,
}

impl Origin {
    async fn start() -> Self {
        let (calls, gate): (Arc<AtomicUsize>, Gate) = Default::default();
        gate.open();
        let (count, held) = (Arc::clone(&calls), gate.clone());
        let page = move || {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let opened = held.opened();
            async move {
                opened.await;
                ([("cache-control", "max-age=600")], number.to_string())
            }
        };
        let app = Router::new().route("/{page}", get(page));
        Self {
            server: Server::start(app).await,
            calls,
            gate,
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Behind {
    /// Makes a client for which every hit is due, so that a test need not wait for a refresh.
    async fn new(cache: impl FnOnce(SocketAddr) -> Daemon) -> Self {
        let origin = Origin::start().await;
        let cache = cache(origin.server.address);
        let always = RefreshAhead::new(1.0);
        let layer = StampedeLayer::builder()
            .strategy(always)
            .budget(1.0)
            .build()
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            cache,
            origin,
            client: layer.layer(client),
            layer,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        get_through(self.client.clone(), self.cache.url(path)).await
    }
}

async fn get_through(client: Stampede<Client<HttpConnector, Full<Bytes>>>, url: String) -> Answer {
    let response = client.oneshot(request("GET", &url, &[])).await;
    let answer = Answer::read(response.expect("an answer")).await;
    answer.expect("a body")
}

/// Waits for the work of other processes.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    let patience = Duration::from_secs(60);
    let waiting = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(patience, waiting).await.expect("it to happen");
}

async fn is_refreshed_behind_a_hit(behind: &Behind) {
    assert_eq!(behind.get("/page").await.text(), "1");
    // This is a hit, and is answered while the refresh waits at the origin.
    behind.origin.gate.shut();
    assert_eq!(behind.get("/page").await.text(), "1");
    until(async || behind.origin.calls() == 2).await;
    assert_eq!(behind.get("/page").await.text(), "1");
    behind.origin.gate.open();
    until(async || behind.get("/page").await.text() != "1").await;
    let stats = behind.layer.stats();
    assert_eq!(stats.refresh_failures, 0, "{stats:?}");
}

async fn is_filled_once(behind: &Behind) {
    behind.origin.gate.shut();
    let ask = || {
        tokio::spawn(get_through(
            behind.client.clone(),
            behind.cache.url("/cold"),
        ))
    };
    let callers: Vec<_> = (0..50).map(|_| ask()).collect();
    until(async || behind.layer.stats().waited == 49 && behind.origin.calls() == 1).await;
    behind.origin.gate.open();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic").text(), "1");
    }
}

async fn is_left_alone(behind: &Behind) {
    behind.get("/page").await;
    until(async || {
        assert_eq!(behind.get("/page").await.text(), "1");
        behind.layer.stats().given_up == 1
    })
    .await;
    assert_eq!(behind.origin.calls(), 1);
    assert_eq!(behind.layer.stats().refreshes, 3);
}

#[tokio::test]
async fn varnish_is_refreshed_behind_a_hit() {
    let behind = Behind::new(|origin| Daemon::varnish(origin, OBEDIENT_VCL)).await;
    is_refreshed_behind_a_hit(&behind).await;
}

#[tokio::test]
async fn varnish_is_filled_once() {
    let behind = Behind::new(|origin| Daemon::varnish(origin, OBEDIENT_VCL)).await;
    is_filled_once(&behind).await;
}

#[tokio::test]
async fn varnish_in_its_default_setting_does_not_obey_and_is_not_refreshed() {
    let behind = Behind::new(|origin| Daemon::varnish(origin, "")).await;
    is_left_alone(&behind).await;
}

#[tokio::test]
async fn nginx_is_refreshed_behind_a_hit() {
    let behind = Behind::new(|origin| Daemon::nginx(origin, OBEDIENT_NGINX)).await;
    is_refreshed_behind_a_hit(&behind).await;
}

/// Without the layer it would call its origin fifty times: `proxy_cache_lock` is off.
#[tokio::test]
async fn nginx_is_filled_once() {
    let behind = Behind::new(|origin| Daemon::nginx(origin, OBEDIENT_NGINX)).await;
    is_filled_once(&behind).await;
}

#[tokio::test]
async fn nginx_that_does_not_obey_is_not_refreshed() {
    let behind = Behind::new(|origin| Daemon::nginx(origin, TELLING_NGINX)).await;
    is_left_alone(&behind).await;
}

#[tokio::test]
async fn nginx_without_a_cache_status_is_passed_through() {
    let behind = Behind::new(|origin| Daemon::nginx(origin, "")).await;
    for _ in 0..20 {
        assert_eq!(behind.get("/page").await.text(), "1");
    }
    assert_eq!(
        (behind.origin.calls(), behind.layer.stats().refreshes),
        (1, 0)
    );
}
