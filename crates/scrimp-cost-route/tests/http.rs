//! Providers, choosing between them, and telling why.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Rig, cents, get, ok, provider, status};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::{
    Currency, Money,
    extensions::{Charge, Deadline, Explain, Priority},
};
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, CostRouteLayerBuilder, Filters, Hints, MinLength, Miss, Period,
    Price, Provider, Reason, RequiredFields, Score, Scored, Stake, Stakes, Tariff, TokenClass,
    Usage, Verdict, Weights,
};
use scrimp_testkit::{Gate, Reply, Scripted};
use tower::ServiceExt;

fn two() -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider("cheap", 1), provider("dear", 5)]).explore(false)
}

#[tokio::test(start_paused = true)]
async fn a_request_is_made_its_providers_own() {
    let dressed = provider("api.example.com", 1)
        .endpoint("https://api.example.com/v2/")
        .bearer("secret")
        .header("user-agent", "scrimp")
        .map(|parts, body| {
            parts
                .headers
                .insert("x-model", HeaderValue::from_static("small"));
            [&body[..], b"!"].concat().into()
        });
    let shown = format!("{dressed:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("scrimp"),
        "{shown}"
    );
    let rig = Rig::new(&CostRouteLayer::builder([dressed]).build().unwrap(), |_| {
        ok("fine")
    });
    let request = Request::post("http://old.example.org/things?x=1")
        .header("authorization", "Bearer the caller's")
        .header("host", "old.example.org")
        .header("content-length", "2")
        .body(Full::from("hi"))
        .unwrap();
    rig.send(request).await;
    let seen = &rig.upstream.requests()[0];
    assert_eq!(seen.uri, "https://api.example.com/v2/things?x=1");
    assert_eq!(seen.headers["authorization"], "Bearer secret");
    assert_eq!(seen.headers["x-model"], "small");
    assert_eq!(seen.headers["content-length"], "3");
    assert!(!seen.headers.contains_key("host"));
}

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
    let nobody = rig.get().await;
    assert_eq!(nobody.json()["reason"], "none-left");
}

#[tokio::test(start_paused = true)]
async fn each_provider_may_have_a_service_of_its_own() {
    let layer = CostRouteLayer::builder([Provider::new("a").price(Price::Free)])
        .build()
        .unwrap();
    let (client, upstream) = Scripted::answering(|_| ok("from a"));
    let service = layer.services(move |_| client.clone());
    let response = service.oneshot(get()).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "from a"
    );
    assert_eq!(upstream.requests()[0].uri, "/thing");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_not_ready_holds_up_nobody_else() {
    let layer = two().timeout(Duration::from_secs(2)).build().unwrap();
    let (cheap, cheap_end) = Scripted::answering(|_| ok("cheap"));
    let (dear, _) = Scripted::answering(|_| ok("dear"));
    cheap_end.set_readiness(scrimp_testkit::Readiness::Gate(Gate::new()));
    let service = layer.services(move |name| {
        if name == "cheap" {
            cheap.clone()
        } else {
            dear.clone()
        }
    });
    let response = service.oneshot(get()).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "dear"
    );
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
    let good = Filters {
        min_quality: Some(0.9),
        ..Filters::default()
    };
    assert_eq!(ask(Hints::new().filters(good)).await.from(), "eu");
    let impossible = Filters {
        max_price: Some(money("0.0001")),
        ..good
    };
    let refused = ask(Hints::new().filters(impossible)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["reason"], "none-good-enough");
    assert_eq!(
        ask(Hints::new().tag("moon")).await.json()["reason"],
        "none-left"
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
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_good_enough_goes_to_the_next_and_both_are_paid() {
    let ledger = scrimp_core::Ledger::new();
    let layer = two()
        .quality_gate(RequiredFields::new(["/answer"]))
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| match host {
        "cheap" => ok("{\"answer\":\"\"}"),
        _ => ok("{\"answer\":42}"),
    });
    let request = Request::post("/ask").body(Full::from("what?")).unwrap();
    let answer = rig.send(request).await;
    assert_eq!(
        (answer.from(), &*answer.body),
        ("dear", &b"{\"answer\":42}"[..])
    );
    assert_eq!(answer.decision.unwrap().tried[0].miss, Miss::Quality);
    assert_eq!(
        (ledger.lines()[0].calls_made, ledger.lines()[0].spent),
        (2, cents(6))
    );
}

