//! The engine's laws, by what they are about.

mod changing;
mod choosing;
mod estimating;
mod exploring;
mod learning;
mod waiting;

use std::{sync::LazyLock, time::Duration};

use scrimp_core::{Currency, Money, extensions::Priority};
use tokio::time::Instant;

use super::*;

fn at(seconds: f64) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START + Duration::from_secs_f64(seconds)
}

fn made(config: RouterConfig) -> Router {
    Router::new(config, at(0.0)).unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "small amounts")]
fn usd(dollars: f64) -> Money {
    Money::from_pico((dollars * 1e12).round() as i128, Currency::USD)
}

fn prior(latency: f64) -> Prior {
    let latency = Duration::from_secs_f64(latency);
    Prior {
        first_byte: latency,
        latency,
        reliability: 0.99,
        quality: 0.9,
    }
}

fn router(latencies: &[f64]) -> Router {
    let mut router = made(RouterConfig::default());
    for latency in latencies {
        router.add(prior(*latency));
    }
    router
}

/// Makes a request that no candidate is tried out with.
fn plain() -> Ask {
    Ask::default()
}

fn choose(router: &mut Router, now: f64, costs: &[Option<f64>]) -> Choice {
    router
        .choose(at(now), &plain(), &Barred::default(), |index| {
            costs[index].map(usd)
        })
        .unwrap()
}

fn call(router: &mut Router, now: f64, index: usize, seconds: f64, outcome: Outcome) {
    let ticket = router.started(at(now), index);
    router.ended(at(now + seconds), ticket, outcome);
}

fn terms(router: &Router, now: f64) -> Terms {
    router.terms(at(now), &plain(), &Barred::default(), |_| Some(Money::ZERO))[0]
}

const FAILED: Outcome = Outcome::Failed { retry_after: None };
