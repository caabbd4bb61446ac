//! Estimates beside sums over all observations, without landmarks and discounts.

use super::*;
use crate::engine::estimate::Estimate;

/// Half-life, in seconds, of a property's usual value.
const USUAL: f64 = 900.0;
/// Half-life, in seconds, of what was seen last.
const TRUST: f64 = 60.0;

/// One property: its observations with their times, and the weights of its prior.
struct Plain {
    prior: f64,
    half_life: f64,
    strength: [f64; 2],
    seen: Vec<(f64, f64)>,
}

// === impl Plain ===

impl Plain {
    fn new(prior: f64, strength: f64) -> Self {
        Self {
            prior,
            half_life: 15.0,
            strength: [strength; 2],
            seen: Vec::new(),
        }
    }

    /// Returns the mean of the observations by their ages at `now`, shrunk to `prior`.
    fn mean(&self, now: f64, half_life: f64, prior: f64, strength: f64) -> f64 {
        let mut sum = strength * prior;
        let mut weights = strength;
        for (at, value) in &self.seen {
            let weight = (-(now - at) / half_life).exp2();
            sum += weight * value;
            weights += weight;
        }
        sum / weights
    }

    fn at(&self, now: f64) -> f64 {
        let Some((last, _)) = self.seen.last() else {
            return self.prior;
        };
        let usual = self.mean(*last, USUAL, self.prior, self.strength[1]);
        let recent = self.mean(*last, self.half_life, usual, self.strength[0]);
        usual + (recent - usual) * (-(now - last) / TRUST).exp2()
    }
}

fn assert_near(one: f64, other: f64, what: &str) {
    assert!(
        (one - other).abs() <= 1e-6 * other.abs().max(1e-3),
        "{what}: {one} and not {other}"
    );
}

fn estimate(router: &Router, now: f64) -> Estimate {
    terms(router, now).estimate
}

fn latency(router: &Router, now: f64) -> f64 {
    estimate(router, now).latency.as_secs_f64()
}

/// Returns a router that ejects no candidate, so that failures change estimates only.
fn lenient(prior: Prior) -> Router {
    let mut router = made(RouterConfig {
        eject: false,
        ..RouterConfig::default()
    });
    router.add(prior);
    router
}

/// Returns moments of observations: close together, minutes apart, and so far apart that
/// each of the landmarks moves.
fn moments() -> impl Iterator<Item = f64> {
    let pauses = [
        0.5, 3.0, 0.0, 20.0, 70.0, 7.0, 3_100.0, 2.0, 1.0, 12_500.0, 4.0,
    ];
    let far = [181_000.0, 1.0, 30.0, 3_050.0, 0.25];
    pauses
        .into_iter()
        .chain(far)
        .chain(pauses)
        .scan(0.0, |now, pause| {
            *now += pause;
            Some(*now)
        })
}

#[test]
fn before_any_call_the_estimates_are_the_prior() {
    let prior = Prior {
        first_byte: Duration::from_millis(300),
        latency: Duration::from_secs(2),
        reliability: 0.8,
        quality: 0.7,
    };
    let router = lenient(prior);
    for now in [0.0, 1.0, 1e6] {
        let one = estimate(&router, now);
        assert_eq!(
            (one.first_byte, one.latency),
            (prior.first_byte, prior.latency)
        );
        assert_eq!((one.reliability, one.quality), (0.8, 0.7));
    }
}

#[test]
fn a_prior_that_is_set_later_counts_until_the_first_call() {
    let mut router = lenient(prior(1.0));
    let changed = Prior {
        first_byte: Duration::from_secs(3),
        latency: Duration::from_secs(4),
        reliability: 0.5,
        quality: 0.2,
    };
    router.set_prior(0, changed);
    let one = estimate(&router, 5.0);
    assert_eq!(
        (one.first_byte, one.latency),
        (changed.first_byte, changed.latency)
    );
    assert_eq!((one.reliability, one.quality), (0.5, 0.2));
    // Observations are weighed against the new one.
    call(&mut router, 5.0, 0, 0.0, Outcome::Succeeded);
    let plain = Plain {
        seen: vec![(5.0, 1.0)],
        ..Plain::new(0.5, 6.0)
    };
    assert_near(
        estimate(&router, 5.0).reliability,
        plain.at(5.0),
        "reliability",
    );
    let before = estimate(&router, 5.0);
    router.set_prior(0, prior(9.0));
    let after = estimate(&router, 5.0);
    assert_eq!(after.latency, before.latency, "what was seen stays");
    assert_eq!(after.reliability, before.reliability);
    assert_eq!(after.quality, 0.9, "nothing was seen of it");
}

#[test]
fn first_bytes_are_weighed_by_their_age() {
    let mut router = lenient(prior(0.4));
    let mut plain = Plain::new(0.4, 1.0);
    for (n, now) in moments().enumerate() {
        let seconds = [0.2, 0.9, 0.5, 3.0][n % 4];
        let ticket = router.started(at(now), 0);
        router.first_byte(at(now), ticket, Duration::from_secs_f64(seconds));
        router.unmade(ticket);
        plain.seen.push((now, seconds));
        for later in [now, now + 10.0, now + 600.0] {
            let one = estimate(&router, later);
            assert_near(one.first_byte.as_secs_f64(), plain.at(later), "first byte");
            assert_eq!(one.latency, Duration::from_secs_f64(0.4));
        }
    }
}

