//! The closed form of XFetch, reproduced by the strategy and by the whole layer.
//!
//! Requests come as a Poisson stream of rate λ, each draws for itself, and a refresh takes δ. The
//! number of refreshes per expiry is then geometric with mean e^(1/β), and the first of them
//! begins βδ(ln(λβδ) + γ) before expiry. Neither depends on anything else. The unit of time is δ.

use crate::common;

use common::{Rig, fresh, ms, numbered, seconds};
use parking_lot::Mutex;
use scrimp_stampede::{Moment, StampedeLayer, Strategy, XFetch};
use std::time::Duration;
use tokio::time::advance;

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_9;

const DELTA: Duration = seconds(1);

/// One expiry: the gap between the first refresh and the expiry, and the number of refreshes until
/// the first was done.
#[derive(Debug, Clone, Copy)]
struct Stampede {
    gap: f64,
    size: usize,
}

/// Simulates the time around one expiry, request by request.
fn expiry(strategy: &XFetch, beta: f64, rate: f64, random: &mut fastrand::Rng) -> Stampede {
    let uniform = |random: &mut fastrand::Rng| 1.0 - random.f64();
    // So early that at most one run in ten thousand would have begun before.
    let mut left = beta * (rate * beta * 1e4).ln();
    let (mut first, mut size) = (None, 0);
    loop {
        left += uniform(random).ln() / rate;
        if first.is_some_and(|first: f64| first - left >= 1.0) {
            break;
        }
        let remaining = Duration::try_from_secs_f64(left).unwrap_or_default();
        let moment = Moment::new(remaining, seconds(1_000_000)).cost(DELTA);
        if strategy.is_due(&moment, uniform(random)) {
            first.get_or_insert(left);
            size += 1;
        }
    }
    Stampede {
        gap: first.unwrap_or_default(),
        size,
    }
}

fn expiries(beta: f64, rate: f64, runs: usize) -> Vec<Stampede> {
    let strategy = XFetch::new(beta);
    let mut random = fastrand::Rng::with_seed(20_150_815);
    let run = |_| expiry(&strategy, beta, rate, &mut random);
    (0..runs).map(run).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Returns χ² of sizes against the geometric distribution of this mean, and the number of classes.
/// The last class holds everything from where fewer than ten are expected.
fn chi_squared(sizes: &[usize], mean: f64) -> (f64, usize) {
    let (runs, p) = (sizes.len() as f64, 1.0 / mean);
    let expected = |size: usize| runs * p * (1.0 - p).powi(size as i32 - 1);
    let last = (1..)
        .find(|&size| expected(size) * mean < 20.0)
        .expect("it falls without limit");
    let count = |of: &dyn Fn(usize) -> bool| sizes.iter().filter(|&&size| of(size)).count() as f64;
    let classes = (1..last).map(|size| (count(&|n| n == size), expected(size)));
    let tail = (count(&|n| n >= last), expected(last) * mean);
    let chi = classes
        .chain([tail])
        .map(|(seen, due)| (seen - due).powi(2) / due)
        .sum();
    (chi, last)
}

/// Returns the value that χ² with `freedom` degrees of freedom exceeds once in a thousand (Wilson
/// and Hilferty's approximation).
fn critical(freedom: usize) -> f64 {
    let (k, z) = (freedom as f64, 3.09);
    let part = 2.0 / (9.0 * k);
    k * (1.0 - part + z * part.sqrt()).powi(3)
}

#[test]
fn the_size_of_a_stampede_is_geometric_with_mean_e_to_one_over_beta() {
    for beta in [1.0_f64, 2.0] {
        let expected = (1.0 / beta).exp();
        for (rate, runs) in [(10.0, 20_000), (100.0, 5_000), (1_000.0, 600)] {
            let sizes: Vec<usize> = expiries(beta, rate, runs)
                .iter()
                .map(|run| run.size)
                .collect();
            let (chi, classes) = chi_squared(&sizes, expected);
            let limit = critical(classes - 1);
            assert!(classes >= 5, "{classes} classes are too few to tell");
            assert!(
                chi < limit,
                "beta {beta}, rate {rate}: chi squared {chi:.1} of {limit:.1}"
            );
        }
    }
}

#[test]
fn the_test_would_notice_another_distribution() {
    let sizes: Vec<usize> = expiries(2.0, 100.0, 5_000)
        .iter()
        .map(|run| run.size)
        .collect();
    let (chi, classes) = chi_squared(&sizes, 1.0_f64.exp());
    assert!(chi > 10.0 * critical(classes - 1), "{chi}");
}

#[test]
fn a_stampede_is_as_small_at_any_rate_and_begins_as_early_as_the_formula_says() {
    for beta in [1.0_f64, 2.0] {
        for (rate, runs) in [
            (10.0, 20_000),
            (100.0, 5_000),
            (1_000.0, 600),
            (10_000.0, 150),
        ] {
            let runs = expiries(beta, rate, runs);
            let size = mean(runs.iter().map(|run| run.size as f64));
            let gap = mean(runs.iter().map(|run| run.gap));
            let formula = beta * ((rate * beta).ln() + GAMMA);
            assert!(
                (gap / formula - 1.0).abs() < 0.05,
                "beta {beta}, rate {rate}: {gap} for {formula}"
            );
            // The mean of few runs is less exact: four standard errors.
            let expected = (1.0 / beta).exp();
            let error = (expected * (expected - 1.0) / runs.len() as f64).sqrt();
            assert!(
                (size - expected).abs() < 4.0 * error,
                "beta {beta}, rate {rate}: {size}"
            );
        }
    }
}

/// Tests the whole layer over the real cache: 100 and 1,000 requests in the time of a refresh,
/// over ten lifetimes.
#[tokio::test(start_paused = true)]
async fn with_single_flight_the_size_is_one_and_no_caller_is_blocked() {
    for rate in [100, 1_000] {
        let random = Mutex::new(fastrand::Rng::with_seed(1));
        let layer = StampedeLayer::builder().random(move || random.lock().f64());
        let answer = numbered(|n| fresh(60, &n.to_string(), DELTA));
        let rig = Rig::new(layer, answer);
        rig.get("/").await;
        let (mut blocked, mut gaps) = (0, Vec::new());
        let mut calls = rig.upstream.calls();
        while gaps.len() < 10 {
            advance(DELTA / rate).await;
            let answer = rig.get("/").await;
            blocked += usize::from(answer.waited > ms(0));
            let now = rig.upstream.calls();
            if now > calls {
                assert_eq!(now, calls + 1, "one at a time");
                let age: u64 = answer.header("age").parse().expect("an age");
                gaps.push(60 - age);
                calls = now;
            }
        }
        assert_eq!((blocked, rig.upstream.max_in_flight()), (0, 1));
        let (stats, refreshes) = (rig.layer.stats(), gaps.len() as u64);
        assert_eq!(
            (stats.refreshes, stats.waited, stats.refresh_failures),
            (refreshes, 0, 0)
        );
        // Early by about δ(ln(λδ) + γ), and never too late to be done in time.
        let early = mean(gaps.iter().map(|&gap| gap as f64));
        let formula = f64::from(rate).ln() + GAMMA;
        assert!((early - formula).abs() < 2.0, "{early} for {formula}");
        assert!(gaps.iter().all(|&gap| gap >= 1), "{gaps:?}");
    }
}
