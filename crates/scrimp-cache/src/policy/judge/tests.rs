use super::*;
use crate::policy::{Mode, facts::Answer, freshness::Arrival};
use http::{HeaderMap, HeaderValue, StatusCode};
use scrimp_http::cache_control::ResponseControl;
use std::time::SystemTime;

fn decide(request: &'static str, response: &'static str, age: u64) -> Verdict {
    let (policy, freshness) = stored(response, age);
    let control = RequestControl::parse(&[HeaderValue::from_static(request)]);
    judge(&control, &policy, freshness, false)
}

fn stored(response: &'static str, age: u64) -> (Policy, Freshness) {
    let control = ResponseControl::parse(&[HeaderValue::from_static(response)]);
    let now = Instant::now();
    let arrival = Arrival {
        now,
        wall: SystemTime::UNIX_EPOCH,
        delay: Duration::ZERO,
    };
    let policy = Policy::new(
        Mode::Shared,
        StatusCode::OK,
        &Answer::read(&HeaderMap::new()),
        &control,
        false,
        None,
        arrival,
    );
    let freshness = Freshness::new(&policy, now + Duration::from_secs(age));
    (policy, freshness)
}

#[test]
fn a_response_is_fresh_until_its_age_reaches_its_lifetime() {
    assert_eq!(decide("", "max-age=10", 9), Verdict::Fresh);
    assert_eq!(decide("", "max-age=10", 10), Verdict::Expired);
}

#[test]
fn a_request_can_ask_for_more() {
    assert_eq!(decide("no-cache", "max-age=10", 0), Verdict::Validate);
    assert_eq!(decide("max-age=0", "max-age=10", 0), Verdict::Validate);
    assert_eq!(decide("max-age=4", "max-age=10", 5), Verdict::Validate);
    assert_eq!(decide("max-age=5", "max-age=10", 5), Verdict::Fresh);
    assert_eq!(decide("min-fresh=5", "max-age=10", 6), Verdict::Validate);
    assert_eq!(decide("min-fresh=5", "max-age=10", 5), Verdict::Fresh);
}

#[test]
fn a_reload_does_not_validate_what_is_immutable_and_a_forced_one_does() {
    assert_eq!(
        decide("max-age=0", "max-age=9, immutable", 1),
        Verdict::Fresh
    );
    assert_eq!(
        decide("no-cache", "max-age=9, immutable", 1),
        Verdict::Validate
    );
    assert_eq!(
        decide("max-age=0", "max-age=9, immutable", 9),
        Verdict::Expired
    );
}

#[test]
fn a_request_can_do_with_less_unless_the_origin_forbids() {
    assert_eq!(decide("max-stale", "max-age=1", 99), Verdict::Stale);
    assert_eq!(decide("max-stale=5", "max-age=1", 6), Verdict::Stale);
    assert_eq!(decide("max-stale=5", "max-age=1", 7), Verdict::Expired);
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=1"] {
        let response: &'static str = format!("max-age=1, {forbids}").leak();
        assert_eq!(
            decide("max-stale", response, 2),
            Verdict::Expired,
            "{forbids}"
        );
    }
}

#[test]
fn a_tolerance_raises_the_limit_on_age_by_as_much_and_no_more() {
    let decide = |age| decide("max-age=5, max-stale=10", "max-age=100", age);
    assert_eq!(
        (decide(15), decide(16)),
        (Verdict::Fresh, Verdict::Validate)
    );
}

#[test]
fn stale_while_revalidate_has_an_end() {
    let response = "max-age=10, stale-while-revalidate=5";
    assert_eq!(decide("", response, 14), Verdict::StaleWhileRevalidate);
    assert_eq!(decide("", response, 15), Verdict::Expired);
}

#[test]
fn a_lost_upstream_may_be_stood_in_for_and_an_error_only_by_permission() {
    let may = |response, age, unreachable| {
        let (policy, freshness) = stored(response, age);
        may_stand_in(&RequestControl::default(), &policy, freshness, unreachable)
    };
    assert!(may("max-age=1", 2, true));
    assert!(!may("max-age=1", 2, false));
    assert!(may("max-age=1, stale-if-error=60", 61, false));
    assert!(!may("max-age=1, stale-if-error=60", 62, false));
    assert!(!may("max-age=1, must-revalidate", 2, true));
    assert!(!may("max-age=1, no-cache", 2, true));
}

#[test]
fn what_is_stored_comes_back_exactly() {
    let now = Instant::now();
    for time in [0, 1, 999_999_999, 1 << 40] {
        let time = Duration::from_nanos(time);
        for instant in [now + time, now.checked_sub(time).unwrap_or(now)] {
            assert_eq!(Moment::from(instant).instant(), instant);
        }
        assert_eq!(Moment::from(now + time).since(now.into()).get(), time);
        assert_eq!(Moment::from(now).since((now + time).into()), Span::ZERO);
        assert_eq!(Span::from(time).get(), time);
    }
}

#[test]
fn what_is_too_long_stays_long() {
    let now = Moment::from(Instant::now());
    let endless = Span::from(Duration::MAX);
    assert_eq!(endless.less(Span(9)).get(), Duration::MAX);
    assert_eq!(
        (Span(9).less(Span(2)), Span(2).less(Span(9))),
        (Span(7), Span::ZERO)
    );
    assert_eq!(now.after(Duration::MAX), None);
    let century = Duration::from_secs(100 * 365 * 86_400);
    let old = now.before(Duration::MAX);
    assert!(now.since(old).get() > century);
    assert!(old.instant() <= now.instant());
    assert!(Micros::from(Duration::MAX).get() > Duration::from_secs(3_600));
}

#[test]
fn a_caller_that_asks_for_the_origin_gets_no_stand_in() {
    let stands_in = |request: &'static str| {
        let (policy, freshness) = stored("max-age=1, stale-if-error=60", 5);
        let control = RequestControl::parse(&[HeaderValue::from_static(request)]);
        may_stand_in(&control, &policy, freshness, true)
    };
    assert!(stands_in("") && stands_in("max-age=1"));
    assert!(!stands_in("no-cache") && !stands_in("max-age=0"));
}