#[test]
fn successes_and_failures_are_weighed_by_their_age() {
    let mut router = lenient(prior(1.0));
    let mut plain = Plain::new(0.99, 6.0);
    for (n, now) in moments().enumerate() {
        let succeeds = n % 3 != 1;
        let outcome = if succeeds { Outcome::Succeeded } else { FAILED };
        call(&mut router, now, 0, 0.0, outcome);
        plain.seen.push((now, f64::from(u8::from(succeeds))));
        for later in [now, now + 10.0, now + 600.0] {
            assert_near(
                estimate(&router, later).reliability,
                plain.at(later),
                "reliability",
            );
        }
    }
}

#[test]
fn a_provider_that_only_fails_is_soon_worth_little_and_its_latency_is_not_known_better() {
    let mut router = lenient(prior(1.0));
    let mut plain = Plain::new(0.99, 6.0);
    for n in 0..60_u32 {
        let now = f64::from(n);
        call(&mut router, now, 0, 0.0, FAILED);
        plain.seen.push((now, 0.0));
        assert_near(
            estimate(&router, now).reliability,
            plain.at(now),
            "reliability",
        );
    }
    let one = estimate(&router, 59.0);
    assert!(one.reliability < 0.05, "{one:?}");
    assert_eq!((one.latency, one.quality), (Duration::from_secs(1), 0.9));
}

#[test]
fn latencies_are_weighed_by_their_age() {
    let mut router = lenient(prior(1.0));
    let mut plain = Plain::new(1.0, 1.0);
    for (n, now) in moments().enumerate() {
        // None of them is far enough from the others for a change.
        let seconds = [0.9, 1.2, 1.0, 0.8, 1.1][n % 5];
        let now = now + 10.0;
        let ticket = router.started(at(now - seconds), 0);
        router.ended(at(now), ticket, Outcome::Succeeded);
        plain.seen.push((now, seconds));
        for later in [now, now + 10.0, now + 600.0] {
            assert_near(latency(&router, later), plain.at(later), "latency");
        }
    }
}

#[test]
fn an_ejected_provider_is_judged_by_its_row_of_failures_alone() {
    let mut router = router(&[1.0]);
    let mut plain = Plain::new(0.99, 6.0);
    for n in 0..20_u32 {
        call(&mut router, f64::from(n), 0, 0.0, Outcome::Succeeded);
        plain.seen.push((f64::from(n), 1.0));
    }
    for _ in 0..3 {
        call(&mut router, 30.0, 0, 0.0, FAILED);
        plain.seen.push((30.0, 0.0));
    }
    assert!(matches!(terms(&router, 30.0).health, Health::Out { .. }));
    let usual = plain.mean(30.0, USUAL, 0.99, 6.0);
    plain.seen = vec![(30.0, 0.0); 3];
    let expected = plain.mean(30.0, 15.0, usual, 6.0);
    assert_near(estimate(&router, 30.0).reliability, expected, "reliability");
    assert!(expected < 0.7 && expected > 0.5, "{expected}");
}

#[test]
fn calls_under_way_count_by_their_age_once_they_are_late() {
    let mut router = lenient(prior(1.0));
    let first = router.started(at(0.0), 0);
    assert_near(latency(&router, 3.0), 1.0, "up to three times the latency");
    // One prior second, and one call of ten seconds so far.
    assert_near(latency(&router, 10.0), 5.5, "one call");
    let second = router.started(at(4.0), 0);
    // Two calls of eight seconds on the average say more than the oldest alone.
    assert_near(latency(&router, 10.0), 17.0 / 3.0, "two calls");
    router.unmade(second);
    let second = router.started(at(9.9), 0);
    assert_near(
        latency(&router, 10.0),
        5.5,
        "the oldest says more than both",
    );
    router.unmade(second);
    router.unmade(first);
    assert_near(latency(&router, 10.0), 1.0, "none is left");
}

#[test]
fn calls_under_way_are_weighed_against_what_was_seen_and_its_age() {
    let mut router = lenient(prior(1.0));
    call(&mut router, 0.0, 0, 1.0, Outcome::Succeeded);
    let _late = router.started(at(6.0), 0);
    // The prior counts as one, and the call of fifteen seconds ago as a half.
    assert_near(latency(&router, 16.0), (1.5 + 10.0) / 2.5, "latency");
}

#[test]
fn a_changed_latency_and_quality_is_learned_again_after_any_time() {
    for hours in [0.0, 1.0, 4.0, 60.0, 700.0] {
        let mut router = router(&[1.0]);
        let mut now = 0.0;
        let mut see = |pause: f64, seconds: f64, quality: f64| {
            now += pause;
            let ticket = router.started(at(now), 0);
            now += seconds;
            router.ended(at(now), ticket, Outcome::Succeeded);
            router.judged(at(now), ticket, quality);
            let one = estimate(&router, now);
            (one.latency.as_secs_f64(), one.quality)
        };
        for n in 0..200 {
            let off = f64::from(n % 5) * 0.02;
            see(10.0, 0.96 + off, 0.86 + off);
        }
        see(hours * 3_600.0, 1.0, 0.9);
        let (latency, quality) = (0..12).map(|_| see(10.0, 4.0, 0.5)).last().expect("twelve");
        assert!((3.0..4.5).contains(&latency), "after {hours} h: {latency}");
        assert!(
            (0.45..0.65).contains(&quality),
            "after {hours} h: {quality}"
        );
        let (latency, quality) = (0..20)
            .map(|_| see(10.0, 0.5, 0.95))
            .last()
            .expect("twenty");
        assert!((0.45..1.0).contains(&latency), "after {hours} h: {latency}");
        assert!(
            (0.8..=0.96).contains(&quality),
            "after {hours} h: {quality}"
        );
    }
}
