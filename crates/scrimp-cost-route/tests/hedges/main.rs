//! Second calls beside slow ones: only where the time that they save is worth their price.

#[path = "../common/mod.rs"]
mod common;
mod tails;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{Answer, Rig, get, money, ok, status};
use http::Request;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::{
    Currency, RetryBudget,
    extensions::{Charge, Directive, Priority, Settlement},
};
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, CostRouteLayerBuilder, Hints, Miss, Period, Provider, Rate,
    Reason, Score, Stake, Stakes, Tariff, TokenRates, Usage,
};
use tokio::time::Instant;

/// Makes a provider of a price per token of prompts, whose answers cost $0.001 a token.
fn provider(name: &str, input: &str) -> Provider {
    let rate = |text: &str| text.parse::<Rate>().unwrap();
    let rates = TokenRates::text(rate(input), rate("0.001"));
    Provider::new(name)
        .endpoint(format!("http://{name}"))
        .latency(Duration::from_secs(1))
        .price(Tariff::new(Currency::USD).tokens(rates))
}

/// A prompt of 100 tokens costs $0.01 at one, $0.012 at the other, and its answer $0.001 more.
fn layer() -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider("a", "0.0001"), provider("b", "0.00012")])
        .explore(false)
        .estimate(|_, _| Usage::text(100, 1))
        .timeout(Duration::from_secs(600))
        // A wait is worth nothing but where it is hedged, so all calls go to the first.
        .score(Score::Money(
            Stakes::default().with(Priority::Default, Stake::new().failure("0.02")),
        ))
}

/// Behaviour of the providers.
#[derive(Clone, Copy)]
struct Script {
    /// Seconds of the next answer of each, and its status.
    a: (u64, u16),
    b: (u64, u16),
}

struct Slow {
    rig: Rig,
    script: Arc<Mutex<Script>>,
}

