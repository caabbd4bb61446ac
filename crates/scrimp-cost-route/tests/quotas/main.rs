//! Quotas of accounts: learned from answers, shared by keys, and kept to before a 429.

#[path = "../common/mod.rs"]
mod common;
mod load;
mod server;
mod shared;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use fastrand::Rng;
use http::request::Parts;
use load::{Arrival, Tally, bursts, poisson, send};
use scrimp_core::{Clock, Currency};
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, Provider, Rate, Tariff, TokenRates, Usage,
};
use server::{Fields, INPUT, Server};

/// 2026-01-01T00:00:00Z, in seconds since 1970.
pub(crate) const NEW_YEAR: u64 = 1_767_225_600;
/// Part of the quotas that requests need.
const LOAD: f64 = 0.95;

/// The first two are keys of one account.
const HOSTS: [&[&str]; 2] = [&["a1", "a2"], &["b1"]];

/// Estimates a prompt's tokens, up to a fifth too high or too low.
fn estimate(parts: &Parts, _: &[u8]) -> Usage {
    let value = parts.headers[INPUT].to_str().unwrap();
    let input: f64 = value.parse().unwrap();
    let error = (input * 0.618).fract() * 0.4 - 0.2;
    Usage::text((input * (1.0 + error)) as u64, 0)
}

fn layer(wall: SystemTime) -> CostRouteLayerBuilder {
    let rate = |dollars: &str| Rate::per(dollars, 1_000_000);
    let of = |(name, account): (&str, &str)| {
        let rates = TokenRates::text(rate("3"), rate("15"));
        Provider::new(name)
            .endpoint(format!("http://{name}"))
            .bearer(name)
            .account(account)
            .price(Tariff::new(Currency::USD).tokens(rates))
    };
    CostRouteLayer::builder([("a1", "a"), ("a2", "a"), ("b1", "b")].map(of))
        .clock(Clock::anchored(wall))
        .estimate(estimate)
        .explore(false)
}

/// Starts a server whose quotas are so that arrivals need a part of them.
fn server(fields: Fields, arrivals: &[Arrival], wall: SystemTime) -> Arc<Server> {
    let minutes = arrivals.last().unwrap().at / 60.0;
    let quota = |part: &dyn Fn(&Arrival) -> f64| {
        let sum: f64 = arrivals.iter().map(part).sum();
        (sum / minutes / LOAD / HOSTS.len() as f64).ceil()
    };
    let input = match fields {
        Fields::OpenAi => quota(&|it| it.input + 256.0),
        _ => quota(&|it| it.input),
    };
    let limits = [quota(&|_| 1.0), input, quota(&|it| it.output)];
    Server::new(fields, HOSTS, limits, wall)
}

/// Sends arrivals to a server of quotas that they nearly use up. Returns what became of them, and how many
/// calls the server answered and refused.
async fn run(fields: Fields, arrivals: &[Arrival], longest: Duration) -> (Tally, u32, u32) {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(NEW_YEAR);
    let server = server(fields, arrivals, wall);
    let layer = layer(wall).quota_wait(longest).build().unwrap();
    let tally = send(&layer, &server, arrivals).await;
    let (served, refused) = server.counts();
    let stats = layer.stats();
    assert_eq!(stats.throttled, u64::from(refused));
    assert_eq!(stats.calls, u64::from(served + refused));
    (tally, served, refused)
}

/// Sends arrivals, and returns the share of the calls that were refused and of the requests.
async fn shares(fields: Fields, kind: &str, arrivals: &[Arrival], longest: Duration) -> [f64; 2] {
    let (tally, served, refused) = run(fields, arrivals, longest).await;
    println!(
        "{fields:?} {kind}: {} requests, {served} calls answered, {refused} refused (429), \
         {} waited, {:.2} s on average, {:.1} s at most, {} requests refused",
        arrivals.len(),
        tally.waited,
        tally.wait.as_secs_f64() / f64::from(tally.waited.max(1)),
        tally.longest.as_secs_f64(),
        tally.refused,
    );
    let calls = f64::from(served + refused);
    [
        f64::from(refused) / calls,
        f64::from(tally.refused) / arrivals.len() as f64,
    ]
}

#[tokio::test(start_paused = true)]
async fn at_most_one_call_in_a_thousand_is_refused_at_95_percent_of_the_quotas() {
    for fields in [Fields::OpenAi, Fields::Anthropic, Fields::Draft] {
        for (kind, arrivals) in [
            ("at random", poisson(&mut Rng::with_seed(7), 10.0, 600.0)),
            ("in bursts", bursts(&mut Rng::with_seed(8), 10.0, 600.0)),
        ] {
            let longest = Duration::from_secs(30);
            let [calls, requests] = shares(fields, kind, &arrivals, longest).await;
            assert!(calls <= 0.001, "{fields:?} {kind}: {calls}");
            // In bursts, the line is longer than half a minute at times.
            assert!(requests < 0.1, "{fields:?} {kind}: {requests}");
        }
    }
}

/// The hour is not even: in its busiest minutes more is asked for than the quotas have, and requests are
/// refused by the layer.
#[tokio::test(start_paused = true)]
async fn hardly_a_call_is_refused_on_a_trace_that_needs_more_than_the_quotas() {
    let Some(arrivals) = load::azure() else {
        return;
    };
    // The quota of output tokens is that of two long answers, whose length is not known before: there it
    // is one call in five hundred.
    for (fields, longest, most) in [
        (Fields::OpenAi, 5, 0.001),
        (Fields::OpenAi, 60, 0.001),
        (Fields::Anthropic, 5, 0.002),
        (Fields::Draft, 5, 0.001),
    ] {
        let kind = format!("on the trace, waiting {longest} s at most");
        let longest = Duration::from_secs(longest);
        let [calls, _] = shares(fields, &kind, &arrivals, longest).await;
        assert!(calls <= most, "{fields:?} {kind}: {calls}");
    }
}
