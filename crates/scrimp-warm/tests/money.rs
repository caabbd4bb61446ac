//! Limits on calls and money.

mod rig;

use rig::{Rig, page, response, targets};
use scrimp_core::{Currency, extensions::Charge};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Tariff};
use scrimp_testkit::{Gate, Reply, Scripted};
use scrimp_warm::{StopReason, Warmer};
use tower::Layer;

type Body = http_body_util::Full<bytes::Bytes>;

#[tokio::test]
async fn the_number_of_calls_is_never_exceeded_and_hits_are_no_calls() {
    let rig = Rig::new();
    rig.warm(Warmer::builder(), 10).await;
    let report = rig
        .warm(Warmer::builder().max_calls(7).concurrency(64), 700)
        .await;
    assert_eq!((report.fresh, report.calls, report.left), (10, 7, 683));
    assert_eq!(report.stopped, Some(StopReason::Calls));
    assert_eq!(rig.upstream.calls(), 17);
}

#[tokio::test]
async fn the_budget_is_never_exceeded_however_many_calls_are_in_flight() {
    let gate = Gate::new();
    let held = gate.clone();
    let rig = Rig::answering(move |parts| page(parts).gate(&held));
    let builder = Warmer::builder()
        .concurrency(64)
        .price("0.01")
        .budget("0.055");
    let warmer = builder.build().unwrap();
    let targets = targets(500);
    let run = rig.run(&warmer, &targets);
    let watch = async {
        while rig.upstream.in_flight() < 5 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (report, ()) = tokio::join!(run, watch);
    assert_eq!((report.calls, report.left), (5, 495));
    assert_eq!(report.cost.to_string(), "$0.05");
    assert_eq!(report.stopped, Some(StopReason::Budget));
}

#[tokio::test]
async fn a_charge_counts_instead_of_the_price() {
    let rig = Rig::answering(|parts| {
        let mut response = response(parts, 200, &[("cache-control", "max-age=60")]);
        response
            .extensions_mut()
            .insert(Charge("0.03".parse().unwrap()));
        Reply::respond(response)
    });
    let builder = Warmer::builder()
        .concurrency(1)
        .price("0.01")
        .budget("0.08");
    let report = rig.warm(builder, 10).await;
    // The third call could cost its price, 0.01, and costs 0.03.
    assert_eq!(
        (report.calls, report.cost.to_string()),
        (3, "$0.09".to_owned())
    );
    assert_eq!(report.stopped, Some(StopReason::Budget));
}

#[tokio::test]
async fn a_budget_of_the_router_that_is_used_up_ends_the_run() {
    let provider = Provider::new("only")
        .endpoint("https://only.test")
        .price(Tariff::new(Currency::USD).per_request("0.01"));
    let budget = Budget::new([Cap::new("day", "0.05", Period::Day)]);
    let route = CostRouteLayer::builder([provider]).budget(budget);
    let (scripted, upstream) = Scripted::answering(page);
    let cache = scrimp_cache::CacheLayer::new(scrimp_cache::MemoryStore::new(1 << 20));
    let stack = cache.layer(route.build().unwrap().layer(scripted));
    let warmer = Warmer::builder().concurrency(1).build().unwrap();
    let report = warmer.run::<_, Body>(stack, &targets(20)).await.unwrap();
    assert_eq!(report.stopped, Some(StopReason::Refused));
    assert_eq!(report.calls as usize, upstream.calls());
    // A tenth of the cap stays for callers.
    assert_eq!(
        (report.cost.to_string(), report.refused),
        ("$0.04".to_owned(), 1)
    );
    assert_eq!(report.left, 16);
}
