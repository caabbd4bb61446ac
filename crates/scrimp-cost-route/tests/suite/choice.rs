//! The choice of a provider, and its reason.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Rig, by_token, cents, get, ok, provider, two};
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use scrimp_core::extensions::{Apart, Carried, Charge, Directive, Explain, Priority};
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, Filters, Hints, Period, Reason, Score, TokenClass, Usage, Weights,
};
use scrimp_testkit::Gate;

#[tokio::test(start_paused = true)]
async fn each_choice_is_explained_to_who_asks() {
    let rig = Rig::new(&two().build().unwrap(), |_| ok("fine"));
    let mut request = get();
    request.extensions_mut().insert(Explain);
    let response = rig.open(request).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Charge(cents(1))));
    let decision: &scrimp_cost_route::RouteDecision = response.extensions().get().unwrap();
    assert_eq!(
        (&*decision.provider, decision.reason),
        ("cheap", Reason::Best)
    );
    let names: Vec<_> = decision
        .candidates
        .iter()
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(names, ["cheap", "dear"]);
    let [cheap, dear] = [0, 1].map(|n| decision.candidates[n].1);
    assert!(cheap.score < dear.score && dear.cost == Some(cents(5)));
    assert_eq!(decision.score, cheap.score);
}

#[tokio::test(start_paused = true)]
async fn the_set_of_providers_may_change_while_requests_are_under_way() {
    let gate = Gate::new();
    let layer = two().build().unwrap();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        move |host| {
            if host == "cheap" {
                ok("fine").gate(&gate)
            } else {
                ok("fine")
            }
        }
    });
    let providers = layer.providers();
    let change = async {
        tokio::task::yield_now().await;
        assert!(providers.remove("cheap"));
        providers.put(provider("cheaper", 0)).unwrap();
        assert_eq!(rig.get().await.from(), "cheaper");
        gate.open();
    };
    let (under_way, ()) = tokio::join!(rig.get(), change);
    assert_eq!(under_way.from(), "cheap");
    assert!(!providers.remove("cheap"));
    providers.remove("cheaper");
    providers.remove("dear");
    let none = rig.get().await;
    assert_eq!(none.json()["type"], "urn:scrimp:cost-route:none-left");
}

#[tokio::test(start_paused = true)]
async fn a_full_provider_is_passed_over_until_a_body_has_ended() {
    let layer = CostRouteLayer::builder([provider("cheap", 1).concurrency(1), provider("dear", 5)])
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let first = rig.open(get()).await.unwrap();
    assert_eq!(rig.get().await.from(), "dear");
    first.into_body().collect().await.unwrap();
    assert_eq!(rig.get().await.from(), "cheap");
}

#[tokio::test(start_paused = true)]
async fn quotas_hold_by_the_minute() {
    let few = provider("cheap", 1).requests_per_minute(2);
    let rig = Rig::new(
        &CostRouteLayer::builder([few, provider("dear", 5)])
            .explore(false)
            .build()
            .unwrap(),
        |_| ok("fine"),
    );
    let mut from = Vec::new();
    for _ in 0..3 {
        from.push(rig.get().await.from().to_owned());
    }
    assert_eq!(from, ["cheap", "cheap", "dear"]);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(rig.get().await.from(), "cheap");
}

#[tokio::test(start_paused = true)]
async fn tokens_per_minute_count_what_a_request_is_expected_to_use() {
    let few = provider("cheap", 1).tokens_per_minute(1_000);
    let rig = Rig::new(
        &CostRouteLayer::builder([few, provider("dear", 5)])
            .build()
            .unwrap(),
        |_| ok("fine"),
    );
    let ask = |tokens| {
        let mut request = get();
        let usage = Usage::text(tokens, 1);
        request.extensions_mut().insert(Hints::new().usage(usage));
        rig.send(request)
    };
    assert_eq!(ask(5_000).await.from(), "dear", "more than a minute has");
    assert_eq!(ask(900).await.from(), "cheap");
    assert_eq!(ask(900).await.from(), "dear");
}

#[tokio::test(start_paused = true)]
async fn tags_and_filters_narrow_the_choice() {
    let layer = CostRouteLayer::builder([
        provider("cheap", 1).quality(0.5),
        provider("eu", 5).tag("eu").quality(0.95),
        provider("best", 9).quality(0.99),
    ])
    .build()
    .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let ask = |hints: Hints| {
        let mut request = get();
        request.extensions_mut().insert(hints);
        rig.send(request)
    };
    assert_eq!(ask(Hints::new().tag("eu")).await.from(), "eu");
    let good = Filters::new().min_quality(0.9);
    assert_eq!(ask(Hints::new().filters(good.clone())).await.from(), "eu");
    let impossible = good.max_price("0.0001");
    let refused = ask(Hints::new().filters(impossible)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        refused.json()["type"],
        "urn:scrimp:cost-route:none-good-enough"
    );
    assert_eq!(
        ask(Hints::new().tag("moon")).await.json()["type"],
        "urn:scrimp:cost-route:none-left"
    );
}

