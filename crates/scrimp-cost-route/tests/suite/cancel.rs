//! Callers may leave at any time, and the router learns from that too.

use crate::common;

use std::time::Duration;

use common::{Rig, get, ok, provider};
use scrimp_cost_route::CostRouteLayer;
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_on_a_slow_provider_teaches_the_router_that_it_is_slow() {
    let layer = CostRouteLayer::builder([provider("cheap", 1), provider("dear", 2)])
        .explore(false)
        .timeout(Duration::from_secs(3_600))
        .build()
        .unwrap();
    let gate = Gate::new();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        move |host| {
            if host == "cheap" {
                ok("never").gate(&gate)
            } else {
                ok("fine")
            }
        }
    });
    let call = tokio::time::timeout(Duration::from_secs(60), rig.get());
    assert!(call.await.is_err());
    assert_eq!(rig.get().await.from(), "dear");
    assert_eq!(rig.upstream.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_within_a_body_gives_its_place_back() {
    let layer = CostRouteLayer::builder([provider("a", 1).concurrency(1)])
        .build()
        .unwrap();
    let gate = Gate::new();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("first").gate(&gate).data("second"))
    });
    for _ in 0..5 {
        let response = rig.open(get()).await.unwrap();
        assert!(response.status().is_success());
        drop(response);
    }
    assert_eq!(rig.upstream.calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_between_two_attempts_leaves_nothing() {
    let layer = CostRouteLayer::builder([
        provider("a", 1).concurrency(1),
        provider("b", 2).concurrency(1),
    ])
    .build()
    .unwrap();
    let gate = Gate::new();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        move |host| {
            if host == "a" {
                common::status(500)
            } else {
                ok("late").gate(&gate)
            }
        }
    });
    for _ in 0..20 {
        let service = rig.service.clone();
        let call = tokio::time::timeout(Duration::from_millis(1), service.oneshot(get()));
        assert!(call.await.is_err());
    }
    assert_eq!(rig.upstream.in_flight(), 0);
    gate.open();
    assert_eq!(&*rig.get().await.body, b"late");
}
