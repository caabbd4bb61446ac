//! The freshness lifetime of a response (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};
use scrimp_http::{cache_control::ResponseControl, date};
use tokio::time::Instant;

use super::{
    Mode,
    age::initial_age,
    answer::{Answer, Field},
    status::heuristically_cacheable,
};

/// Divisor of the time since the last modification that gives the heuristic lifetime (§4.2.2).
const HEURISTIC_SHARE: u32 = 10;

/// Longest heuristic lifetime: above a day, §4.2.2 requires a warning that is obsolete.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Permissions of a stored response, computed once when it is stored.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) received: Instant,
    pub(crate) initial_age: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) source: Source,
    /// Validation before every use (`no-cache`).
    pub(crate) always_validate: bool,
    /// No use once stale (`must-revalidate` and what implies it).
    pub(crate) never_stale: bool,
    /// Permission of the origin to answer requests with credentials (§3.5).
    pub(crate) for_credentials: bool,
    /// No validation while fresh (RFC 8246).
    pub(crate) immutable: bool,
    pub(crate) while_revalidate: Duration,
    /// Also says that the origin has allowed it.
    pub(crate) if_error: Option<Duration>,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) last_modified: Option<SystemTime>,
    /// Time of creation at the origin, for comparison with If-Modified-Since.
    pub(crate) date: SystemTime,
}

/// Source of the freshness lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// An operator's rule.
    Rule,
    /// A field for this class of caches (RFC 9213).
    Targeted,
    /// Cache-Control: `s-maxage` or `max-age`.
    CacheControl,
    /// Expires.
    Expires,
    /// The time since the last modification.
    Heuristic,
    /// No source: stale on arrival, kept for its validator.
    None,
}

/// Arrival time of a response, and its delay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
    /// `response_delay` of §4.2.3.
    pub(crate) delay: Duration,
}

// === impl Source ===

impl Source {
    /// Returns whether the origin set the lifetime.
    pub(crate) fn is_explicit(self) -> bool {
        matches!(self, Self::Targeted | Self::CacheControl | Self::Expires)
    }
}

// === impl Policy ===

impl Policy {
    /// Computes from a response, and the directives that apply to it, how long it is fresh and how
    /// it may be used. Its validators are read [later](Self::with_validators).
    pub(crate) fn new(
        mode: Mode,
        status: StatusCode,
        answer: &Answer<'_>,
        control: &ResponseControl,
        targeted: bool,
        rule: Option<Duration>,
        arrival: Arrival,
    ) -> Self {
        let date = date_in(answer, Field::Date);
        let (lifetime, source) = match rule {
            Some(ttl) => (ttl, Source::Rule),
            None => {
                let date = date.unwrap_or(arrival.wall);
                lifetime(mode, status, answer, control, targeted, date)
            }
        };
        let shared = mode == Mode::Shared;
        let seconds = |value: u32| Duration::from_secs(value.into());
        Self {
            received: arrival.now,
            // An operator's TTL counts from arrival, whatever Age the response has.
            initial_age: match rule {
                Some(_) => Duration::ZERO,
                None => initial_age(answer, date, arrival),
            },
            lifetime,
            source,
            always_validate: control.no_cache,
            never_stale: control.must_revalidate
                || control.no_cache
                || (shared && (control.proxy_revalidate || control.s_maxage.is_some())),
            for_credentials: control.allows_credentials(),
            immutable: control.immutable,
            while_revalidate: control
                .stale_while_revalidate
                .map_or(Duration::ZERO, seconds),
            if_error: control.stale_if_error.map(seconds),
            etag: None,
            last_modified: None,
            date: date.unwrap_or(arrival.wall),
        }
    }

    /// Returns the time until which it can be served without waiting for the origin, to requests
    /// that ask for nothing more; `None` if that is unlimited.
    pub(crate) fn usable_until(&self) -> Option<Instant> {
        let lifetime = self.lifetime.saturating_sub(self.initial_age);
        let usable = lifetime.saturating_add(self.while_revalidate);
        self.received.checked_add(usable)
    }

    /// Reads the validators of the response, which are useful once it is stored.
    pub(crate) fn with_validators(self, answer: &Answer<'_>) -> Self {
        let etag = answer.only(Field::ETag).filter(|etag| !etag.is_empty());
        Self {
            etag: etag.cloned(),
            last_modified: date_in(answer, Field::LastModified),
            ..self
        }
    }

    /// Applies an operator's bounds to the lifetime, and the jitter that `chance` (0 to 1)
    /// selects.
    pub(crate) fn bound(&mut self, min: Option<Duration>, max: Option<Duration>, cut: f64) {
        let lifetime = match self.lifetime {
            // An infinite lifetime stays infinite: a part of it would have no meaning.
            Duration::MAX => Duration::MAX,
            lifetime => lifetime.mul_f64((1.0 - cut).clamp(0.0, 1.0)),
        };
        let lifetime = max.map_or(lifetime, |max| lifetime.min(max));
        self.lifetime = min.map_or(lifetime, |min| lifetime.max(min));
    }

