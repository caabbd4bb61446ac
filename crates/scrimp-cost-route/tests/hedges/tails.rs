//! Latencies with heavy tails.

use std::{convert::Infallible, f64::consts::TAU, time::Duration};

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_core::Currency;
use scrimp_cost_route::{CostRouteLayer, Provider, Rate, RequestBody, Tariff, TokenRates, Usage};
use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, ServiceExt, service_fn};

/// Distribution of latencies.
#[derive(Debug, Clone, Copy)]
enum Tail {
    /// A median of 1 s, and this deviation of the logarithm.
    Lognormal(f64),
    /// As above with 0.5, but for one call in fifty: at least 5 s, with this exponent.
    Pareto(f64),
}

impl Tail {
    fn draw(self, rng: &mut Rng) -> f64 {
        let mut normal = || (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
        let seconds = match self {
            Self::Lognormal(deviation) => (deviation * normal()).exp(),
            Self::Pareto(exponent) => {
                let usual = (0.5 * normal()).exp();
                match rng.f64() < 0.02 {
                    true => 5.0 / (1.0 - rng.f64()).powf(1.0 / exponent),
                    false => usual,
                }
            }
        };
        seconds.min(120.0)
    }
}

const REQUESTS: usize = 12_000;

/// Times and costs of calls.
struct Outcome {
    seconds: f64,
    p50: f64,
    p99: f64,
    dollars: f64,
    hedges: u64,
}

/// Sends requests, five a second at random.
async fn run(tail: Tail, worth: Option<&str>, seed: u64) -> Outcome {
    let rate = |text: &str| Rate::per(text, 1_000_000);
    let of = |name: &str, input: &str| {
        Provider::new(name)
            .endpoint(format!("http://{name}"))
            .price(Tariff::new(Currency::USD).tokens(TokenRates::text(rate(input), rate("15"))))
    };
    let mut builder = CostRouteLayer::builder([of("a", "3"), of("b", "3.1")])
        .estimate(|_, _| Usage::text(1_500, 0))
        .timeout(Duration::from_secs(600));
    if let Some(worth) = worth {
        builder = builder.hedge(worth);
    }
    let layer = builder.build().unwrap();
    let draw = std::sync::Arc::new(parking_lot::Mutex::new(Rng::with_seed(seed)));
    let client = layer.layer(service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
        let seconds = tail.draw(&mut draw.lock());
        async move {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            let usage = r#"{"usage":{"prompt_tokens":1500,"completion_tokens":80}}"#;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(usage)))
        }
    }));
    let mut arrivals = Rng::with_seed(seed + 1);
    let mut at = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..REQUESTS {
        at += Duration::from_secs_f64(-(1.0 - arrivals.f64()).ln() / 5.0);
        let client = client.clone();
        tasks.spawn(async move {
            tokio::time::sleep_until(at).await;
            let request = Request::get("/").body(Full::<Bytes>::default()).unwrap();
            let response = client.oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap();
            at.elapsed().as_secs_f64()
        });
    }
    let mut times = tasks.join_all().await;
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    let stats = layer.stats();
    Outcome {
        seconds: times.iter().sum(),
        p50: at(0.5),
        p99: at(0.99),
        dollars: stats.spent.get(Currency::USD).as_f64(),
        hedges: stats.hedges,
    }
}

/// Compares calls with and without second ones. Returns the parts by which the slowest percent is faster
/// and all are dearer, and the value of the time saved for each dollar more.
async fn compare(tail: Tail, worth: &str, seed: u64) -> [f64; 3] {
    let without = run(tail, None, seed).await;
    let with = run(tail, Some(worth), seed).await;
    let faster = 1.0 - with.p99 / without.p99;
    let more = with.dollars - without.dollars;
    let saved = (without.seconds - with.seconds) * worth.parse::<f64>().unwrap();
    println!(
        "{tail:?}, ${worth}/s, seed {seed}: p50 {:.2} → {:.2} s, p99 {:.1} → {:.1} s (−{:.0} %), ${:.2} → \
         ${:.2} (+{:.2} %), {} of {REQUESTS} hedged, saved ${saved:.2} of time for ${more:.2}",
        without.p50,
        with.p50,
        without.p99,
        with.p99,
        100.0 * faster,
        without.dollars,
        with.dollars,
        100.0 * more / without.dollars,
        with.hedges,
    );
    [faster, more / without.dollars, saved / more]
}

#[tokio::test(start_paused = true)]
async fn a_third_of_the_slowest_percent_is_saved_for_two_percent_of_the_dollars() {
    for (tail, seed) in [
        (Tail::Pareto(1.1), 11),
        (Tail::Pareto(1.5), 11),
        (Tail::Pareto(1.5), 211),
    ] {
        let [faster, dearer, _] = compare(tail, "0.0015", seed).await;
        assert!(faster >= 0.3, "{tail:?}: {faster}");
        assert!(dearer <= 0.02, "{tail:?}: {dearer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_is_saved_is_worth_more_than_it_costs() {
    for (tail, worth) in [
        (Tail::Lognormal(1.2), "0.005"),
        (Tail::Pareto(1.5), "0.005"),
    ] {
        let [.., gain] = compare(tail, worth, 31).await;
        assert!(gain > 1.0, "{tail:?}: {gain}");
    }
}
