//! The statistics of a layer.

use crate::common;

use bytes::Bytes;
use common::{Rig, by_token, get, ok, provider, status, two};
use http::Request;
use http_body_util::Full;
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, CostRouteStats, Filters, Hints, MinLength, Period, Price,
    Provider, Usage,
};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use serde_json::{Value, json};

/// Compares a layer's statistics with `expected`, which omits zeros.
fn told(stats: &CostRouteStats, expected: &Value) {
    let mut all = serde_json::to_value(CostRouteStats::default()).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        match value.as_object() {
            Some(parts) => {
                let fields = parts.iter().map(|(name, value)| (name, value.clone()));
                fields.for_each(|(part, value)| all[name][part] = value);
            }
            None => all[name] = value.clone(),
        }
    }
    assert_eq!(serde_json::to_value(stats).unwrap(), all);
}

#[tokio::test(start_paused = true)]
async fn requests_calls_and_costs_are_counted_by_what_became_of_them() {
    let yen = provider("down", 0).price("3 JPY");
    let layer = CostRouteLayer::builder([yen, provider("up", 5)])
        .exchange_rate(common::yen(), "0.007")
        .explore(false)
        .build()
        .unwrap();
    let rig = Rig::new(&layer.clone(), |host| match host {
        "down" => status(500),
        _ => ok("fine"),
    });
    assert_eq!(layer.stats(), CostRouteStats::default());
    rig.get().await;
    let body = rig.open(get()).await.unwrap();
    let begun = json!({
        "requests": 2, "calls": 4, "failed": 2, "failovers": 2, "succeeded": 1,
        "spent": ["0.05 USD"],
    });
    told(&layer.stats(), &begun);
    drop(body);
    let ended = json!({
        "requests": 2, "calls": 4, "failed": 2, "failovers": 2, "succeeded": 1, "cancelled": 1,
        "spent": ["0.10 USD"],
    });
    told(&layer.stats(), &ended);
    let figures = layer.figures().json();
    assert_eq!(figures["stats"]["spent"], ended["spent"]);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_under_their_reasons() {
    let refused =
        async |builder: scrimp_cost_route::CostRouteLayerBuilder, request, reply: fn() -> Reply| {
            let layer = builder.build().unwrap();
            let rig = Rig::new(&layer, move |_| reply());
            let answer = rig.send(request).await;
            let problem = answer.json();
            let kind = problem["type"].as_str().unwrap();
            let reason = kind.rsplit(':').next().unwrap().replace('-', "_");
            let stats = layer.stats();
            let counted = serde_json::to_value(stats.refused).unwrap();
            for (name, count) in counted.as_object().unwrap() {
                assert_eq!(
                    *count,
                    json!(i32::from(*name == reason)),
                    "{name} for {reason}"
                );
            }
            assert_eq!(stats.requests, 1, "{reason}");
            assert_eq!(stats.calls, rig.upstream.calls() as u64, "{reason}");
        };
    let fine = || ok("fine");
    let hinted = |hints: Hints| {
        let mut request = get();
        request.extensions_mut().insert(hints);
        request
    };
    let most = |price: &str| Filters::new().max_price(price);
    let budget = || Budget::new([Cap::new("day", "0", Period::Day)]);
    let unknown = CostRouteLayer::builder([Provider::new("a").price(Price::Unknown)]);
    refused(two(), hinted(Hints::new().filters(most("0.001"))), fine).await;
    refused(two(), hinted(Hints::new().tag("moon")), fine).await;
    refused(two(), hinted(Hints::new().filters(most("1 JPY"))), fine).await;
    refused(two(), hinted(Hints::new().filters(most("a lot"))), fine).await;
    refused(two().attempts(1), get(), || ok("late").gate(&Gate::new())).await;
    refused(two().budget(budget()), get(), fine).await;
    refused(
        unknown
            .budget(budget())
            .unknown_prices(true)
            .strict(Usage::default()),
        get(),
        fine,
    )
    .await;
    let at = CostRouteLayer::builder([provider("a", 1).endpoint("http://a/version-1")]);
    let long = format!("http://b/{}", "x".repeat(65_534 - "http://b/".len()));
    let long = Request::get(long).body(Full::<Bytes>::default()).unwrap();
    refused(at, long, fine).await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_a_gate_rejects_and_calls_of_unknown_cost_are_counted() {
    let unknown = Provider::new("a").endpoint("http://a");
    let layer = CostRouteLayer::builder([unknown, by_token("b")])
        .quality_gate(MinLength(10))
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| match host {
        "b" => ok("short"),
        _ => Reply::body(ScriptedBody::new().data("long enough")),
    });
    assert_eq!(rig.get().await.from(), "a");
    let stats = layer.stats();
    assert_eq!((stats.rejected, stats.unpriced, stats.failovers), (1, 1, 1));
    assert!(stats.spent.is_zero(), "no tokens were used: {stats:?}");
}