    /// Lets the response stand in for a failing upstream for at least this long.
    pub(crate) fn fail_safe(&mut self, window: Duration) {
        self.if_error = Some(self.if_error.map_or(window, |present| present.max(window)));
    }

    /// Returns `current_age` of §4.2.3.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        self.initial_age
            .saturating_add(now.saturating_duration_since(self.received))
    }

    /// Returns the freshness lifetime (§4.2.1).
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Returns what the lifetime was taken from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns whether it has a validator.
    #[must_use]
    pub fn has_validator(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}

/// Returns the date in a field. `None` if the field is absent, repeated or not a date.
fn date_in(answer: &Answer<'_>, field: Field) -> Option<SystemTime> {
    answer.only(field).and_then(date::value)
}

fn lifetime(
    mode: Mode,
    status: StatusCode,
    answer: &Answer<'_>,
    control: &ResponseControl,
    targeted: bool,
    date: SystemTime,
) -> (Duration, Source) {
    let source = if targeted {
        Source::Targeted
    } else {
        Source::CacheControl
    };
    if let Some(seconds) = explicit_delta(mode, control) {
        return (Duration::from_secs(seconds.into()), source);
    }
    // A targeted field without a lifetime also disables Expires (RFC 9213 §2.2).
    if !targeted && answer.has(Field::Expires) {
        let lifetime =
            date_in(answer, Field::Expires).and_then(|expires| expires.duration_since(date).ok());
        return (lifetime.unwrap_or_default(), Source::Expires);
    }
    // An unreadable member may be one that forbids it.
    if !control.malformed
        && (heuristically_cacheable(status) || control.public)
        && let Some(modified) = date_in(answer, Field::LastModified)
        && let Ok(since) = date.duration_since(modified)
    {
        let lifetime = (since / HEURISTIC_SHARE).min(HEURISTIC_MAX);
        return (lifetime, Source::Heuristic);
    }
    (Duration::ZERO, Source::None)
}

/// Returns `s-maxage` for a shared cache, else `max-age`.
pub(crate) fn explicit_delta(mode: Mode, control: &ResponseControl) -> Option<u32> {
    match mode {
        Mode::Shared => control.s_maxage.or(control.max_age),
        Mode::Private => control.max_age,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, header};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn policy(mode: Mode, status: u16, fields: &[(&'static str, &str)]) -> Policy {
        let wall = NOW + Duration::from_secs(784_111_777);
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let control = ResponseControl::parse(headers.get_all(header::CACHE_CONTROL));
        let arrival = Arrival {
            now: Instant::now(),
            wall,
            delay: Duration::from_secs(2),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer::read(&headers);
        Policy::new(mode, status, &answer, &control, false, None, arrival)
    }

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn a_shared_cache_prefers_s_maxage_and_a_private_one_ignores_it() {
        let fields = [("cache-control", "max-age=10, s-maxage=20")];
        assert_eq!(policy(Mode::Shared, 200, &fields).lifetime.as_secs(), 20);
        assert_eq!(policy(Mode::Private, 200, &fields).lifetime.as_secs(), 10);
        assert!(policy(Mode::Shared, 200, &fields).never_stale);
    }

    #[test]
    fn expires_counts_from_date_and_a_bad_one_is_past() {
        let expires = |value| policy(Mode::Shared, 200, &[DATE, ("expires", value)]).lifetime;
        assert_eq!(expires("Sun, 06 Nov 1994 08:50:37 GMT").as_secs(), 60);
        assert_eq!(expires("0").as_secs(), 0);
        assert_eq!(expires("Sun, 06 Nov 1994 08:00:00 GMT").as_secs(), 0);
        let fields = [DATE, ("expires", "0"), ("cache-control", "max-age=5")];
        assert_eq!(policy(Mode::Shared, 200, &fields).lifetime.as_secs(), 5);
    }

    #[test]
    fn heuristics_take_a_tenth_up_to_a_day_and_only_for_the_codes_that_allow_it() {
        let modified = |status, date| {
            let policy = policy(Mode::Shared, status, &[DATE, ("last-modified", date)]);
            (policy.lifetime.as_secs(), policy.source)
        };
        assert_eq!(
            modified(200, "Sun, 06 Nov 1994 08:48:37 GMT"),
            (6, Source::Heuristic)
        );
        assert_eq!(
            modified(200, "Tue, 06 Nov 1984 08:48:37 GMT"),
            (86_400, Source::Heuristic)
        );
        assert_eq!(
            modified(201, "Tue, 06 Nov 1984 08:48:37 GMT"),
            (0, Source::None)
        );
    }
}