#[tokio::test(start_paused = true)]
async fn priority_decides_what_time_is_worth() {
    for score in [Score::default(), Score::Weighted(Weights::default())] {
        let layer = CostRouteLayer::builder([
            provider("slow", 1).latency(Duration::from_secs(8)),
            provider("fast", 3).latency(Duration::from_millis(500)),
        ])
        .score(score)
        .explore(false)
        .build()
        .unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        let ask = |priority: Priority| {
            let mut request = get();
            request.extensions_mut().insert(priority);
            rig.send(request)
        };
        assert_eq!(ask(Priority::High).await.from(), "fast");
        assert_eq!(ask(Priority::Low).await.from(), "slow");
        let mut ahead = get();
        ahead.extensions_mut().insert(Priority::High);
        ahead.extensions_mut().insert(Directive::Prefetch);
        assert_eq!(rig.send(ahead).await.from(), "slow");
    }
}

#[tokio::test(start_paused = true)]
async fn hints_may_say_any_number() {
    let by_token = [by_token("a"), provider("b", 1)];
    let budget = Budget::new([Cap::new("day", "1", Period::Day)]);
    let layer = CostRouteLayer::builder(by_token)
        .budget(budget)
        .strict(most());
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    let mut request = get();
    request.extensions_mut().insert(Hints::new().usage(most()));
    assert_eq!(rig.send(request).await.from(), "b");
}

/// Returns the highest usage that can be counted.
fn most() -> Usage {
    TokenClass::ALL
        .into_iter()
        .fold(Usage::bytes(u64::MAX, u64::MAX), |usage, class| {
            usage.with(class, u64::MAX)
        })
}

/// Returns a request that carries others with these hints.
fn carrying(hints: impl IntoIterator<Item = Hints>) -> http::Request<Full<Bytes>> {
    let each = hints.into_iter().map(|hints| {
        let mut extensions = http::Extensions::new();
        extensions.insert(hints);
        extensions
    });
    let mut request = get();
    // Those of the first caller, as a batch has them.
    let each: Vec<_> = each.collect();
    *request.extensions_mut() = each[0].clone();
    request.extensions_mut().insert(Carried(each.into()));
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_that_carries_others_gets_a_provider_that_each_of_them_may_have() {
    let providers = [
        provider("cheap", 1),
        provider("eu", 2).tag("eu"),
        provider("both", 5).tag("eu").tag("fast"),
    ];
    let layer = CostRouteLayer::builder(providers).explore(false);
    let layer = layer.build().unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let hints = Hints::new;
    let from = async |all: [Hints; 2]| rig.send(carrying(all)).await.from().to_owned();
    assert_eq!(from([hints(), hints()]).await, "cheap");
    assert_eq!(from([hints(), hints().tag("eu")]).await, "eu");
    assert_eq!(from([hints().tag("fast"), hints().tag("eu")]).await, "both");
    let strict = |price: &str| hints().filters(Filters::new().max_price(price));
    for impossible in [
        [hints(), hints().tag("moon")],
        [strict("0.01"), hints().tag("eu")],
        [hints().model("a"), hints().model("b")],
        [hints().route("chat"), hints()],
    ] {
        let response = rig.open(carrying(impossible)).await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.extensions().get::<Apart>().is_some());
    }
    // They all want the same, so that one by one they would not fare better.
    let alike = [hints().tag("moon"), hints().tag("moon")];
    let response = rig.open(carrying(alike)).await.unwrap();
    assert!(response.extensions().get::<Apart>().is_none());
    assert_eq!(layer.stats().refused.mixed, 2);
}

#[tokio::test(start_paused = true)]
async fn the_usage_of_a_request_that_carries_others_is_the_sum_of_theirs() {
    let usage = |tokens| Hints::new().usage(Usage::text(tokens, 10));
    let cost = async |mut request: http::Request<Full<Bytes>>| {
        let layer = CostRouteLayer::builder([by_token("llm")]).build().unwrap();
        request.extensions_mut().insert(Explain);
        let rig = Rig::new(&layer, |_| ok("fine"));
        rig.send(request).await.decision.unwrap().candidates[0]
            .1
            .cost
    };
    let mut whole = get();
    whole
        .extensions_mut()
        .insert(usage(3_000).usage(Usage::text(3_000, 20)));
    let together = cost(carrying([usage(1_000), usage(2_000)])).await;
    assert_eq!(together, cost(whole).await);
}
