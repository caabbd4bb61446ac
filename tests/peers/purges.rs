//! Purges of Varnish and nginx through the handle of a cache behind them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::OriginalUri, routing::get};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::{
    cache::{CacheLayer, Invalidation, Invalidator, MemoryStore},
    cdn::{
        Cdn, CdnApi, CdnLayer, CdnLifetime, CdnPurger, Nginx, VARNISH_BAN_VCL, VARNISH_VCL, Varnish,
    },
};
use scrimp_tests::{Daemon, Server};
use tower::ServiceBuilder;

use super::until;

/// The site of all requests.
const HOST: &str = "shop.test";

/// The configuration that the documentation of [`Nginx`] gives.
const PURGED_NGINX: &str = "proxy_set_header Host $host; proxy_cache_key $host$request_uri;
    if ($request_method = PURGE) { rewrite ^(.*)$ /.purge$1 last; } }
    location /.purge/ { allow 127.0.0.1; deny all; proxy_cache_purge c $host$request_uri;";

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A server with a cache inside, and Varnish or nginx in front of it.
struct Site {
    front: Daemon,
    invalidator: Invalidator,
    purger: CdnPurger,
    client: HttpClient,
    _server: Server,
}

// === impl Site ===

impl Site {
    /// Starts it. A page is tagged `path:…` and shows how often pages were made so far.
    async fn start(
        cdn: Cdn,
        front: impl FnOnce(SocketAddr) -> Daemon,
        api: impl FnOnce(String) -> Box<dyn CdnApi>,
    ) -> Self {
        let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
        // The purger needs the address of the front, and the front that of the server.
        let late = Late::default();
        let hour = CdnLifetime::new(Duration::from_secs(3_600))
            .stale_while_revalidate(Duration::from_secs(3_600));
        let fields = CdnLayer::builder([cdn]).lifetime(hour).build().unwrap();
        let cache = CacheLayer::for_origin(MemoryStore::new(1 << 20))
            .rule("ttl=1h")
            .purger(late.clone())
            .build()
            .unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let page = move |OriginalUri(uri): OriginalUri| async move {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            let tag = format!("path:{}", uri.path());
            ([("surrogate-key", tag)], number.to_string())
        };
        let layers = ServiceBuilder::new().layer(fields).layer(cache.clone());
        let app = Router::new().route("/{*page}", get(page)).layer(layers);
        let server = Server::start(app).await;
        let front = front(server.address);
        let purger = CdnPurger::builder(api(front.url("")));
        let purger = purger.build(client.clone()).unwrap();
        late.0.set(purger.clone()).unwrap();
        Self {
            front,
            invalidator: cache.invalidator(),
            purger,
            client,
            _server: server,
        }
    }

    async fn get(&self, path: &str) -> usize {
        let request = Request::get(self.front.url(path)).header("host", HOST);
        let request = request.body(Full::default()).unwrap();
        let response = self.client.request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let private = ["xkey", "x-scrimp-host", "x-scrimp-url", "x-accel-expires"];
        assert!(
            private
                .iter()
                .all(|name| !response.headers().contains_key(*name))
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap().parse().unwrap()
    }

    async fn purge(&self, invalidation: &Invalidation) {
        self.invalidator.invalidate(invalidation);
        let delivered = self.purger.delivered();
        let waited = tokio::time::timeout(Duration::from_secs(60), delivered).await;
        assert!(waited.is_ok(), "{:?}", self.purger.stats());
        assert_eq!(self.purger.stats().failed, 0, "{:?}", self.purger.stats());
    }

    /// Asserts that after this invalidation the next request for the first page reaches the server,
    /// and that for the second one does not.
    async fn is_purged(&self, invalidation: Invalidation, gone: &str, kept: Option<&str>) {
        let (old, other) = (self.get(gone).await, self.get(kept.unwrap_or(gone)).await);
        assert_eq!(self.get(gone).await, old, "it is cached");
        self.purge(&invalidation).await;
        assert!(self.get(gone).await > old, "{invalidation:?} {gone}");
        if let Some(kept) = kept {
            assert_eq!(self.get(kept).await, other, "{invalidation:?} {kept}");
        }
    }

    /// Asserts that after this soft invalidation the next request gets the old page, and causes a new
    /// one to be fetched.
    async fn is_refreshed(&self, invalidation: Invalidation, page: &str) {
        let old = self.get(page).await;
        self.purge(&invalidation.soft()).await;
        assert_eq!(self.get(page).await, old, "it is stale, not gone");
        until(async || self.get(page).await > old).await;
    }
}

/// A purger that is set after the layer was built.
#[derive(Clone, Default)]
struct Late(Arc<std::sync::OnceLock<CdnPurger>>);

impl scrimp::core::Purger for Late {
    fn purge(&self, purge: &scrimp::core::Purge) {
        self.0
            .get()
            .expect("set before the first purge")
            .purge(purge);
    }
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

async fn varnish(vcl: &'static str, api: fn(Varnish) -> Varnish) -> Site {
    let front = move |origin| Daemon::varnish(origin, vcl);
    Site::start(Cdn::Varnish, front, move |url| {
        Box::new(api(Varnish::new(url)))
    })
    .await
}

async fn nginx() -> Site {
    let front = |origin| Daemon::nginx_with("ngx_http_cache_purge_module", origin, PURGED_NGINX);
    Site::start(Cdn::Nginx, front, |url| Box::new(Nginx::new(url))).await
}

#[tokio::test]
async fn varnish_is_purged_by_url_key_and_ban() {
    let site = varnish(VARNISH_VCL, |varnish| varnish).await;
    let here = |path: &str| uri(&format!("http://{HOST}{path}"));
    let cases = [
        (
            Invalidation::uri(here("/a/1?x=1")),
            "/a/1?x=1",
            Some("/a/1"),
        ),
        (Invalidation::tag("path:/a/2"), "/a/2", Some("/a/1")),
        (Invalidation::prefix("path:/a/"), "/a/2", Some("/b/1")),
        (Invalidation::prefix("path:/a/2"), "/a/22", Some("/a/1")),
        (Invalidation::glob("path:*/1"), "/b/1", Some("/a/2")),
        (Invalidation::glob("/a/*"), "/a/2", Some("/b/1")),
        (Invalidation::uri(uri("/a/1")), "/a/1", Some("/a/2")),
        (Invalidation::uri_prefix(here("/a/")), "/a/2", Some("/b/1")),
        (Invalidation::authority(HOST), "/a/1", None),
        (Invalidation::everything(), "/b/1", None),
    ];
    for (invalidation, gone, kept) in cases {
        site.is_purged(invalidation, gone, kept).await;
    }
    let stats = site.purger.stats();
    assert_eq!((stats.skipped, stats.lost), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn varnish_serves_what_was_softly_purged_while_it_asks_again() {
    let site = varnish(VARNISH_VCL, |varnish| varnish).await;
    site.is_refreshed(Invalidation::tag("path:/a/1"), "/a/1")
        .await;
    let page = uri(&format!("http://{HOST}/a/2"));
    site.is_refreshed(Invalidation::uri(page), "/a/2").await;
}

#[tokio::test]
async fn varnish_without_its_vmod_is_purged_by_bans() {
    let site = varnish(VARNISH_BAN_VCL, Varnish::bans_only).await;
    let tag = |tag: &str| Invalidation::tag(tag);
    site.is_purged(tag("path:/a/1"), "/a/1", Some("/a/11"))
        .await;
    let prefix = Invalidation::prefix("path:/a/");
    site.is_purged(prefix, "/a/1", Some("/b/1")).await;
}

#[tokio::test]
async fn a_hundred_tags_are_one_purge_of_varnish() {
    let site = varnish(VARNISH_VCL, |varnish| varnish).await;
    let first = site.get("/0").await;
    for n in 0..100 {
        site.invalidator
            .invalidate(&Invalidation::tag(format!("path:/{n}")));
    }
    site.purger.delivered().await;
    assert_eq!(site.purger.stats().calls, 1, "{:?}", site.purger.stats());
    assert!(site.get("/0").await > first);
}

#[tokio::test]
async fn nginx_is_purged_by_url() {
    let site = nginx().await;
    let here = |path: &str| uri(&format!("http://{HOST}{path}"));
    let page = Invalidation::uri(here("/a/1?x=1"));
    site.is_purged(page.clone(), "/a/1?x=1", Some("/a/1")).await;
    // What is not in the cache is purged too.
    site.purge(&page).await;
    site.purge(&page).await;
    // What it cannot do is counted, and leaves the cache as it is.
    let old = site.get("/a/2").await;
    site.purge(&Invalidation::tag("path:/a/2")).await;
    assert_eq!(site.purger.stats().skipped, 1);
    assert_eq!(site.get("/a/2").await, old);
}
