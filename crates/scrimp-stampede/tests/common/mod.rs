//! The layer over a real cache over a scripted upstream, and helpers to call it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::{BoxError, Clock};
use scrimp_stampede::{Stampede, StampedeBody, StampedeLayer, StampedeLayerBuilder};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

pub type Fields<'a> = &'a [(&'static str, &'a str)];

/// The stack under test. All its clocks are tokio's, which the tests pause.
pub struct Rig {
    pub service: Stampede<Cache<Scripted>>,
    pub upstream: Upstream,
    pub layer: StampedeLayer,
    pub cache: CacheLayer,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Time that the caller waited, by the paused clock.
    pub waited: Duration,
}

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Returns noon on a day in 2026.
pub fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + seconds(1_790_856_000)
}

/// Returns a layer with U = 1 in every draw, at which nothing is early.
pub fn never_early() -> StampedeLayerBuilder {
    StampedeLayer::builder().random(|| 0.0)
}

/// Returns a layer whose every draw is as early as possible.
pub fn always_early() -> StampedeLayerBuilder {
    StampedeLayer::builder().random(|| 1.0 - f64::EPSILON / 2.0)
}

/// Returns a reply with these fields and this body.
pub fn reply(status: u16, fields: Fields<'_>, body: &str) -> Reply {
    let body = ScriptedBody::new().data(Bytes::copy_from_slice(body.as_bytes()));
    respond(status, fields, body)
}

/// Returns a reply with a scripted body.
pub fn respond(status: u16, fields: Fields<'_>, body: ScriptedBody) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status code");
    for (name, value) in fields {
        let value = value.parse().expect("a field value");
        response.headers_mut().append(*name, value);
    }
    Reply::respond(response)
}

/// Returns a reply that is fresh for `ttl` seconds and takes this long to make.
pub fn fresh(ttl: u64, body: &str, takes: Duration) -> Reply {
    let control = format!("max-age={ttl}");
    reply(200, &[("cache-control", &control)], body).delay(takes)
}

pub fn request(uri: &str, fields: Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).expect("a request")
}

/// A caller on a task of its own.
pub type Caller = tokio::task::JoinHandle<Result<Answer, BoxError>>;

impl Rig {
    /// Makes a stack over a cache of 1 MiB, and an upstream that replies to every call.
    pub fn new(
        layer: StampedeLayerBuilder,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::over(layer, Scripted::answering(answer))
    }

    /// Replies to the calls one by one. One call more fails the test.
    pub fn script(layer: StampedeLayerBuilder, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::over(layer, Scripted::script(replies))
    }

    fn over(layer: StampedeLayerBuilder, (service, upstream): (Scripted, Upstream)) -> Self {
        let clock = Clock::anchored(noon());
        let layer = layer.clock(clock.clone()).build().unwrap();
        let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
            .clock(clock)
            .build()
            .unwrap();
        Self {
            service: layer.layer(cache.layer(service)),
            upstream,
            layer,
            cache,
        }
    }
}

impl Rig {
    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<StampedeBody<scrimp_cache::CacheBody<ScriptedBody>>>, BoxError> {
        self.service.clone().oneshot(request).await
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        ask(self.service.clone(), request).await
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.send(request(uri, &[])).await.expect("an answer")
    }

    /// Starts a caller that does not block the test.
    pub fn call(&self, uri: &str) -> Caller {
        tokio::spawn(ask(self.service.clone(), request(uri, &[])))
    }

    /// Starts several callers at once, in order.
    pub fn calls(&self, uri: &str, count: usize) -> Vec<Caller> {
        (0..count).map(|_| self.call(uri)).collect()
    }
}

pub async fn ask<S, B>(service: S, request: Request<Full<Bytes>>) -> Result<Answer, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let started = Instant::now();
    let (parts, body) = service.oneshot(request).await?.into_parts();
    let body = body.collect().await?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
        waited: started.elapsed(),
    })
}

/// Returns the responses of all callers.
pub async fn all(callers: Vec<Caller>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(callers.len());
    for caller in callers {
        answers.push(caller.await.expect("no panic").expect("an answer"));
    }
    answers
}

/// Lets other tasks do what they can do now, and lets a moment pass.
pub async fn settle() {
    tokio::time::sleep(ms(1)).await;
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    pub fn is_hit(&self) -> bool {
        self.header("cache-status").contains("; hit")
    }
}

/// Numbers the calls, in their order.
pub fn numbered(
    reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Parts) -> Reply + Send + Sync + 'static {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    move |_| reply(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1)
}
