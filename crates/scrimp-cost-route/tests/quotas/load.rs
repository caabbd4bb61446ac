//! Arrivals of requests, and what becomes of them.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use flate2::read::GzDecoder;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cost_route::{CostRouteLayer, RouteDecision};
use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, Service, ServiceExt};

use super::server::{INPUT, OUTPUT, Server};

/// Request at a time, with its tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: f64,
    pub(crate) input: f64,
    pub(crate) output: f64,
}

/// Outcomes of the requests.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) answered: u32,
    /// Answered with 429, by the layer or a server.
    pub(crate) refused: u32,
    pub(crate) waited: u32,
    pub(crate) wait: Duration,
    pub(crate) longest: Duration,
}

/// Returns the time to the next arrival, at this many a second.
fn pause(rng: &mut Rng, rate: f64) -> f64 {
    -(1.0 - rng.f64()).ln() / rate
}

/// Returns prompts of a median of 1,000 tokens, and answers of one of 60, up to many times as long.
fn sizes(rng: &mut Rng) -> (f64, f64) {
    let mut normal =
        || (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
    let (a, b) = (normal(), normal());
    let input = (1_000.0 * (0.9 * a).exp()).clamp(10.0, 16_000.0).round();
    let output = (60.0 * (0.8 * b).exp()).clamp(1.0, 256.0).round();
    (input, output)
}

/// Returns arrivals at random.
pub(crate) fn poisson(rng: &mut Rng, rate: f64, seconds: f64) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut at = 0.0;
    while at < seconds {
        let (input, output) = sizes(rng);
        arrivals.push(Arrival { at, input, output });
        at += pause(rng, rate);
    }
    arrivals
}

/// Returns arrivals in bursts of 30 on average, within a second each.
pub(crate) fn bursts(rng: &mut Rng, rate: f64, seconds: f64) -> Vec<Arrival> {
    const BURST: f64 = 30.0;
    let mut arrivals = Vec::new();
    let mut burst = 0.0;
    while burst < seconds {
        let size = 1 + (pause(rng, 1.0) * BURST) as u32;
        for _ in 0..size {
            let (input, output) = sizes(rng);
            let at = burst + rng.f64();
            arrivals.push(Arrival { at, input, output });
        }
        burst += pause(rng, rate / (BURST + 0.5));
    }
    arrivals.sort_by(|a, b| a.at.total_cmp(&b.at));
    arrivals
}

/// Sends requests through a layer to a server.
pub(crate) async fn send(
    layer: &CostRouteLayer,
    server: &Arc<Server>,
    arrivals: &[Arrival],
) -> Tally {
    let client = layer.layer(server.client());
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for arrival in arrivals.iter().copied() {
        let client = client.clone();
        tasks.spawn(async move {
            tokio::time::sleep_until(start + Duration::from_secs_f64(arrival.at)).await;
            one(client, arrival).await
        });
    }
    let mut tally = Tally::default();
    while let Some(done) = tasks.join_next().await {
        let (status, waited) = done.unwrap();
        match status {
            StatusCode::OK => tally.answered += 1,
            StatusCode::TOO_MANY_REQUESTS => tally.refused += 1,
            other => panic!("{other}"),
        }
        tally.waited += u32::from(!waited.is_zero());
        tally.wait += waited;
        tally.longest = tally.longest.max(waited);
    }
    tally
}

async fn one<S, R>(client: S, arrival: Arrival) -> (StatusCode, Duration)
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<R>>,
    S::Error: std::fmt::Debug,
    R: http_body::Body,
    R::Error: std::fmt::Debug,
{
    let request = Request::post("/v1/chat/completions")
        .header(INPUT, arrival.input.to_string())
        .header(OUTPUT, arrival.output.to_string())
        .body(Full::from(r#"{"model":"m"}"#))
        .unwrap();
    let response = client.oneshot(request).await.unwrap();
    let status = response.status();
    let decision = response.extensions().get::<RouteDecision>();
    let waited = decision.map_or(Duration::ZERO, |decision| decision.waited);
    response.into_body().collect().await.unwrap();
    (status, waited)
}

/// Reads the arrivals of a code completion service, if they are beside the checkout: an hour of a public
/// cloud's trace.
pub(crate) fn azure() -> Option<Vec<Arrival>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let Ok(file) = File::open(root.join("shared/traces/azure-llm-code.csv.gz")) else {
        eprintln!("absent: ../shared/traces/azure-llm-code.csv.gz");
        return None;
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let mut arrivals: Vec<Arrival> = lines
        .skip(1)
        .map(|line| {
            let line = line.unwrap();
            let mut columns = line.trim().split(',');
            let (_, time) = columns.next().unwrap().split_once(' ').unwrap();
            let mut parts = time.split(':').map(|part| part.parse::<f64>().unwrap());
            let mut part = || parts.next().unwrap();
            let at = part() * 3_600.0 + part() * 60.0 + part();
            let mut tokens = columns.map(|column| column.parse::<f64>().unwrap());
            let mut tokens = || tokens.next().unwrap();
            Arrival {
                at,
                input: tokens(),
                output: tokens(),
            }
        })
        .collect();
    let start = arrivals[0].at;
    arrivals.iter_mut().for_each(|arrival| arrival.at -= start);
    Some(arrivals)
}
