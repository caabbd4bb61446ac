//! Independent draws: the store in memory beside stores that leave eviction to moka or quick_cache.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, MemoryStore, Store};
use scrimp_core::{Clock, TimeSource};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

use super::{
    BENCH,
    stores::{Foreign, Moka, QuickCache},
    traffic::{self, Traffic},
};
use crate::{peers::RequestBody, poll, report::Report};

const MIB: u64 = 1 << 20;

pub(super) fn run(report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    for traffic in traffic::ALL {
        for room in [8, 32, 128] {
            let row = format!("{}, {room} MiB", traffic.name);
            let mut add = |metric, hits: f64| {
                report.add(BENCH, &row, metric, 100.0 * hits, "%");
            };
            add("scrimp", hits(&traffic, MemoryStore::new(room * MIB)));
            add("moka", hits(&traffic, Foreign::<Moka>::new(room * MIB)));
            add(
                "quick_cache",
                hits(&traffic, Foreign::<QuickCache>::new(room * MIB)),
            );
        }
    }
}

/// Returns the share of requests that a store answers.
fn hits<St: Store>(traffic: &Traffic, store: St) -> f64 {
    let time = Time::default();
    let age = HeaderValue::from_str(&format!("max-age={}", traffic.ttl.as_secs()))
        .expect("the value is printable");
    let origin = service_fn(move |request: Request<RequestBody>| {
        let size = request.uri().query().and_then(|size| size.parse().ok());
        let mut response = Response::new(Full::new(Bytes::from(vec![b'b'; size.unwrap_or(0)])));
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, age.clone());
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let layer = CacheLayer::builder(store)
        .clock(Clock::new(time.clone()))
        .build()
        .unwrap();
    let mut service = layer.layer(origin);
    for page in traffic.requests() {
        time.advance(Traffic::PACE);
        let mut request = Request::new(RequestBody::default());
        let target = format!("/{}?{}", page.number, page.size);
        *request.uri_mut() = target.parse().expect("the target is well-formed");
        let Ok(response) = poll::now(service.call(request));
        let Ok(_) = poll::now(response.into_body().collect());
    }
    layer.stats().hits as f64 / traffic::REQUESTS as f64
}

/// A clock that the benchmark moves.
#[derive(Clone)]
struct Time {
    start: (Instant, SystemTime),
    passed: Arc<AtomicU64>,
}

// === impl Time ===

impl Time {
    fn advance(&self, time: Duration) {
        self.passed.fetch_add(time.as_millis() as u64, Relaxed);
    }

    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed.load(Relaxed))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self {
            start: (Instant::now(), Clock::system().wall()),
            passed: Arc::default(),
        }
    }
}

impl TimeSource for Time {
    fn instant(&self) -> Instant {
        self.start.0 + self.passed()
    }

    fn wall(&self) -> SystemTime {
        self.start.1 + self.passed()
    }
}
