//! The same requests again, over a slow upstream: the number of requests that wait, and of
//! simultaneous calls, with and without stampede protection.

mod slow;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use parking_lot::Mutex;
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_stampede::{Stampede, StampedeLayer};
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error::{Error, Result},
    settings::{Settings, rule},
    units::seconds,
    upstream::{Latency, Upstream},
};
use scrimp_demo::support::format::{count, elapsed};
use slow::Slow;

/// Results of waiting for the upstream, with and without stampede protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StampedeReport {
    /// Time that the upstream took for each call.
    #[serde(rename = "upstream_seconds", serialize_with = "seconds")]
    pub takes: Duration,
    /// Results of the cache alone.
    pub without: Waiting,
    /// Results with stampede protection around it.
    pub with: Waiting,
    /// Refreshes that it started before responses expired.
    pub refreshes: u64,
}

/// Results of waiting for the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Waiting {
    /// Requests that waited.
    pub blocked: u64,
    /// Total time that they waited.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub waited: Duration,
    /// Calls that reached the upstream.
    pub upstream_calls: u64,
    /// Calls made while another for the same URL was in flight.
    pub doubled: u64,
    /// Highest number of simultaneous calls for one URL.
    pub burst: u64,
}

/// Two stacks side by side, with one clock.
pub(crate) struct Comparison {
    without: Side<Cache<Slow>>,
    with: Side<Stampede<Cache<Slow>>>,
    layer: StampedeLayer,
    takes: Duration,
}

/// A stack whose callers do not wait for each other.
struct Side<S> {
    service: S,
    upstream: Slow,
    callers: JoinSet<()>,
    waiting: Arc<Mutex<Waiting>>,
}

// === impl StampedeReport ===

impl StampedeReport {
    /// Returns the measurements, with and without protection, as text.
    pub(crate) fn rows(&self) -> [[String; 3]; 5] {
        let row = |name: &str, of: &dyn Fn(&Waiting) -> String| {
            [name.to_owned(), of(&self.without), of(&self.with)]
        };
        [
            row("requests that waited", &|side| count(side.blocked)),
            row("total waiting", &|side| elapsed(side.waited)),
            row("upstream calls", &|side| count(side.upstream_calls)),
            row("calls while one for the URL was in flight", &|side| {
                count(side.doubled)
            }),
            row("most simultaneous calls for one URL", &|side| {
                count(side.burst)
            }),
        ]
    }
}

// === impl Comparison ===

impl Comparison {
    pub(crate) fn new(settings: &Settings, takes: Duration, clock: &Clock) -> Result<Self> {
        let cache = || {
            let store = MemoryStore::new(settings.max_bytes);
            let mut cache = CacheLayer::builder(store).clock(clock.clone());
            for text in settings.cache_rules() {
                cache = cache.rule(rule(&text)?);
            }
            Ok::<_, Error>(cache.build()?)
        };
        let slow = || {
            Slow::new(
                Upstream::new(settings.price, Latency::Fixed(Duration::ZERO)),
                takes,
            )
        };
        // The same random numbers in every run, so that a report can be repeated.
        let random = Mutex::new(fastrand::Rng::with_seed(1));
        let layer = StampedeLayer::builder()
            .random(move || random.lock().f64())
            .clock(clock.clone())
            .build()?;
        let (alone, protected) = (slow(), slow());
        let around = layer.layer(cache()?.layer(protected.clone()));
        Ok(Self {
            without: Side::new(cache()?.layer(alone.clone()), alone),
            with: Side::new(around, protected),
            layer,
            takes,
        })
    }

    /// Makes the same request on both. The responses arrive while time passes.
    pub(crate) fn call(&mut self, request: Request<Empty<Bytes>>) {
        self.without.call(request.clone());
        self.with.call(request);
    }

    pub(crate) async fn finish(self) -> StampedeReport {
        let Self {
            without,
            with,
            layer,
            takes,
            ..
        } = self;
        StampedeReport {
            takes,
            without: without.finish().await,
            with: with.finish().await,
            refreshes: layer.stats().refreshes,
        }
    }
}

// === impl Side ===

impl<S, B> Side<S>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    fn new(service: S, upstream: Slow) -> Self {
        Self {
            service,
            upstream,
            callers: JoinSet::new(),
            waiting: Arc::default(),
        }
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) {
        let (service, waiting) = (self.service.clone(), Arc::clone(&self.waiting));
        while self.callers.try_join_next().is_some() {}
        self.callers.spawn(async move {
            let asked = Instant::now();
            let Ok(response) = service.oneshot(request).await;
            let Ok(_) = response.into_body().collect().await;
            let waited = asked.elapsed();
            if !waited.is_zero() {
                let mut waiting = waiting.lock();
                waiting.blocked += 1;
                waiting.waited += waited;
            }
        });
    }

    async fn finish(mut self) -> Waiting {
        while self.callers.join_next().await.is_some() {}
        let (doubled, burst) = self.upstream.seen();
        Waiting {
            upstream_calls: self.upstream.calls(),
            doubled,
            burst,
            ..*self.waiting.lock()
        }
    }
}
