//! A collector that speaks OTLP by the official protocol buffers.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point},
    trace::v1::Span,
};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::Server};

use crate::run;

/// Metrics and spans that a collector has received.
#[derive(Clone, Default)]
struct Collector(Arc<Received>);

#[derive(Default)]
struct Received {
    /// Last value of each series.
    values: Mutex<BTreeMap<String, f64>>,
    spans: Mutex<Vec<Span>>,
}

fn text(labels: &[KeyValue]) -> String {
    let texts = labels.iter().filter_map(|label| {
        let value = label.value.as_ref()?.value.as_ref()?;
        match value {
            Value::StringValue(text) => Some(format!("{}={text}", label.key)),
            _ => None,
        }
    });
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts.join(",")
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        let mut values = self.0.values.lock();
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let points = match metric.data {
                Some(Data::Sum(sum)) => sum.data_points,
                Some(Data::Gauge(gauge)) => gauge.data_points,
                _ => Vec::new(),
            };
            for point in points {
                let value = match point.value {
                    Some(number_data_point::Value::AsDouble(value)) => value,
                    Some(number_data_point::Value::AsInt(value)) => value as f64,
                    None => continue,
                };
                values.insert(
                    format!("{} {}", metric.name, text(&point.attributes)),
                    value,
                );
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        self.0
            .spans
            .lock()
            .extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_metrics_and_the_spans_of_a_stack() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let collector = Collector::default();
    let server = Server::builder()
        .add_service(MetricsServiceServer::new(collector.clone()))
        .add_service(TraceServiceServer::new(collector.clone()));
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    run(&format!("http://{address}"))
        .await
        .expect("visits and exports");
    server.abort();

    // Ten pages: ten calls, and 80 visits without one.
    let values = collector.0.values.lock();
    let value = |series: &str| {
        *values
            .get(series)
            .unwrap_or_else(|| panic!("{series}: {values:#?}"))
    };
    assert_eq!(value("scrimp_cache_requests_total name=shop"), 90.0);
    // In the first round, twenty wait for the fill of their page, and are then answered from the store.
    assert_eq!(
        value("scrimp_cache_answers_total name=shop,source=hit"),
        80.0
    );
    assert_eq!(
        value("scrimp_ledger_spent_micros_total currency=USD,layer=cache,name=shop"),
        100_000.0
    );
    assert_eq!(value("scrimp_cache_entries name=shop"), 10.0);

    let spans = collector.0.spans.lock();
    let visits = spans.iter().filter(|span| span.name == "visit");
    assert_eq!(visits.count(), 90);
    // Work in the background has traces of its own, linked to the request that caused it.
    let look = |id: &[u8]| {
        spans
            .iter()
            .any(|span| span.name == "look" && span.span_id == id)
    };
    for work in ["work=stampede.refresh", "work=prefetch.fetch"] {
        let named =
            |span: &&Span| span.name == "background" && text(&span.attributes).contains(work);
        let span = spans.iter().find(named);
        let span = span.unwrap_or_else(|| panic!("{work}: {spans:#?}"));
        assert!(span.parent_span_id.is_empty(), "{span:?}");
        if work.contains("refresh") {
            let [cause] = &span.links[..] else {
                panic!("{span:?}");
            };
            assert!(look(&cause.span_id), "{span:?}");
        }
    }
}
