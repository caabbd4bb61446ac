//! The freshness lifetime and the age of a response on arrival (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use http::StatusCode;
use scrimp_http::{age::age, cache_control::ResponseControl, date};
use tokio::time::Instant;

use super::{
    answer::{Answer, Field},
    judge::{Grace, Policy, Source},
    moment::{Moment, Second, Span},
    storable::heuristically_cacheable,
};

/// Divisor of the time since the last modification that gives the heuristic lifetime (§4.2.2).
const HEURISTIC_SHARE: u32 = 10;

/// Longest heuristic lifetime: above a day, §4.2.2 requires a warning that is obsolete.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The kind of cache (RFC 9111 §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A cache for several users: obeys `s-maxage`, `private`, the rules on `Authorization`.
    #[default]
    Shared,
    /// A cache for one user, such as a client's own.
    Private,
}

/// Arrival time of a response, and its delay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
    /// `response_delay` of §4.2.3.
    pub(crate) delay: Duration,
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
        let initial_age = match rule {
            // An operator's TTL counts from arrival, whatever Age the response has.
            Some(_) => Duration::ZERO,
            None => initial_age(answer, date, arrival),
        };
        Self {
            born: Moment::from(arrival.now).before(initial_age),
            lifetime: lifetime.into(),
            source,
            always_validate: control.no_cache,
            never_stale: control.must_revalidate
                || control.no_cache
                || (shared && (control.proxy_revalidate || control.s_maxage.is_some())),
            for_credentials: control.allows_credentials(),
            immutable: control.immutable,
            grace: Grace {
                while_revalidate: control
                    .stale_while_revalidate
                    .map_or(Duration::ZERO, seconds),
                if_error: control.stale_if_error.map(seconds),
            }
            .boxed(),
            has_etag: false,
            last_modified: None,
            date: date.unwrap_or(arrival.wall).into(),
        }
    }

    /// Reads the validators of the response, which are useful once it is stored.
    pub(crate) fn with_validators(self, answer: &Answer<'_>) -> Self {
        let etag = answer.only(Field::ETag).filter(|etag| !etag.is_empty());
        Self {
            has_etag: etag.is_some(),
            last_modified: date_in(answer, Field::LastModified).map(Second::from),
            ..self
        }
    }

    /// Takes back a lifetime that is a guess.
    pub(crate) fn without_heuristics(&mut self) {
        if self.source == Source::Heuristic {
            (self.lifetime, self.source) = (Span::ZERO, Source::None);
        }
    }

    /// Replaces an operator's lifetime by another one.
    pub(crate) fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime.into();
    }

    /// Cuts a random part off the lifetime, at most this many thousandths.
    pub(crate) fn jitter(&mut self, thousandths: u16) {
        if thousandths > 0 {
            self.bound(None, None, chance(thousandths));
        }
    }

    /// Applies an operator's bounds to the lifetime, and the jitter that `chance` (0 to 1)
    /// selects.
    pub(crate) fn bound(&mut self, min: Option<Duration>, max: Option<Duration>, cut: f64) {
        let lifetime = match self.lifetime() {
            // An infinite lifetime stays infinite: a part of it would have no meaning.
            Duration::MAX => Duration::MAX,
            lifetime => lifetime.mul_f64((1.0 - cut).clamp(0.0, 1.0)),
        };
        let lifetime = max.map_or(lifetime, |max| lifetime.min(max));
        self.lifetime = min.map_or(lifetime, |min| lifetime.max(min)).into();
    }

    /// Ends every use at this age.
    pub(crate) fn retain(&mut self, most: Duration) {
        let lifetime = self.lifetime().min(most);
        self.lifetime = lifetime.into();
        let rest = most - lifetime;
        let grace = self.grace();
        self.grace = Grace {
            while_revalidate: grace.while_revalidate.min(rest),
            if_error: grace.if_error.map(|time| time.min(rest)),
        }
        .boxed();
    }

    /// Lets the response stand in for a failing upstream for at least this long.
    pub(crate) fn fail_safe(&mut self, window: Duration) {
        let grace = self.grace();
        let if_error = grace.if_error.map_or(window, |present| present.max(window));
        self.grace = Grace {
            if_error: Some(if_error),
            ..grace
        }
        .boxed();
    }
}

/// Returns a random part of a lifetime, at most this many thousandths.
pub(crate) fn chance(thousandths: u16) -> f64 {
    fastrand::f64() * f64::from(thousandths) / 1000.0
}

/// Returns `corrected_initial_age` of §4.2.3.
fn initial_age(answer: &Answer<'_>, date: Option<SystemTime>, arrival: Arrival) -> Duration {
    let apparent = date
        .and_then(|date| arrival.wall.duration_since(date).ok())
        .unwrap_or_default();
    let reported = match answer.has(Field::Age) {
        true => age(answer.headers()).unwrap_or_default(),
        false => Duration::ZERO,
    };
    apparent.max(reported.saturating_add(arrival.delay))
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
mod tests;
