//! A cache over a scripted upstream, and short helpers for requests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod cases;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheBody, CacheLayer, CacheLayerBuilder, MemoryStore};
use scrimp_core::BoxError;
use scrimp_testkit::{ManualClock, Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

pub type Fields<'a> = &'a [(&'static str, &'a str)];

/// Returns noon on a day in 2026.
pub fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_856_000)
}

/// Returns the date this many seconds after noon, in HTTP format.
pub fn date(seconds: i64) -> String {
    let base = noon();
    let offset = Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(if seconds < 0 {
        base - offset
    } else {
        base + offset
    })
}

/// A cache under test. Its clock stands at noon until it is moved.
pub struct Rig {
    pub cache: Cache<Scripted>,
    pub layer: CacheLayer,
    pub upstream: Upstream,
    pub clock: ManualClock,
    pub store: MemoryStore,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub extensions: http::Extensions,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

/// Returns a layer with 1 MiB of memory.
pub fn layer() -> CacheLayerBuilder {
    CacheLayer::builder(MemoryStore::new(1 << 20))
}

/// Returns a reply with these fields and this body, and its announced length.
pub fn reply(status: u16, fields: Fields<'_>, body: &str) -> Reply {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut response = Response::new(ScriptedBody::new().data(body).sized());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status code");
    set(response.headers_mut(), fields);
    Reply::respond(response)
}

/// Returns a reply with a freshness lifetime of a minute.
pub fn minute(body: &str) -> Reply {
    reply(200, &[("cache-control", "max-age=60")], body)
}

fn set(headers: &mut HeaderMap, fields: Fields<'_>) {
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a field value"));
    }
}

pub fn request(method: &str, uri: &str, fields: Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    *request.uri_mut() = uri.parse().expect("a URI");
    set(request.headers_mut(), fields);
    request
}

impl Rig {
    /// Replies to the calls one by one. A further call fails the test.
    pub fn script(layer: CacheLayerBuilder, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::over(layer, Scripted::script(replies))
    }

    /// Replies to every call.
    pub fn answering(
        layer: CacheLayerBuilder,
        answer: impl Fn(&http::request::Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::over(layer, Scripted::answering(answer))
    }

    fn over(layer: CacheLayerBuilder, (service, upstream): (Scripted, Upstream)) -> Self {
        let clock = ManualClock::new(noon());
        let layer = layer.clock(clock.clock()).build().unwrap();
        let store = layer.store().clone();
        Self {
            cache: layer.layer(service),
            layer,
            upstream,
            clock,
            store,
        }
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a request and leaves the body to the caller.
    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<CacheBody<ScriptedBody>>, BoxError> {
        self.cache.clone().oneshot(request).await
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        let (parts, body) = self.open(request).await?.into_parts();
        let body = body.collect().await?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            extensions: parts.extensions,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
        })
    }

    pub async fn ask(&self, method: &str, uri: &str, fields: Fields<'_>) -> Answer {
        self.send(request(method, uri, fields))
            .await
            .expect("an answer")
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &[]).await
    }

    pub async fn get_with(&self, uri: &str, fields: Fields<'_>) -> Answer {
        self.ask("GET", uri, fields).await
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    pub fn cache_status(&self) -> &str {
        self.header("cache-status")
    }

    pub fn is_hit(&self) -> bool {
        self.cache_status().contains("; hit")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}