impl Slow {
    /// Makes a rig whose router has seen a hundred calls, of which four took 40 s. The next one takes as
    /// long, and the other provider takes 1 s.
    async fn new(layer: &CostRouteLayer) -> Self {
        let usual = Script {
            a: (1, 200),
            b: (1, 200),
        };
        let script = Arc::new(Mutex::new(usual));
        let now = Arc::clone(&script);
        let rig = Rig::new(layer, move |host| {
            let Script { a, b } = *now.lock();
            let (seconds, code) = if host == "a" { a } else { b };
            let reply = match code {
                200 => ok(r#"{"usage":{"prompt_tokens":100,"completion_tokens":1}}"#),
                code => status(code),
            };
            reply.delay(Duration::from_secs(seconds))
        });
        for n in 0..100 {
            script.lock().a.0 = if n % 25 == 7 { 40 } else { 1 };
            let mut request = get();
            request
                .extensions_mut()
                .insert(Hints::new().hedge(money("0")));
            assert_eq!(rig.send(request).await.from(), "a");
        }
        script.lock().a.0 = 40;
        assert_eq!(layer.stats().hedges, 0);
        Self { rig, script }
    }

    async fn timed(&self, request: Request<Full<Bytes>>) -> (Answer, f64) {
        let start = Instant::now();
        let answer = self.rig.send(request).await;
        (answer, start.elapsed().as_secs_f64())
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_has_another_one_beside_it_and_the_loser_is_cancelled_and_billed() {
    let budget = Budget::new([Cap::new("day", "100", Period::Day)]);
    let layer = layer().hedge("0.1").budget(budget.clone()).build().unwrap();
    let slow = Slow::new(&layer).await;
    let before = layer.stats();
    let response = slow.rig.open(get()).await.unwrap();
    let (parts, body) = response.into_parts();
    let charge = parts.extensions.get::<Charge>().unwrap();
    let settlement = parts.extensions.get::<Settlement>().unwrap().clone();
    body.collect().await.unwrap();
    // $0.013 for the answer, and $0.011 for the other call, as it was estimated.
    assert_eq!(charge.0, money("0.024"));
    assert_eq!(settlement.known_or(money("9")), money("0.024"));
    let decision = parts
        .extensions
        .get::<scrimp_cost_route::RouteDecision>()
        .unwrap();
    assert_eq!(
        (&*decision.provider, decision.reason),
        ("b", Reason::Hedged)
    );
    assert_eq!(decision.hedged.as_deref(), Some("a"));
    let stats = layer.stats();
    assert_eq!((stats.hedges, stats.hedges_won, stats.failovers), (1, 1, 0));
    assert_eq!((stats.calls, stats.cancelled), (before.calls + 2, 1));
    assert_eq!(slow.rig.upstream.in_flight(), 0);
    let spent = |stats: &scrimp_cost_route::CostRouteStats| stats.spent.get(Currency::USD);
    let more = spent(&stats).checked_sub(spent(&before)).unwrap();
    assert_eq!(more, money("0.024"));
    assert_eq!(budget.report()[0].spent, spent(&stats));
}

#[tokio::test(start_paused = true)]
async fn the_first_call_may_still_win() {
    let layer = layer().hedge("0.1").build().unwrap();
    let slow = Slow::new(&layer).await;
    *slow.script.lock() = Script {
        a: (5, 200),
        b: (60, 200),
    };
    let (answer, seconds) = slow.timed(get()).await;
    assert_eq!((answer.from(), seconds), ("a", 5.0));
    assert_eq!(answer.decision.unwrap().hedged.as_deref(), Some("b"));
    let stats = layer.stats();
    assert_eq!((stats.hedges, stats.hedges_won, stats.cancelled), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_leaves_the_other_one_and_two_failures_are_two_attempts() {
    for (a, b, expected) in [
        ((40, 200), (1, 500), Some("a")),
        ((3, 500), (10, 200), Some("b")),
        ((3, 500), (1, 502), None),
        ((9, 500), (1, 502), None),
    ] {
        let layer = layer().hedge("0.1").build().unwrap();
        let slow = Slow::new(&layer).await;
        *slow.script.lock() = Script { a, b };
        let (answer, _) = slow.timed(get()).await;
        assert_eq!(layer.stats().hedges, 1);
        if let Some(expected) = expected {
            assert_eq!((answer.status.as_u16(), answer.from()), (200, expected));
            let tried = &answer.decision.unwrap().tried;
            assert!(matches!(tried[..], [ref one] if matches!(one.miss, Miss::Status(_))));
        } else {
            assert!(answer.status.is_server_error());
            assert_eq!(slow.rig.asked().len(), 102, "there is no third provider");
        }
        assert_eq!(slow.rig.upstream.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_second_call_without_a_worth_or_where_it_is_not_worth_its_price() {
    for worth in [None, Some("0"), Some("0.0001")] {
        let mut builder = layer();
        if let Some(worth) = worth {
            builder = builder.hedge(worth);
        }
        let layer = builder.build().unwrap();
        let slow = Slow::new(&layer).await;
        assert_eq!(slow.timed(get()).await.1, 40.0, "{worth:?}");
        // The caller's own worth counts.
        let mut request = get();
        let hints = Hints::new().hedge(money("0.1"));
        request.extensions_mut().insert(hints);
        let (answer, seconds) = slow.timed(request).await;
        assert!(
            seconds < 5.0 && answer.from() == "b",
            "{worth:?}: {seconds}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_repeated_or_is_made_ahead_of_time_has_no_second_call() {
    let layer = layer().hedge("0.1").build().unwrap();
    let slow = Slow::new(&layer).await;
    let mut ahead = get();
    ahead.extensions_mut().insert(Directive::Prefetch);
    let post = Request::post("/thing").body(Full::default()).unwrap();
    for request in [ahead, post] {
        assert_eq!(slow.timed(request).await.1, 40.0);
    }
    assert_eq!(layer.stats().hedges, 0);
    let keyed = Request::post("/thing").header("idempotency-key", "1");
    let keyed = keyed.body(Full::default()).unwrap();
    assert!(slow.timed(keyed).await.1 < 5.0);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_second_call_without_money_retries_room_or_a_provider_that_is_up() {
    // The hundred calls have cost $1.10.
    let cap = Cap::new("day", "1.115", Period::Day);
    let spent = layer().hedge("0.1").budget(Budget::new([cap]));
    let retries = layer()
        .hedge("0.1")
        .retry_budget(RetryBudget::new(0.0, 0).unwrap());
    for builder in [spent, retries] {
        let layer = builder.build().unwrap();
        let slow = Slow::new(&layer).await;
        assert_eq!(slow.timed(get()).await.1, 40.0);
        assert_eq!(layer.stats().hedges, 0);
    }
    let layer = layer().hedge("0.1").quota_wait(Duration::ZERO);
    let layer = layer.build().unwrap();
    let slow = Slow::new(&layer).await;
    let full = provider("b", "0.00012").requests_per_minute(1);
    layer.providers().put(full).unwrap();
    assert!(slow.timed(get()).await.1 < 5.0);
    assert_eq!(slow.timed(get()).await.1, 40.0, "its quota is used up");
    layer.providers().put(provider("b", "0.00012")).unwrap();
    // The other one fails until it is put out.
    slow.script.lock().b.1 = 500;
    for _ in 0..8 {
        slow.timed(get()).await;
    }
    let hedges = layer.stats().hedges;
    assert!(hedges >= 4, "{hedges}");
    slow.timed(get()).await;
    assert_eq!(layer.stats().hedges, hedges, "it is out");
}
