use std::time::Duration;

use scrimp_http::rate_limit::{QuotaRefill, QuotaState, QuotaUnit};
use tokio::time::Instant;

use super::gauge::{Gauge, Mark};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn state(limit: u64, remaining: u64) -> QuotaState {
    QuotaState {
        unit: QuotaUnit::Requests,
        limit: Some(limit),
        remaining,
        refill: QuotaRefill::Steady { window: MINUTE },
    }
}

fn at_once(limit: Option<u64>, remaining: u64, seconds: u64) -> QuotaState {
    QuotaState {
        unit: QuotaUnit::Requests,
        limit,
        remaining,
        refill: QuotaRefill::AtOnce {
            after: Some(Duration::from_secs(seconds)),
        },
    }
}

#[track_caller]
fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6, "{a} is not {b}");
}

#[test]
fn a_gauge_fills_up_evenly_and_calls_queue_for_it() {
    let mut gauge = Gauge::per_minute(60.0, 0.0);
    for _ in 0..60 {
        near(gauge.wait(0.0, 1.0), 0.0);
        gauge.take(0.0, 1.0);
    }
    for n in 1..=5 {
        near(gauge.wait(0.0, 1.0), f64::from(n));
        gauge.take(0.0, 1.0);
    }
    near(gauge.wait(3.0, 1.0), 3.0);
    gauge.give_back(3.0, 1.0);
    near(gauge.wait(3.0, 1.0), 2.0);
    near(gauge.wait(1_000.0, 60.0), 0.0);
    assert!(gauge.wait(1_000.0, 61.0).is_infinite(), "it never fits");
}

#[test]
fn a_quota_that_returns_at_once_is_waited_for() {
    let mut gauge = Gauge::stated(&at_once(Some(10), 1, 30), 0.0, 0.0);
    near(gauge.wait(0.0, 1.0), 0.0);
    gauge.take(0.0, 1.0);
    for _ in 0..10 {
        near(gauge.wait(10.0, 1.0), 20.0);
        gauge.take(10.0, 1.0);
    }
    // The next window is full.
    near(gauge.wait(10.0, 1.0), 80.0);
    near(gauge.wait(30.0, 1.0), 60.0);
    near(gauge.wait(90.0, 10.0), 0.0);
    let mut gauge = Gauge::stated(&at_once(None, 0, 30), 0.0, 0.0);
    near(gauge.wait(0.0, 1.0), 30.0);
    near(gauge.wait(30.0, 1e9), 0.0);
}

#[test]
fn what_an_answer_states_bounds_the_estimate_and_calls_after_it_are_subtracted() {
    let mut gauge = Gauge::stated(&state(60, 50), 10.0, 0.0);
    near(gauge.read(0.0).1, 40.0);
    gauge.take(0.0, 1.0);
    let mark = Mark {
        taken: gauge.taken(),
        sent: 0.0,
    };
    gauge.take(1.0, 5.0);
    // 40 − 1 + 1 − 5 by now. Between 47 and 48 are left by what it says, less the 5 after it.
    gauge.learn(1.0, &state(60, 47), Some(mark));
    near(gauge.read(1.0).1, 42.0);
    // Someone else uses the account.
    gauge.learn(1.0, &state(60, 20), Some(mark));
    near(gauge.read(1.0).1, 16.0);
    // The margin is a tenth of the limit at most.
    near(gauge.wait(1.0, 10.0), 0.0);
    near(gauge.wait(1.0, 11.0), 1.0);
    // A call from before the gauge was there says nothing of those after it.
    gauge.learn(1.0, &state(60, 10), None);
    near(gauge.read(1.0).1, 4.0);
}

#[test]
fn an_answer_of_the_window_before_says_nothing_of_this_one() {
    let mut gauge = Gauge::stated(&at_once(Some(10), 5, 10), 0.0, 0.0);
    gauge.take(9.0, 1.0);
    let mark = Mark {
        taken: gauge.taken(),
        sent: 9.0,
    };
    near(gauge.read(11.0).1, 10.0);
    gauge.wait(11.0, 1.0);
    gauge.learn(12.0, &at_once(Some(10), 0, 1), Some(mark));
    near(gauge.read(12.0).1, 10.0);
}

#[test]
fn an_answer_that_comes_late_does_not_end_the_next_window() {
    let mut gauge = Gauge::stated(&at_once(Some(10), 5, 10), 0.0, 0.0);
    let old = Mark {
        taken: gauge.taken(),
        sent: 9.0,
    };
    gauge.take(10.0, 1.0);
    let new = Mark {
        taken: gauge.taken(),
        sent: 10.5,
    };
    // The next window has begun, as this one says.
    gauge.learn(11.0, &at_once(Some(10), 9, 60), Some(new));
    gauge.learn(11.5, &at_once(Some(10), 0, 1), Some(old));
    near(gauge.read(11.5).1, 9.0);
    near(gauge.read(69.0).1, 9.0);
    near(gauge.read(72.0).1, 10.0);
}

