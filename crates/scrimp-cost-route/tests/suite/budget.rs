//! Money: reserved, settled, refused.

use crate::common;

use common::{Answer, Rig, by_token, cents, get, ok, provider};
use futures_util::future::join_all;
use http::{Request, StatusCode};
use scrimp_core::{
    Currency, Ledger,
    extensions::{Directive, Tenant},
};
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, CostRouteLayerBuilder, Hints, Period, Price, Provider, Scope,
    Tariff, Usage,
};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tower::ServiceExt;

fn capped(cap: Cap) -> (Budget, CostRouteLayerBuilder) {
    let budget = Budget::new([cap]);
    let layer = CostRouteLayer::builder([provider("a", 1)]).budget(budget.clone());
    (budget, layer)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_never_overspend_a_strict_cap() {
    let gate = Gate::new();
    let (budget, layer) = capped(Cap::new("day", cents(137), Period::Day));
    let rig = Rig::new(&layer.strict(Usage::default()).build().unwrap(), {
        let gate = gate.clone();
        move |_| ok("fine").gate(&gate)
    });
    let calls = (0..1_000).map(|_| rig.get());
    let (answers, ()) = tokio::join!(join_all(calls), async {
        tokio::task::yield_now().await;
        gate.open();
    });
    let served = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK);
    assert_eq!((served.count(), rig.upstream.calls()), (137, 137));
    assert_eq!(budget.snapshot()[0].spent, cents(137));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_which_cap_and_when_it_starts_anew() {
    let (_, layer) =
        capped(Cap::new("tenants-per-day", cents(1), Period::Day).tenants(Scope::Each));
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    let ask = |tenant: &str| {
        let mut request = get();
        request.extensions_mut().insert(Tenant(tenant.into()));
        rig.send(request)
    };
    assert_eq!(ask("acme").await.status, StatusCode::OK);
    let refused: Answer = ask("acme").await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert!(refused.headers.contains_key("retry-after"));
    let problem = refused.json();
    assert_eq!(problem["type"], "urn:scrimp:cost-route:budget");
    assert_eq!(problem["cap"], "tenants-per-day");
    assert_eq!(problem["limit"], "$0.01");
    assert!(problem["resets"].as_str().unwrap().ends_with("GMT"));
    assert_eq!(ask("other").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_call_ahead_of_time_is_refused_before_those_of_callers() {
    let (_, layer) = capped(Cap::new("day", cents(10), Period::Day));
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    let ahead = || {
        let mut request = get();
        request.extensions_mut().insert(Directive::Prefetch);
        rig.send(request)
    };
    for _ in 0..9 {
        assert_eq!(ahead().await.status, StatusCode::OK);
    }
    let refused = ahead().await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(refused.json()["type"], "urn:scrimp:cost-route:budget");
    assert_eq!(rig.get().await.status, StatusCode::OK);
    assert_eq!(rig.get().await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(rig.upstream.calls(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_cap_may_answer_429() {
    let (_, layer) = capped(Cap::new("m", cents(0), Period::Minute).too_many_requests());
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    assert_eq!(rig.get().await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rig.upstream.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_runs_low_is_served_by_who_is_cheaper_and_then_refused() {
    let budget = Budget::new([Cap::new("day", cents(12), Period::Day).degrade()]);
    let layer = CostRouteLayer::builder([
        provider("dear", 10).quality(1.0),
        provider("cheap", 1).quality(0.0),
    ])
    .score(scrimp_cost_route::Score::Weighted(quality_first()))
    .budget(budget)
    .build()
    .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let mut asked = Vec::new();
    for _ in 0..4 {
        let answer = rig.get().await;
        asked.push((answer.status.as_u16(), answer.from().to_owned()));
    }
    let expected = [(200, "dear"), (200, "cheap"), (200, "cheap"), (402, "")];
    assert_eq!(
        asked,
        expected.map(|(status, name)| (status, name.to_owned()))
    );
}

fn quality_first() -> scrimp_cost_route::Weights {
    let weight = scrimp_cost_route::Weight {
        cost: 0.0,
        latency: 0.0,
        quality: 1.0,
        reliability: 0.0,
    };
    scrimp_cost_route::Weights {
        high: weight,
        default: weight,
        low: weight,
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_own_cap_is_used_up_is_passed_over() {
    let cap = Cap::new("a-only", cents(1), Period::Day).providers(Scope::Only("a".into()));
    let layer = CostRouteLayer::builder([provider("a", 1), provider("b", 5)])
        .budget(Budget::new([cap]))
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    assert_eq!(rig.get().await.from(), "a");
    assert_eq!(rig.get().await.from(), "b");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_paid_as_the_answer_says_they_were_used() {
    let budget = Budget::new([Cap::new("day", cents(10_000), Period::Day)]);
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([by_token("llm")])
        .budget(budget.clone())
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| {
        let stream = ScriptedBody::new()
            .data("data: {\"choices\":[]}\n\nda")
            .data("ta: {\"usage\":{\"prompt_tokens\":100,\"completion_tok")
            .data("ens\":7}}\n\ndata: [DONE]\n\n");
        Reply::body(stream)
    });
    let mut request = Request::post("/chat").body("hello, model".into()).unwrap();
    request.extensions_mut().insert(Hints::new().route("chat"));
    rig.send(request).await;
    // 100 × 0.1 ¢ + 7 × 1 ¢
    assert_eq!(budget.snapshot()[0].spent, cents(17));
    let lines = ledger.lines();
    assert_eq!((&*lines[0].route, lines[0].spent), ("chat", cents(17)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_left_is_paid_by_what_was_seen_of_it() {
    let budget = Budget::new([Cap::new("day", cents(10_000), Period::Day)]);
    let layer = CostRouteLayer::builder([by_token("llm")])
        .budget(budget.clone())
        .build()
        .unwrap();
    let gate = Gate::new();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        move |_| {
            let events = "data: {\"t\":1}\n\ndata: {\"t\":2}\n\ndata: {\"t\":3}\n\n";
            Reply::body(ScriptedBody::new().data(events).gate(&gate).data("never"))
        }
    });
    // 40 bytes count as 10 tokens.
    let request = Request::post("/chat").body(vec![b'x'; 40].into()).unwrap();
    let mut body = rig.open(request).await.unwrap().into_body();
    http_body_util::BodyExt::frame(&mut body)
        .await
        .unwrap()
        .unwrap();
    drop(body);
    // 10 × 0.1 ¢ for the prompt and 3 × 1 ¢ for the tokens received.
    assert_eq!(budget.snapshot()[0].spent, cents(4));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_is_paid_by_what_was_seen_of_it_and_counts_as_a_failure() {
    let budget = Budget::new([Cap::new("day", cents(10_000), Period::Day)]);
    let layer = CostRouteLayer::builder([by_token("llm")])
        .budget(budget.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| {
        let events = "data: {\"t\":1}\n\ndata: {\"t\":2}\n\ndata: {\"t\":3}\n\n";
        Reply::body(ScriptedBody::new().data(events).error("reset"))
    });
    let request = Request::post("/chat").body(vec![b'x'; 40].into()).unwrap();
    let body = rig.open(request).await.unwrap().into_body();
    assert!(http_body_util::BodyExt::collect(body).await.is_err());
    assert_eq!(budget.snapshot()[0].spent, cents(4));
    let reliability = layer.figures().json()["providers"][0]["reliability"].as_f64();
    assert!(
        reliability.is_some_and(|share| share < 0.9),
        "{reliability:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_not_paid() {
    let (budget, layer) = capped(Cap::new("day", cents(10), Period::Day));
    let rig = Rig::new(&layer.attempts(1).build().unwrap(), |_| common::status(500));
    rig.get().await;
    assert_eq!(budget.snapshot()[0].spent, cents(0));
    assert!(
        budget.reserve(cents(10), "", "a", "").is_ok(),
        "nothing stays reserved"
    );
}

#[tokio::test(start_paused = true)]
async fn a_strict_budget_has_no_room_for_unknown_prices() {
    let budget = Budget::new([Cap::new("day", cents(10), Period::Day)]);
    let unknown = Provider::new("u").price(Price::Unknown);
    let layer = CostRouteLayer::builder([unknown])
        .budget(budget)
        .unknown_prices(true)
        .strict(Usage::default())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let answer = rig.get().await;
    assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:unpriced");
    assert_eq!(rig.upstream.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_that_leave_keep_nothing_reserved() {
    let (budget, layer) = capped(Cap::new("day", cents(1_000_000), Period::Day));
    let gate = Gate::new();
    let rig = Rig::new(&layer.build().unwrap(), {
        let gate = gate.clone();
        move |_| ok("fine").gate(&gate)
    });
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let service = rig.service.clone();
            tokio::spawn(async move { service.oneshot(get()).await.is_ok() })
        })
        .collect();
    while rig.upstream.calls() < 10_000 {
        tokio::task::yield_now().await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    for task in tasks {
        assert!(task.await.is_err());
    }
    assert_eq!(rig.upstream.in_flight(), 0);
    // Each call was begun, so each is paid. The rest of the budget can be reserved.
    let spent = budget.snapshot()[0].spent;
    assert_eq!(spent, cents(10_000));
    assert!(budget.reserve(cents(990_000), "", "a", "").is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_paid_in_yen_counts_to_a_cap_in_dollars_at_its_worth() {
    let yen = Currency::new("JPY").unwrap();
    let by_size = Tariff::new(yen).per_kib_out("1024 JPY");
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let layer = CostRouteLayer::builder([provider("jp", 0).price(by_size)])
        .budget(budget.clone())
        .exchange_rate(yen, "0.01 USD")
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("1234"));
    // The cost is known only with the response: four yen, not four dollars.
    rig.get().await;
    assert_eq!(budget.snapshot()[0].spent, cents(4));
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_prices_a_cap_cannot_be_compared_with_does_not_get_in() {
    let yen = Currency::new("JPY").unwrap();
    let by_size = Tariff::new(yen).per_kib_out("1024 JPY");
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let layer = CostRouteLayer::builder([provider("us", 90)])
        .budget(budget.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("1234"));
    let refused = layer.providers().put(provider("jp", 0).price(by_size));
    let says = refused.unwrap_err().to_string();
    assert!(says.contains("leads from JPY to USD"), "{says}");
    assert_eq!(rig.get().await.from(), "us");
    layer.providers().remove("us");
    let answer = rig.get().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:none-left");
    assert_eq!(budget.snapshot()[0].spent, cents(90));
}

#[test]
fn invented_tenants_whose_calls_cost_nothing_lock_no_new_tenant_out() {
    let budget = Budget::new([Cap::new("day", "1", Period::Day).tenants(Scope::Each)]);
    let cent = cents(1);
    for n in 0..200_000 {
        let tenant = format!("invented {n}");
        let reserved = budget.reserve(cent, &tenant, "provider", "/");
        reserved.expect("there is room").release();
    }
    assert!(budget.snapshot().len() <= 100_000);
    let honest = budget.reserve(cent, "honest", "provider", "/").unwrap();
    honest.settle(cent).unwrap();
    for n in 0..200_000 {
        let tenant = format!("later {n}");
        drop(budget.reserve(cent, &tenant, "provider", "/"));
    }
    let spent = budget.snapshot().into_iter();
    let spent: Vec<_> = spent.filter(|line| !line.spent.is_zero()).collect();
    assert_eq!(spent.len(), 1, "what a tenant has spent still counts");
}
