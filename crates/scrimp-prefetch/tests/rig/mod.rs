//! The layer over a real cache over a scripted upstream, under a paused clock.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::{BoxError, Clock};
use scrimp_prefetch::{Prefetch, PrefetchLayer, PrefetchLayerBuilder, PrefetchStats, SessionKey};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

/// The stack under test.
pub struct Rig {
    pub service: Prefetch<Cache<Scripted>>,
    pub layer: PrefetchLayer,
    pub cache: CacheLayer,
    pub upstream: Upstream,
}

/// Starts a layer with sessions by the field `x-visit`.
pub fn by_header() -> PrefetchLayerBuilder {
    PrefetchLayer::builder(SessionKey::header(HeaderName::from_static("x-visit")))
}

/// Starts a layer for which each prefetch with a chance of 1 % pays.
pub fn eager() -> PrefetchLayerBuilder {
    by_header().value_of_waiting("0.1").price("0.001")
}

/// Returns a response with the path, fresh for ten minutes.
pub fn page(parts: &Parts) -> Response<ScriptedBody> {
    let body = ScriptedBody::new().data(parts.uri.path().to_owned());
    let response = Response::builder().header("cache-control", "max-age=600");
    response.body(body).unwrap()
}

impl Rig {
    pub fn new(builder: PrefetchLayerBuilder) -> Self {
        Self::answering(builder, |parts| Reply::respond(page(parts)))
    }

    pub fn answering(
        builder: PrefetchLayerBuilder,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (scripted, upstream) = Scripted::answering(answer);
        let cache = CacheLayer::new(MemoryStore::new(16 << 20));
        let layer = builder.clock(Clock::system()).build().unwrap();
        Self {
            service: layer.layer(cache.layer(scripted)),
            layer,
            cache,
            upstream,
        }
    }

    /// Sends a request and reads the whole response. Then lets the worker learn it.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, BoxError> {
        let (head, body) = self.service.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        pass(Duration::from_millis(1)).await;
        Ok(Response::from_parts(head, body))
    }

    pub async fn get(&self, session: &str, path: &str) -> Response<Bytes> {
        self.send(get(session, path)).await.unwrap()
    }

    pub fn stats(&self) -> PrefetchStats {
        self.layer.stats()
    }

    /// Returns the paths that the upstream was asked for.
    pub fn paths(&self) -> Vec<String> {
        let requests = self.upstream.requests();
        let paths = requests
            .iter()
            .map(|parts| parts.uri.path_and_query().unwrap().to_string());
        paths.collect()
    }
}

pub fn get(session: &str, path: &str) -> Request<Full<Bytes>> {
    let request = Request::get(format!("http://shop.test{path}")).header("x-visit", session);
    request.body(Full::default()).unwrap()
}

/// Lets virtual time pass, with all that happens in it.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
