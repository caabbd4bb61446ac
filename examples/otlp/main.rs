//! Metrics and spans of a stack over OTLP, to an OpenTelemetry collector on gRPC.
//!
//! ```sh
//! cargo run --manifest-path tests/ecosystem/Cargo.toml --example otlp -- http://127.0.0.1:4317
//! ```
//!
//! Its dependencies are many, so they are those of the tests inside other libraries, and not of the other examples.

mod background;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_opentelemetry::{OpenTelemetryMetrics, OpenTelemetryRecorder};
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, Ledger, metrics::MetricsReporter},
    prefetch::{PrefetchLayer, RulePredictor, SessionKey},
    stampede::{RefreshAhead, StampedeLayer},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tracing::Instrument;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use background::Background;

/// Exporters, and the reporter of the layers' metrics.
struct Telemetry {
    reporter: MetricsReporter,
    meters: SdkMeterProvider,
    tracers: SdkTracerProvider,
}

impl Telemetry {
    /// Starts exporters to a collector, on tokio's runtime.
    fn new(collector: &str) -> Result<Self, BoxError> {
        let resource = Resource::builder().with_service_name("shop").build();
        let metrics = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(collector)
            .build()?;
        let meters = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_periodic_exporter(metrics)
            .build();
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(collector)
            .build()?;
        let tracers = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(spans)
            .build();
        let recorder =
            OpenTelemetryRecorder::new(OpenTelemetryMetrics::new(meters.meter("scrimp")));
        Ok(Self {
            reporter: MetricsReporter::with_recorder(recorder),
            meters,
            tracers,
        })
    }

    /// Sends what is left.
    fn end(&self) -> Result<(), BoxError> {
        self.reporter.publish();
        self.tracers.shutdown()?;
        Ok(self.meters.shutdown()?)
    }
}

/// Serves a page.
async fn shop(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::time::sleep(Duration::from_millis(20)).await; // duration of a call
    let page = Response::builder().header("cache-control", "max-age=60");
    Ok(page
        .body(Full::from("a page"))
        .expect("a response of constants"))
}

/// Asks for an offer a few times. Two calls follow in the background: two hits pay for a refresh of the offer, and
/// each visitor of an offer is expected to ask for its terms.
async fn look_at_offers() -> Result<(), BoxError> {
    let rules = RulePredictor::new();
    let rules = rules.rule("/offers/{id}", "/offers/{id}/terms", 0.9, Duration::ZERO)?;
    let shop = ServiceBuilder::new()
        .layer(
            PrefetchLayer::builder(SessionKey::by(|_, _| Some(1)))
                .rules(rules)
                .value_of_waiting("0.1")
                .price("0.001")
                .build()?,
        )
        .layer(
            // From the first moment of its lifetime on, so that it happens here.
            StampedeLayer::builder()
                .strategy(RefreshAhead::new(1.0))
                .build()?,
        )
        .layer(CacheLayer::new(MemoryStore::new(8 << 20)))
        .service(service_fn(shop));
    for _ in 0..4 {
        let look = tracing::info_span!("look");
        let request = Request::get("http://shop.example/offers/1").body(Full::default())?;
        let response = shop.clone().oneshot(request).instrument(look).await?;
        let _ = response.into_body().collect().await;
    }
    Background::ended(&["stampede.refresh", "prefetch.fetch"]).await;
    Ok(())
}

/// Asks for a few pages, some of them at once and some again.
async fn visit(reporter: &MetricsReporter) -> Result<(), BoxError> {
    let (ledger, coalesce, stampede) = (Ledger::new(), CoalesceLayer::new(), StampedeLayer::new());
    let cache = CacheLayer::builder(MemoryStore::new(8 << 20))
        .rule("path=/** ttl=1m")
        .price("0.01")
        .ledger(ledger.clone())
        .build()?;
    reporter.add("shop", stampede.clone());
    reporter.add("shop", cache.clone());
    reporter.add("shop", coalesce.clone());
    reporter.add("shop", ledger);
    let shop = ServiceBuilder::new()
        .layer(stampede)
        .layer(cache)
        .layer(coalesce)
        .service(service_fn(shop));
    for round in 0..3 {
        let visits = (0..30).map(|number| {
            let span = tracing::info_span!("visit", round, number);
            let shop = shop.clone();
            let visit = async move {
                let uri = format!("http://shop.example/products/{}", number % 10);
                let response = shop
                    .oneshot(Request::get(uri).body(Full::default())?)
                    .await?;
                let _ = response.into_body().collect().await;
                Ok::<_, BoxError>(())
            };
            visit.instrument(span)
        });
        join_all(visits)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
    }
    Ok(())
}

/// Visits the shop, and exports what happens.
async fn run(collector: &str) -> Result<(), BoxError> {
    let telemetry = Telemetry::new(collector)?;
    let spans = tracing_opentelemetry::layer().with_tracer(telemetry.tracers.tracer("scrimp"));
    // What the exporters do themselves is not exported.
    let ours = tracing_subscriber::filter::filter_fn(|meta| {
        meta.target().starts_with("otlp") || meta.target().starts_with("scrimp")
    });
    tracing_subscriber::registry()
        .with(spans.with_filter(ours))
        .with(Background)
        .init();
    // A program that runs for long publishes at intervals, before the exporter reads.
    let reporter = telemetry.reporter.clone();
    let publishing = tokio::spawn(async move {
        reporter.publish_every(Duration::from_secs(10)).await;
    });
    visit(&telemetry.reporter).await?;
    look_at_offers().await?;
    publishing.abort();
    tokio::task::spawn_blocking(move || telemetry.end()).await?
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let collector = std::env::args().nth(1);
    run(collector.as_deref().unwrap_or("http://127.0.0.1:4317")).await
}