#[tokio::test(start_paused = true)]
async fn if_no_answer_is_good_enough_the_caller_gets_the_last_and_is_told() {
    let rig = Rig::new(&two().quality_gate(MinLength(100)).build().unwrap(), ok);
    let answer = rig.get().await;
    assert_eq!(&*answer.body, b"dear");
    assert!(!answer.decision.unwrap().accepted);
}

#[tokio::test(start_paused = true)]
async fn quality_is_learnt_from_what_is_judged() {
    let layer = CostRouteLayer::builder([provider("cheap", 1), provider("dear", 2)])
        .explore(false)
        .filters(Filters {
            min_quality: Some(0.6),
            ..Filters::default()
        })
        .quality_gate(|_: &_, _: &_, body: &[u8]| {
            Verdict::accept(if body == b"cheap" { 0.1 } else { 1.0 })
        })
        .build()
        .unwrap();
    let rig = Rig::new(&layer, ok);
    for _ in 0..10 {
        rig.get().await;
    }
    assert_eq!(rig.get().await.from(), "dear");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learnt_from_a_quality_out_of_its_range() {
    for quality in [7.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let layer = CostRouteLayer::builder([provider("a", 1).quality(0.5)])
            .quality_gate(move |_: &_, _: &_, _: &[u8]| Verdict::accept(quality))
            .build()
            .unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        assert_eq!(rig.get().await.status, StatusCode::OK);
        assert_eq!(layer.figures().json()["providers"][0]["quality"], 0.5);
    }
}

#[tokio::test(start_paused = true)]
async fn currencies_are_compared_by_the_rate_that_was_given() {
    let builder = CostRouteLayer::builder([in_yen(), provider("us", 1)]).explore(false);
    let layer = builder.clone().build().unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    assert_eq!(rig.get().await.from(), "us", "an amount nobody can compare");
    for (currency, worth) in [(yen(), "0.007 USD"), (Currency::USD, "142 JPY")] {
        let builder = builder.clone().exchange_rate(currency, worth);
        let rig = Rig::new(&builder.build().unwrap(), |_| ok("fine"));
        assert_eq!(rig.get().await.from(), "jp", "{worth}");
    }
}

#[tokio::test(start_paused = true)]
async fn stakes_are_converted_by_the_given_rate() {
    // Ten seconds less are worth ten yen, which is seven cents, and not ten dollars.
    let stake = Stake {
        second: money("1 JPY"),
        quality: money("0 JPY"),
        failure: money("1000 JPY"),
    };
    let stakes = Score::Money(Stakes {
        high: stake,
        default: stake,
        low: stake,
    });
    let slow = || provider("slow", 1).latency(Duration::from_secs(11));
    let from = async |dear: i128| {
        let fast = provider("fast", dear).latency(Duration::from_secs(1));
        let layer = CostRouteLayer::builder([slow(), fast])
            .explore(false)
            .score(stakes.clone())
            .exchange_rate(yen(), "0.007")
            .build()
            .unwrap();
        let answer = Rig::new(&layer, |_| ok("fine")).get().await;
        let score = answer.decision.as_ref().unwrap().score;
        assert!(
            matches!(score, Scored::Money(all) if all < cents(10)),
            "{score}"
        );
        answer.from().to_owned()
    };
    assert_eq!(from(7).await, "fast", "six cents more");
    assert_eq!(from(9).await, "slow", "eight cents more");
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_the_price_is_converted_by_the_given_rate() {
    let most = |price| Filters {
        max_price: Some(money(price)),
        ..Filters::default()
    };
    let builder = CostRouteLayer::builder([provider("a", 1)]).exchange_rate(yen(), "0.007");
    for (price, status) in [("1 JPY", 503), ("2 JPY", 200)] {
        let layer = builder.clone().filters(most(price)).build().unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        assert_eq!(rig.get().await.status.as_u16(), status, "{price}");
        // The stricter of the two, whatever their currencies.
        let layer = builder.clone().filters(most("0.5 USD")).build().unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        let mut request = get();
        let hints = Hints::new().filters(most(price));
        request.extensions_mut().insert(hints);
        assert_eq!(rig.send(request).await.status.as_u16(), status, "{price}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_limit_on_the_price_cannot_be_compared_is_refused() {
    let rig = Rig::new(&two().build().unwrap(), |_| ok("fine"));
    let mut request = get();
    let filters = Filters {
        max_price: Some(money("1000 JPY")),
        ..Filters::default()
    };
    request
        .extensions_mut()
        .insert(Hints::new().filters(filters));
    let answer = rig.send(request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["reason"], "no-exchange-rate");
    assert!(rig.asked().is_empty());
}

fn yen() -> Currency {
    Currency::new("JPY").unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// A provider that takes a yen.
fn in_yen() -> Provider {
    provider("jp", 0).price(Tariff::new(yen()).per_request(money("1 JPY")))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_provider_cannot_be_sent_is_refused_and_not_sent_elsewhere() {
    let layer = CostRouteLayer::builder([provider("a", 1)
        .endpoint("http://a/version-1")
        .bearer("secret")
        .concurrency(1)]);
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    // As long as a URI can be, and on a host that the credential is not for.
    let long = format!("http://b/{}", "x".repeat(65_534 - "http://b/".len()));
    let full = || {
        let mut request = get();
        let mut names = (0..).map(|n| format!("x-{n}").parse::<http::HeaderName>().unwrap());
        let headers = request.headers_mut();
        let one = HeaderValue::from_static("1");
        while headers
            .try_append(names.next().unwrap(), one.clone())
            .is_ok()
        {}
        request
    };
    for _ in 0..2 {
        let request = Request::get(&long).body(Full::default()).unwrap();
        let answer = rig.send(request).await;
        assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
        assert_eq!(answer.json()["reason"], "uri-too-long");
        let answer = rig.send(full()).await;
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(answer.json()["reason"], "too-many-fields");
    }
    assert!(rig.asked().is_empty());
    assert_eq!(rig.get().await.status, StatusCode::OK, "no place was kept");
}

#[tokio::test(start_paused = true)]
async fn hints_may_say_any_number() {
    let by_token = [common::by_token("a"), provider("b", 1)];
    let budget = Budget::new([Cap::new("day", "1", Period::Day)]);
    let layer = CostRouteLayer::builder(by_token)
        .budget(budget)
        .strict(most());
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    let mut request = get();
    request.extensions_mut().insert(Hints::new().usage(most()));
    assert_eq!(rig.send(request).await.from(), "b");
}

/// As much as can be counted, of everything.
fn most() -> Usage {
    TokenClass::ALL
        .into_iter()
        .fold(Usage::bytes(u64::MAX, u64::MAX), |usage, class| {
            usage.with(class, u64::MAX)
        })
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_waiting() {
    let rig = Rig::new(&two().build().unwrap(), |_| {
        ok("late").delay(Duration::from_secs(10))
    });
    let mut request = get();
    let soon = tokio::time::Instant::now() + Duration::from_secs(1);
    request.extensions_mut().insert(Deadline(soon));
    let answer = rig.send(request).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.json()["reason"], "timed-out");
    assert_eq!(rig.asked(), ["cheap"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_client_leaves_nothing_in_flight() {
    let layer = CostRouteLayer::builder([provider("a", 1).concurrency(1)])
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| Reply::panic());
    for _ in 0..3 {
        let service = rig.service.clone();
        let panicked = tokio::spawn(async move { service.oneshot(get()).await.is_ok() }).await;
        assert!(panicked.unwrap_err().is_panic());
    }
    assert_eq!(
        rig.upstream.calls(),
        3,
        "a leaked place would have barred the second"
    );
}

#[tokio::test(start_paused = true)]
async fn figures_are_told_as_json() {
    let layer = two().build().unwrap();
    let rig = Rig::new(&layer, |_| status(500));
    rig.get().await;
    let request = Request::new(Full::<Bytes>::default());
    let response = layer.figures().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let figures: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(figures["providers"][0]["name"], "cheap");
    assert!(figures["providers"][0]["reliability"].as_f64().unwrap() < 0.99);
    assert_eq!(figures["providers"][0]["in_flight"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_is_known_by_method_or_key() {
    let repeated = async |method: &str, key: Option<&str>| {
        let layer = CostRouteLayer::builder([provider("cheap", 1), provider("dear", 5)])
            .build()
            .unwrap();
        let rig = Rig::new(&layer, |host| match host {
            "cheap" => status(500),
            _ => ok("fine"),
        });
        let mut request = Request::builder().method(method).uri("/thing");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::default()).unwrap();
        rig.send(request).await.from() == "dear"
    };
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "QUERY", "MKCOL",
    ] {
        assert!(repeated(method, None).await, "{method}");
    }
    for method in ["POST", "PATCH", "LOCK", "BREW"] {
        assert!(!repeated(method, None).await, "{method}");
        assert!(repeated(method, Some("k")).await, "{method} with a key");
        assert!(
            !repeated(method, Some("")).await,
            "{method} with an empty key"
        );
    }
}
