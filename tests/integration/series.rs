//! Nothing that a client names becomes a series.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scrimp::{
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{Ledger, extensions::Tenant, metrics::MetricsReporter},
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Scope},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{ServiceBuilder, ServiceExt};

/// Requests of the flood, each with names of its own.
const FLOOD: u32 = 500;

fn series(snapshotter: &Snapshotter) -> BTreeSet<String> {
    let all = snapshotter.snapshot().into_vec().into_iter();
    all.map(|(key, ..)| format!("{:?}", key.key())).collect()
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_tenants_hosts_and_paths_make_no_series() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let reporter = MetricsReporter::with_recorder(recorder);
    let ledger = Ledger::new();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).rule("path=/** ttl=1m");
    let cache = cache
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .expect("valid settings");
    let (stampede, coalesce) = (StampedeLayer::new(), CoalesceLayer::new());
    let batch = BatchLayer::builder(RestJson::new("/batch"))
        .build()
        .expect("valid settings");
    let each = Cap::new("each", "1", Period::Day).tenants(Scope::Each);
    let route = CostRouteLayer::builder([Provider::new("one").price("0.01")]);
    let route = route
        .budget(Budget::new([each.routes(Scope::Each)]))
        .ledger(ledger.clone());
    let route = route.build().expect("valid settings");
    let limit = LimitLayer::per_second(1_000_000).key(|parts| Some(parts.uri.host()?.to_owned()));
    let limit = limit.build().expect("valid settings");
    reporter.add("api", stampede.clone());
    reporter.add("api", cache.clone());
    reporter.add("api", coalesce.clone());
    reporter.add("api", batch.clone());
    reporter.add("api", route.clone());
    reporter.add("api", limit.clone());
    reporter.add("api", ledger);
    let (upstream, _) = Scripted::answering(|_| {
        Reply::respond(http::Response::new(ScriptedBody::new().data("1").sized()))
    });
    let service = ServiceBuilder::new()
        .layer(stampede)
        .layer(cache)
        .layer(coalesce)
        .layer(batch)
        .layer(route)
        .layer(limit)
        .service(upstream);
    let ask = async |number: u32| {
        for method in [Method::GET, Method::POST] {
            let request = Request::builder()
                .method(method)
                .uri(format!("http://h{number}.example/p{number}?q={number}"))
                .header("user-agent", format!("agent-{number}"))
                .header("authorization", format!("Bearer {number}"))
                .extension(Tenant::from(format!("tenant-{number}")));
            let request = request.body(Full::<Bytes>::default()).expect("a request");
            let response = service.clone().oneshot(request).await.expect("an answer");
            let _ = response.into_body().collect().await;
        }
    };
    ask(0).await;
    reporter.publish();
    let before = series(&snapshotter);
    for number in 1..=FLOOD {
        ask(number).await;
    }
    reporter.publish();
    let after = series(&snapshotter);
    assert_eq!(before, after);
    assert!(after.len() > 100, "{}", after.len());
    let name = |series: &&String| series.contains("tenant") && series.contains('0');
    assert_eq!(after.iter().find(name), None);
}

#[tokio::test(start_paused = true)]
async fn series_of_a_cache_have_the_numbers_of_its_statistics() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let reporter = MetricsReporter::with_recorder(recorder);
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).rule("path=/** ttl=1m");
    let cache = cache.build().expect("valid settings");
    reporter.add("api", cache.clone());
    let (upstream, _) = Scripted::answering(|_| {
        Reply::respond(http::Response::new(ScriptedBody::new().data("1").sized()))
    });
    let service = ServiceBuilder::new().layer(cache).service(upstream);
    for path in ["/a", "/a", "/b", "/a", "/a"] {
        let request = Request::get(format!("http://shop.example{path}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = service.clone().oneshot(request).await.expect("an answer");
        let _ = response.into_body().collect().await;
    }
    reporter.publish();
    let all: BTreeMap<_, _> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, .., value)| {
            let labels = key.key().labels().filter(|label| label.key() != "name");
            let labels: Vec<_> = labels.map(|label| label.value().to_owned()).collect();
            (format!("{}{labels:?}", key.key().name()), value)
        })
        .collect();
    for (series, count) in [
        ("scrimp_cache_requests_total[]", 5),
        (r#"scrimp_cache_answers_total["hit"]"#, 3),
        (r#"scrimp_cache_answers_total["miss"]"#, 2),
        ("scrimp_cache_calls_total[]", 2),
        ("scrimp_cache_stored_total[]", 2),
        (r#"scrimp_cache_store_look_ups_total["found"]"#, 3),
        (r#"scrimp_cache_store_look_ups_total["missing"]"#, 2),
    ] {
        let found = all.get(series);
        assert_eq!(found, Some(&DebugValue::Counter(count)), "{series}");
    }
    let entries = all.get("scrimp_cache_entries[]");
    assert_eq!(entries, Some(&DebugValue::Gauge(2.0.into())));
}
