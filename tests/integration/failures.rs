//! Failed calls count alike in all layers of one stack.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp::{
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    cdn::{Cdn, CdnLayer},
    coalesce::CoalesceLayer,
    core::metrics::MetricsReporter,
    cost_route::{CostRouteLayer, Provider},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};

/// Ends of a call, and whether the call failed.
const ENDS: [(&str, bool); 5] = [
    ("200", false),
    ("404", false),
    ("500", true),
    ("503", true),
    ("error", true),
];

#[tokio::test(start_paused = true)]
async fn a_failed_call_is_one_in_every_layer_of_a_stack() {
    let calls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&calls);
    let (upstream, _) = Scripted::answering(move |parts| {
        counted.fetch_add(1, SeqCst);
        let Ok(status) = parts.uri.path()[1..].parse::<StatusCode>() else {
            return Reply::error("reset");
        };
        let mut response = http::Response::new(ScriptedBody::new().data("1").sized());
        *response.status_mut() = status;
        Reply::respond(response)
    });
    let cdn = CdnLayer::builder([Cdn::Fastly])
        .build()
        .expect("valid settings");
    let (stampede, coalesce) = (StampedeLayer::new(), CoalesceLayer::new());
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let batch = BatchLayer::builder(RestJson::new("/batch"))
        .build()
        .expect("valid settings");
    let route = CostRouteLayer::builder([Provider::new("one").price("0.01")]);
    let route = route.build().expect("valid settings");
    let limit = LimitLayer::per_second(1_000)
        .build()
        .expect("valid settings");
    let service = ServiceBuilder::new()
        .layer(cdn.clone())
        .layer(stampede.clone())
        .layer(cache.clone())
        .layer(coalesce.clone())
        .layer(batch.clone())
        .layer(route.clone())
        .layer(limit.clone())
        .service(upstream);
    let figures = || -> [(&str, Value); 7] {
        [
            ("cdn", json!(cdn.stats())),
            ("stampede", json!(stampede.stats())),
            ("cache", json!(cache.stats())),
            ("coalesce", json!(coalesce.stats())),
            ("batch", json!(batch.stats())),
            ("cost-route", json!(route.stats())),
            ("limit", json!(limit.stats())),
        ]
    };
    let failed = |figures: &[(&str, Value); 7]| {
        figures
            .clone()
            .map(|(layer, figures)| (layer.to_owned(), figures["failed"].as_u64()))
    };
    for (end, fails) in ENDS {
        let (before, made) = (failed(&figures()), calls.load(SeqCst));
        let request = Request::get(format!("http://api.example.com/{end}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        if let Ok(response) = service.clone().oneshot(request).await {
            let _ = response.into_body().collect().await;
        }
        assert_eq!(calls.load(SeqCst), made + 1, "{end}");
        for ((layer, before), (_, after)) in before.iter().zip(failed(&figures())) {
            let more = after.expect("a count") - before.expect("a count");
            assert_eq!(more, u64::from(fails), "{layer}: {end}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_has_no_room_has_failed_for_every_layer_around_it() {
    let (upstream, _) = Scripted::answering(|_| {
        let mut response = http::Response::new(ScriptedBody::new().sized());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        Reply::respond(response)
    });
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let route = CostRouteLayer::builder([Provider::new("one").price("0.01")]);
    let route = route.build().expect("valid settings");
    let service = ServiceBuilder::new()
        .layer(cache.clone())
        .layer(route.clone());
    let request = Request::get("http://api.example.com/").body(Full::<Bytes>::default());
    let response = service
        .service(upstream)
        .oneshot(request.expect("a request"))
        .await;
    assert_eq!(
        response.expect("an answer").status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!((route.stats().failed, cache.stats().failed), (1, 1));
}

#[test]
fn layers_of_one_name_and_of_different_kinds_can_be_reported_together() {
    let reporter = MetricsReporter::new();
    reporter.add("api", CoalesceLayer::new());
    reporter.add("api", StampedeLayer::new());
    let names = reporter.metrics();
    for name in [
        "scrimp_coalesce_failed_calls_total",
        "scrimp_stampede_failed_calls_total",
    ] {
        assert!(names.iter().any(|metric| metric.name() == name), "{name}");
    }
}
