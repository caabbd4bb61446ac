//! A warmer over a real cache over a scripted upstream.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use scrimp_warm::{Targets, WarmReport, Warmer, WarmerBuilder};
use tower::{Layer, ServiceExt};

pub const HOST: &str = "http://shop.test";

/// The stack under test.
pub struct Rig {
    pub stack: Cache<Scripted>,
    pub cache: CacheLayer,
    pub upstream: Upstream,
}

/// Returns a reply with the path as its body, fresh for an hour.
pub fn page(parts: &Parts) -> Reply {
    reply(parts, 200, &[("cache-control", "max-age=3600")])
}

pub fn reply(parts: &Parts, status: u16, fields: &[(&'static str, &str)]) -> Reply {
    Reply::respond(response(parts, status, fields))
}

pub fn response(
    parts: &Parts,
    status: u16,
    fields: &[(&'static str, &str)],
) -> Response<ScriptedBody> {
    let body = ScriptedBody::new().data(parts.uri.path().to_owned());
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

/// Returns this many targets: `/0`, `/1`, …
pub fn targets(count: usize) -> Targets {
    let mut targets = Targets::on(HOST).unwrap();
    for number in 0..count {
        assert!(targets.add(&format!("/{number}")));
    }
    targets
}

impl Rig {
    pub fn new() -> Self {
        Self::answering(page)
    }

    pub fn answering(answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static) -> Self {
        let (scripted, upstream) = Scripted::answering(answer);
        let cache = CacheLayer::new(MemoryStore::new(16 << 20));
        Self {
            stack: cache.layer(scripted),
            cache,
            upstream,
        }
    }

    pub async fn warm(&self, builder: WarmerBuilder, count: usize) -> WarmReport {
        self.run(&builder.build().unwrap(), &targets(count)).await
    }

    pub async fn run(&self, warmer: &Warmer, targets: &Targets) -> WarmReport {
        let run = warmer.run::<_, Full<Bytes>>(self.stack.clone(), targets);
        run.await.unwrap()
    }

    /// Asks as a caller does. Returns the fields of the response.
    pub async fn ask(&self, path: &str, fields: &[(&'static str, &str)]) -> HeaderMap {
        ask(self.stack.clone(), path, fields).await
    }
}

pub async fn ask<S, B>(service: S, path: &str, fields: &[(&'static str, &str)]) -> HeaderMap
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut request = Request::get(format!("{HOST}{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::default()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    body.collect().await.unwrap();
    parts.headers
}

pub fn is_hit(headers: &HeaderMap) -> bool {
    headers["cache-status"].to_str().unwrap().contains("; hit")
}
