//! Metrics of layers for Prometheus.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::Body;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use scrimp_core::metrics::{Metered, MetricsReporter};

/// Upper bounds of the buckets of times, in seconds.
const SECONDS: [f64; 14] = [
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Upper bounds of the buckets of all other values, such as requests in a batch.
const COUNTS: [f64; 10] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0,
];

/// Content type of the text format of Prometheus.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Metrics of layers, as the text that Prometheus reads.
///
/// It has a recorder of its own, and needs none for the process. Clones are handles to the same. Recorded times
/// take memory until a scrape, or [`upkeep`](Self::upkeep), moves them into their buckets: spawn it where
/// scrapes may stay away.
///
/// ```no_run
/// use scrimp_cache::{CacheLayer, MemoryStore};
/// use scrimp_gateway::{Gateway, Metrics};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = CacheLayer::new(MemoryStore::new(256 << 20));
/// let metrics = Metrics::new();
/// metrics.add("shop", cache.clone());
/// let gateway = Gateway::builder("http://127.0.0.1:9000").cache(cache).build()?;
/// let text = metrics.render(); // the answer to `GET /metrics`
/// # let _ = (gateway, text); Ok(()) }
/// # run().unwrap();
/// ```
#[derive(Clone)]
pub struct Metrics {
    reporter: MetricsReporter,
    handle: PrometheusHandle,
}

// === impl Metrics ===

impl Metrics {
    /// Returns metrics of no layers yet.
    #[must_use]
    pub fn new() -> Self {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets(&COUNTS);
        let builder = builder.and_then(|builder| builder.set_buckets_for_metric(seconds, &SECONDS));
        // It fails only if there are no buckets.
        let recorder = builder.expect("the lists have buckets").build_recorder();
        let handle = recorder.handle();
        let reporter = MetricsReporter::with_recorder(recorder);
        Self { reporter, handle }
    }

    /// Adds a layer under a name, as [`MetricsReporter::add`] does.
    pub fn add<M: Metered + 'static>(&self, name: &str, metered: M) {
        self.reporter.add(name, metered);
    }

    /// Returns the reporter, to replace or remove layers.
    #[must_use]
    pub fn reporter(&self) -> &MetricsReporter {
        &self.reporter
    }

    /// Returns the present numbers as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.reporter.publish();
        self.handle.render()
    }

    /// Returns the present numbers as an answer to `GET /metrics`. Ask who asks before: the names of
    /// providers and caps are in it.
    #[must_use]
    pub fn response<B: Body + From<Bytes>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from(self.render())));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, TEXT);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Moves recorded times into their buckets every five seconds, without end, as a scrape does too.
    pub async fn upkeep(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.reporter).finish()
    }
}