#[test]
fn another_limit_keeps_what_was_used() {
    let mut gauge = Gauge::per_minute(60.0, 0.0);
    gauge.take(0.0, 50.0);
    gauge.set_limit(100.0, 0.0);
    near(gauge.read(0.0).1, 50.0);
    gauge.set_limit(30.0, 0.0);
    near(gauge.read(0.0).1, 0.0);
    near(gauge.wait(0.0, 30.0), 100.0);
}

fn states(remaining: u64) -> scrimp_http::rate_limit::QuotaStates {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-ratelimit-limit-requests", 60.into());
    headers.insert("x-ratelimit-remaining-requests", remaining.into());
    let now = std::time::SystemTime::UNIX_EPOCH;
    scrimp_http::rate_limit::QuotaStates::read(&headers, now)
}

#[test]
fn each_model_of_an_account_has_its_own_quota_and_a_bounded_number_is_remembered() {
    let now = Instant::now();
    let mut quotas = Quotas::new(now);
    let need = Need::default();
    let taken = quotas.take(now, 3, Some("a"), need, Duration::ZERO);
    quotas.learn(now, Some("a"), &taken, &states(0), 0);
    assert_eq!(quotas.room(now, 3, Some("a"), &need), Room::After(1.0));
    for (account, model) in [(3, Some("b")), (3, None), (4, Some("a"))] {
        assert_eq!(quotas.room(now, account, model, &need), Room::Now);
    }
    for n in 0..102_400 {
        // Used again and again, so it stays.
        assert_eq!(quotas.room(now, 3, Some("a"), &need), Room::After(1.0));
        let model = n.to_string();
        let taken = quotas.take(now, 3, Some(&model), need, Duration::ZERO);
        quotas.learn(now, Some(&model), &taken, &states(0), 0);
    }
    assert_eq!(quotas.len(), 1_024);
    assert_eq!(quotas.room(now, 3, Some("0"), &need), Room::Now);
}

#[test]
fn a_refusal_bars_the_account_for_as_long_as_it_says_or_for_longer_each_time() {
    let now = Instant::now();
    let mut quotas = Quotas::new(now);
    let need = Need::default();
    let taken = quotas.take(now, 0, None, need, Duration::ZERO);
    let mut at = now;
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        quotas.refused(at, None, &taken, None, false);
        let expected = Room::Barred(f64::from(seconds));
        assert_eq!(quotas.room(at, 0, None, &need), expected);
        at += Duration::from_secs(seconds.try_into().unwrap());
        assert_eq!(quotas.room(at, 0, None, &need), Room::Now);
    }
    let taken = quotas.take(at, 0, None, need, Duration::ZERO);
    quotas.admitted(&taken);
    quotas.refused(at, None, &taken, None, false);
    assert_eq!(quotas.room(at, 0, None, &need), Room::Barred(1.0));
    quotas.refused(at, None, &taken, Some(MINUTE), false);
    assert_eq!(quotas.room(at, 0, None, &need), Room::Barred(60.0));
}

#[test]
fn limits_of_settings_are_corrected_by_what_calls_have_used() {
    let now = Instant::now();
    let mut quotas = Quotas::new(now);
    quotas.set_limits(now, 1, Some(10.0), Some(600.0));
    let need = Need {
        input: 500.0,
        cached: 0.0,
        output: 100.0,
    };
    let taken = quotas.take(now, 1, Some("m"), need, Duration::ZERO);
    assert_eq!(quotas.room(now, 1, None, &need), Room::After(60.0));
    let used = Need {
        output: 40.0,
        ..need
    };
    quotas.settle(now, &taken, &used);
    assert_eq!(quotas.room(now, 1, None, &need), Room::After(54.0));
    quotas.give_back(now, &taken);
    assert_eq!(quotas.room(now, 1, None, &need), Room::Now);
    let more = Need {
        output: 101.0,
        ..need
    };
    assert_eq!(quotas.room(now, 1, None, &more), Room::Never);
    assert_eq!(quotas.room(now, 0, None, &more), Room::Now);
    let figures = quotas.figures(now);
    let left: Vec<_> = figures
        .iter()
        .map(|it| (it.unit, it.limit, it.left))
        .collect();
    let expected = [
        (QuotaUnit::Requests, 10.0, 10.0),
        (QuotaUnit::Tokens, 600.0, 600.0),
    ];
    assert_eq!(left, expected);
    quotas.set_limits(now, 1, None, None);
    assert_eq!(quotas.room(now, 1, None, &more), Room::Now);
}
