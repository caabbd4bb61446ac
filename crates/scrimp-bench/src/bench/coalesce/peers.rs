//! Ways to make one call of many: scrimp's two, the peers', and none.

use std::{
    collections::HashMap,
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
use futures_util::{FutureExt, future::Shared};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_coalesce::{Coalesce, CoalesceLayer, Group};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::fixture;

/// What is called: answers after a time, or at once, and counts.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) calls: Arc<AtomicUsize>,
    delay: Option<Duration>,
    body: Bytes,
}

/// One call by one key.
pub(super) type Call = Pin<Box<dyn Future<Output = usize> + Send>>;

/// A way to make calls, and what to measure it against.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// The name of the way that does nothing and is called alike.
    pub(super) floor: &'static str,
    pub(super) upstream: Upstream,
    /// A call by this key. It comes to the length of what it got.
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

    async fn fetch(self) -> Bytes {
        self.calls.fetch_add(1, Relaxed);
        if let Some(delay) = self.delay {
            tokio::time::sleep(delay).await;
        }
        self.body
    }

    /// As a service over `http` types, with eight header fields. A clone of it is two
    /// pointers, as one of a client is.
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

/// All of them, anew.
pub(super) fn ways(delay: Option<Duration>, length: usize) -> Vec<Way> {
    let makes: [fn(&Upstream) -> Way; 10] = [
        none,
        none_http,
        group,
        layer,
        shared_map,
        uniflight,
        singleflight_async,
        async_singleflight,
        resilience,
        moka,
    ];
    makes.map(|make| make(&Upstream::new(delay, length))).into()
}

fn way<F>(
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
    let (own, group) = (upstream.clone(), Group::new());
    way("scrimp Group", upstream, move |key| {
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

/// What one writes by hand: a map of shared futures.
fn shared_map(upstream: &Upstream) -> Way {
    type Flights = Arc<Mutex<HashMap<String, Shared<Pin<Box<dyn Future<Output = Bytes> + Send>>>>>>;
    let (own, flights) = (upstream.clone(), Flights::default());
    way("map of Shared", upstream, move |key| {
        let (own, flights) = (own.clone(), Arc::clone(&flights));
        async move {
            let flight = {
                let mut map = flights.lock();
                let make = || own.fetch().boxed().shared();
                map.entry(key.clone()).or_insert_with(make).clone()
            };
            let body = flight.clone().await;
            let mut map = flights.lock();
            if map.get(&key).is_some_and(|known| known.ptr_eq(&flight)) {
                map.remove(&key);
            }
            body
        }
    })
}

fn uniflight(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let merger = Arc::new(uniflight::Merger::<String, Bytes>::new());
    way("uniflight 0.8", upstream, move |key| {
        let (own, merger) = (own.clone(), Arc::clone(&merger));
        async move {
            let body = merger.execute(key.as_str(), || own.fetch()).await;
            body.expect("nothing panics here")
        }
    })
}

fn singleflight_async(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let flights = Arc::new(singleflight_async::SingleFlight::<String, Bytes>::new());
    way("singleflight-async 0.2", upstream, move |key| {
        let (own, flights) = (own.clone(), Arc::clone(&flights));
        async move { flights.work(key, || own.fetch()).await }
    })
}

fn async_singleflight(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let group = Arc::new(async_singleflight::UnaryGroup::<String, Bytes>::new());
    way("async_singleflight 0.6", upstream, move |key| {
        let (own, group) = (own.clone(), Arc::clone(&group));
        async move { group.work(&key, own.fetch()).await }
    })
}

fn resilience(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let layer = tower_resilience_coalesce::CoalesceLayer::new(|key: &String| key.clone());
    let service = layer.layer(service_fn(move |_: String| {
        let own = own.clone();
        async move { Ok::<_, Infallible>(own.fetch().await) }
    }));
    way("tower-resilience 0.14", upstream, move |key| {
        let call = service.clone().oneshot(key);
        async move { call.await.unwrap_or_default() }
    })
}

/// Keeps what it has got, which the others do not: its map grows with unique keys.
fn moka(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let cache = moka::future::Cache::<String, Bytes>::new(10_000);
    way("moka get_with", upstream, move |key| {
        let (own, cache) = (own.clone(), cache.clone());
        async move { cache.get_with(key, own.fetch()).await }
    })
}
