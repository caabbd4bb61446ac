//! Quotas that providers of one account share, and requests that find no room.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_core::{
    Currency,
    extensions::{Deadline, Directive, Priority},
};
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, PromptCache, Provider, Rate, Score, Stake, Stakes,
    Tariff, TokenClass, TokenRates,
};
use scrimp_testkit::{Reply, ScriptedBody};
use serde_json::json;
use tokio::time::Instant;

use super::common::{Rig, provider};

/// An answer with these fields.
fn reply(status: u16, fields: &[(&'static str, String)]) -> Reply {
    let mut response = Response::new(ScriptedBody::new().data("{}"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    Reply::respond(response)
}

/// An answer that leaves this many of 60 requests a minute.
fn left(requests: u32) -> Reply {
    reply(
        200,
        &[
            ("x-ratelimit-limit-requests", "60".into()),
            ("x-ratelimit-remaining-requests", requests.to_string()),
            ("x-ratelimit-reset-requests", format!("{}s", 60 - requests)),
        ],
    )
}

fn post(model: &str) -> Request<Full<Bytes>> {
    let body = json!({"model": model}).to_string();
    Request::post("/v1/chat/completions")
        .body(Full::from(body))
        .unwrap()
}

fn keyed(name: &str, cents: i128, account: &str) -> Provider {
    provider(name, cents)
        .latency(Duration::from_millis(1))
        .bearer(name)
        .account(account)
}

fn layer(providers: impl IntoIterator<Item = Provider>) -> CostRouteLayerBuilder {
    CostRouteLayer::builder(providers)
        .explore(false)
        .repeatable(["/v1/chat/completions"])
}

#[tokio::test(start_paused = true)]
async fn a_429_for_one_key_is_one_for_all_keys_of_the_account_and_for_one_model() {
    let layer = layer([keyed("a1", 1, "a"), keyed("a2", 1, "a"), keyed("b", 5, "b")])
        .build()
        .unwrap();
    let limited = Arc::new(Mutex::new(true));
    let is_limited = Arc::clone(&limited);
    let rig = Rig::new(&layer, move |host| match host {
        "b" => reply(200, &[]),
        _ if *is_limited.lock() => reply(429, &[("retry-after", "30".into())]),
        _ => reply(200, &[]),
    });
    assert_eq!(rig.send(post("m")).await.from(), "b");
    assert_eq!(rig.asked().len(), 2, "the other key is not tried");
    for _ in 0..10 {
        assert_eq!(rig.send(post("m")).await.from(), "b");
    }
    assert_eq!(rig.asked().len(), 12);
    *limited.lock() = false;
    let first = rig.asked()[0].clone();
    let other = if first == "a1" { "a2" } else { "a1" };
    assert_eq!(
        rig.send(post("other")).await.from(),
        other,
        "of another model"
    );
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_ne!(rig.send(post("m")).await.from(), "b");
    assert_eq!(layer.stats().throttled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_room_if_another_provider_costs_more_than_the_wait() {
    // A second is worth 0.05 cents.
    let layer = layer([keyed("a", 1, "a"), keyed("b", 2, "b")])
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| match host {
        "a" => left(0),
        _ => reply(200, &[]),
    });
    assert_eq!(rig.send(post("m")).await.from(), "a");
    let start = Instant::now();
    for _ in 0..2 {
        let answer = rig.send(post("m")).await;
        assert_eq!(answer.from(), "a");
        let waited = answer.decision.unwrap().waited.as_secs_f64();
        assert!((0.9..1.1).contains(&waited), "{waited}");
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!((1.9..2.2).contains(&seconds), "{seconds}");
    assert_eq!(layer.stats().waited, 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_elsewhere_if_its_wait_is_worth_more_than_the_difference() {
    let layer = layer([keyed("a", 1, "a"), keyed("b", 2, "b")])
        .score(Score::Money(Stakes::default().with(
            Priority::High,
            Stake::new().second("0.02").failure("1"),
        )))
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| match host {
        "a" => left(0),
        _ => reply(200, &[]),
    });
    let urgent = || {
        let mut request = post("m");
        request.extensions_mut().insert(Priority::High);
        request
    };
    assert_eq!(rig.send(urgent()).await.from(), "a");
    for _ in 0..3 {
        let answer = rig.send(urgent()).await;
        assert_eq!(answer.from(), "b");
        assert!(answer.decision.unwrap().waited.is_zero());
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(rig.send(urgent()).await.from(), "a", "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_room_in_time_is_refused_and_told_when_to_come_again() {
    let layer = layer([keyed("a", 1, "a")])
        .quota_wait(Duration::from_secs(3))
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| left(0));
    rig.send(post("m")).await;
    let mut ahead = post("m");
    ahead.extensions_mut().insert(Directive::Prefetch);
    let mut late = post("m");
    let soon = Instant::now() + Duration::from_millis(500);
    late.extensions_mut().insert(Deadline(soon));
    for request in [ahead, late] {
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:quota");
    }
    // Three wait, a second each. The others would wait longer.
    let all = futures_util::future::join_all((0..10).map(|_| rig.send(post("m")))).await;
    let mut statuses: Vec<_> = all.iter().map(|it| it.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429, 429, 429]);
    let refused = all.iter().find(|it| it.status == 429).unwrap();
    assert_eq!(refused.headers["retry-after"], "4");
    assert_eq!(layer.stats().refused.quota, 9);
    assert_eq!(rig.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_the_line_gives_its_place_back_and_is_no_call() {
    let layer = layer([keyed("a", 1, "a").concurrency(2)]).build().unwrap();
    let rig = Rig::new(&layer, |_| left(0));
    rig.send(post("m")).await;
    for _ in 0..100 {
        let call = tokio::time::timeout(Duration::from_micros(1), rig.send(post("m")));
        assert!(call.await.is_err());
    }
    let start = Instant::now();
    assert_eq!(rig.send(post("m")).await.status, 200);
    assert!(start.elapsed() < Duration::from_millis(1_100));
    let stats = layer.stats();
    assert_eq!((stats.calls, stats.succeeded, stats.cancelled), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_latency_of_the_provider() {
    let layer = layer([keyed("a", 1, "a")]).build().unwrap();
    let rig = Rig::new(&layer, |_| left(0));
    for _ in 0..20 {
        rig.send(post("m")).await;
    }
    let figures = layer.figures().json();
    let latency = figures["providers"][0]["latency_seconds"].as_f64().unwrap();
    assert!(latency < 0.1, "{latency}");
    let quota = &figures["quotas"][0];
    assert_eq!(quota["account"], "a");
    assert_eq!(
        (&quota["model"], &quota["unit"]),
        (&json!("m"), &json!("requests"))
    );
    assert_eq!(quota["limit"], 60.0);
}

#[tokio::test(start_paused = true)]
async fn limits_of_settings_are_of_the_account() {
    let of = |name: &str| keyed(name, 1, "a").requests_per_minute(10);
    let layer = layer([of("a1"), of("a2").requests_per_minute(20)])
        .quota_wait(Duration::ZERO)
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| reply(200, &[]));
    for n in 0..20 {
        let status = rig.send(post("m")).await.status;
        assert_eq!(status == 200, n < 10, "{n}");
    }
    layer.providers().remove("a1");
    tokio::time::advance(Duration::from_secs(60)).await;
    for n in 0..30 {
        let status = rig.send(post("m")).await.status;
        assert_eq!(status == 200, n < 20, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_credential_of_the_callers_say_nothing_of_the_account() {
    let layer = layer([provider("a", 1)]).build().unwrap();
    let rig = Rig::new(&layer, |_| {
        reply(
            429,
            &[
                ("retry-after", "30".into()),
                ("x-ratelimit-limit-requests", "60".into()),
                ("x-ratelimit-remaining-requests", "0".into()),
            ],
        )
    });
    for n in 1..=6 {
        let mut request = post("m");
        if n % 2 == 0 {
            let key = format!("Bearer {n}").parse().unwrap();
            request.headers_mut().insert("authorization", key);
        }
        rig.send(request).await;
        assert_eq!(
            rig.asked().len(),
            n,
            "each caller may have a quota of its own"
        );
    }
    assert_eq!(layer.stats().throttled, 6);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_with_its_account_until_the_quota_is_nearly_empty() {
    let rate = |dollars: &str| Rate::per(dollars, 1_000_000);
    let of = |name: &str| {
        let rates =
            TokenRates::text(rate("3"), rate("15")).with(TokenClass::CacheRead, rate("0.3"));
        keyed(name, 1, name)
            .price(Tariff::new(Currency::USD).tokens(rates))
            .prompt_cache(PromptCache::automatic())
    };
    let layer = layer([of("a"), of("b")]).build().unwrap();
    let rest = Arc::new(Mutex::new(21));
    let now = Arc::clone(&rest);
    let rig = Rig::new(&layer, move |_| left(*now.lock()));
    let turn = |n: u32| {
        let text = "word ".repeat(2_500);
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": text},
            {"role": "user", "content": n.to_string()},
        ]});
        Request::post("/v1/chat/completions")
            .body(Full::from(body.to_string()))
            .unwrap()
    };
    let first = rig.send(turn(0)).await.from().to_owned();
    for n in 1..=20 {
        *rest.lock() = 21 - n;
        assert_eq!(rig.send(turn(n)).await.from(), first, "{n}");
    }
    // The cached part is worth $0.007, and a second $0.0005: it waits, and does not move.
    *rest.lock() = 0;
    assert_eq!(rig.send(turn(22)).await.from(), first);
    let answer = rig.send(turn(21)).await;
    assert_eq!(answer.from(), first);
    assert!(!answer.decision.unwrap().waited.is_zero());
    // With a longer line it moves.
    let all = futures_util::future::join_all((0..12).map(|n| rig.send(turn(30 + n)))).await;
    let moved = all
        .iter()
        .filter(|it| it.from() != first && it.status == 200);
    assert!(moved.count() > 0);
}
