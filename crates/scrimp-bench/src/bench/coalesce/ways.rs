//! scrimp's two ways to share one call, and a way without sharing.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_coalesce::{Coalesce, CoalesceLayer, SingleFlight};
use tower::{Layer, Service, ServiceExt};

use crate::fixture;

/// An upstream that responds after a delay, or at once, and counts its calls.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) calls: Arc<AtomicUsize>,
    delay: Option<Duration>,
    body: Bytes,
}

/// One call with one key.
pub(super) type Call = Pin<Box<dyn Future<Output = usize> + Send>>;

/// A way to make calls, and the way it is compared with.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// Name of the way with the same interface that shares nothing.
    pub(super) floor: &'static str,
    pub(super) upstream: Upstream,
    /// Makes a call with this key. It returns the length of the response.
    pub(super) call: Box<dyn Fn(usize) -> Call + Send + Sync>,
}

pub(super) const PLAIN: &str = "none";
pub(super) const HTTP: &str = "none, http";

// === impl Upstream ===

impl Upstream {
    pub(super) fn new(delay: Option<Duration>, length: usize) -> Self {
        Self {
            calls: Arc::default(),
            delay,
            body: fixture::body(length),
        }
    }

    pub(super) async fn fetch(self) -> Bytes {
        self.calls.fetch_add(1, Relaxed);
        if let Some(delay) = self.delay {
            tokio::time::sleep(delay).await;
        }
        self.body
    }

    /// Returns a service over `http` types, with eight header fields. Its clone is two pointers,
    /// like that of a client.
    fn service(self) -> Origin {
        let headers = fixture::response_headers("max-age=60", self.body.len());
        Origin(Arc::new((self, headers)))
    }
}

/// An [`Upstream`] as a service.
#[derive(Clone)]
struct Origin(Arc<(Upstream, HeaderMap)>);

impl Service<Request<Full<Bytes>>> for Origin {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let origin = Arc::clone(&self.0);
        Box::pin(async move {
            let (upstream, headers) = &*origin;
            let mut response = Response::new(Full::new(upstream.clone().fetch().await));
            *response.headers_mut() = headers.clone();
            Ok(response)
        })
    }
}

/// Makes a way to call this upstream.
pub(super) type Make = fn(&Upstream) -> Way;

/// Ways without the peers: scrimp and the ways it is compared with.
pub(super) const OURS: [Make; 4] = [none, none_http, group, layer];

pub(super) fn way<F>(
    name: &'static str,
    upstream: &Upstream,
    call: impl Fn(String) -> F + Send + Sync + 'static,
) -> Way
where
    F: Future<Output = Bytes> + Send + 'static,
{
    Way {
        name,
        floor: PLAIN,
        upstream: upstream.clone(),
        call: Box::new(move |number| {
            let call = call(key(number));
            Box::pin(async move { call.await.len() })
        }),
    }
}

fn key(number: usize) -> String {
    format!("GET api.example.com /api/products?category=electronics&page={number}")
}

fn none(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    way(PLAIN, upstream, move |_| own.clone().fetch())
}

fn group(upstream: &Upstream) -> Way {
    let (own, group) = (upstream.clone(), SingleFlight::new());
    way("scrimp SingleFlight", upstream, move |key| {
        let own = own.clone();
        group.call(&key, move || own.fetch())
    })
}

fn http_way<S, B>(name: &'static str, upstream: &Upstream, service: S) -> Way
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: std::fmt::Debug,
{
    Way {
        name,
        floor: HTTP,
        upstream: upstream.clone(),
        call: Box::new(move |number| {
            let request = fixture::request(fixture::Target::Unique, number, false);
            let call = service.clone().oneshot(request);
            Box::pin(async move {
                let response = call.await.expect("nothing fails here");
                let body = response.into_body().collect().await;
                body.expect("nothing fails here").to_bytes().len()
            })
        }),
    }
}

fn none_http(upstream: &Upstream) -> Way {
    http_way(HTTP, upstream, upstream.clone().service())
}

fn layer(upstream: &Upstream) -> Way {
    let layer = CoalesceLayer::new();
    let service: Coalesce<_> = layer.layer(upstream.clone().service());
    http_way("scrimp CoalesceLayer", upstream, service)
}
