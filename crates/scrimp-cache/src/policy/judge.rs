//! The decision on using a stored response (RFC 9111 §4).

use std::time::Duration;

use tokio::time::Instant;

use scrimp_http::cache_control::RequestControl;

use super::freshness::Policy;

/// Decision on a stored response that matches a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Fresh enough: serve it.
    Fresh,
    /// Stale; the request or the response allows serving it.
    Stale,
    /// Stale, and `stale-while-revalidate` allows serving it while it is refreshed.
    StaleWhileRevalidate,
    /// Stale: ask the upstream first.
    Expired,
    /// Fresh, but the request or `no-cache` asks for validation first.
    Validate,
}

/// Age and freshness lifetime of a stored response at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    pub(crate) age: Duration,
    lifetime: Duration,
}

// === impl Freshness ===

impl Freshness {
    pub(crate) fn new(policy: &Policy, now: Instant) -> Self {
        Self {
            age: policy.age(now),
            lifetime: policy.lifetime,
        }
    }

    /// Reports whether the age is below the lifetime; at equality it is stale (§4.2).
    pub(crate) fn is_fresh(self) -> bool {
        self.lifetime > self.age
    }

    /// Returns the time until it is stale; zero once it is.
    pub(crate) fn ttl(self) -> Duration {
        self.lifetime.saturating_sub(self.age)
    }

    /// Returns the time since it became stale; zero while fresh.
    pub(crate) fn staleness(self) -> Duration {
        self.age.saturating_sub(self.lifetime)
    }
}

/// Decides whether a stored response answers a request.
///
/// A softly invalidated response (`softly_invalidated`) is stale from that moment.
pub(crate) fn judge(
    request: &RequestControl,
    policy: &Policy,
    freshness: Freshness,
    softly_invalidated: bool,
) -> Verdict {
    let seconds = |value: u32| Duration::from_secs(value.into());
    if policy.always_validate || request.no_cache {
        return Verdict::Validate;
    }
    let tolerance = request.max_stale.map(|limit| match limit {
        u32::MAX => Duration::MAX,
        limit => seconds(limit),
    });
    // This is the request's own limit on age. `max-stale` raises it by as much (§5.2.1.2); without
    // it, `max-age=0` asks for validation at any age.
    let too_old = request.max_age.is_some_and(|limit| match tolerance {
        Some(more) => freshness.age > seconds(limit).saturating_add(more),
        None => freshness.age > seconds(limit) || limit == 0,
    });
    if freshness.is_fresh() && !softly_invalidated {
        let soon_stale = request
            .min_fresh
            .is_some_and(|wanted| freshness.ttl() < seconds(wanted));
        // A browser's reload sends `max-age=0`; an immutable response cannot have changed (RFC
        // 8246 §2.1). A forced reload sends `no-cache`, which is handled above.
        let too_old = too_old && !(policy.immutable && request.max_age == Some(0));
        return if soon_stale || too_old {
            Verdict::Validate
        } else {
            Verdict::Fresh
        };
    }
    if policy.never_stale || request.min_fresh.is_some() || too_old {
        return Verdict::Expired;
    }
    if tolerance.is_some_and(|limit| freshness.staleness() <= limit) {
        return Verdict::Stale;
    }
    if !policy.while_revalidate.is_zero() && freshness.staleness() < policy.while_revalidate {
        return Verdict::StaleWhileRevalidate;
    }
    Verdict::Expired
}

/// Returns whether a stale response may stand in for a failed upstream (§4.2.4, RFC 5861 §4).
///
/// `unreachable` means that no response came: then staleness is allowed unless forbidden. An error
/// *response* is only replaced if `stale-if-error` allows it.
pub(crate) fn may_stand_in(
    request: &RequestControl,
    policy: &Policy,
    freshness: Freshness,
    unreachable: bool,
) -> bool {
    if policy.never_stale || request.no_cache || request.max_age == Some(0) {
        return false;
    }
    let window = match (policy.if_error, request.stale_if_error) {
        (Some(response), Some(request)) => Some(response.max(Duration::from_secs(request.into()))),
        (response, request) => response.or(request.map(|s| Duration::from_secs(s.into()))),
    };
    match window {
        Some(window) => freshness.staleness() <= window,
        None => unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Mode, answer::Answer, freshness::Arrival};
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
}
