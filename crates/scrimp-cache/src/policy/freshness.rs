//! The permissions of a response, computed once when it is stored: its freshness lifetime, its age on arrival
//! (RFC 9111 §4.2), and its uses once it is stale.

use std::{
    cmp::Ordering,
    num::NonZeroI64,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use scrimp_http::{age::age, cache_control::ResponseControl, date};
use tokio::time::Instant;

use super::{
    facts::{Answer, Field},
    judge::{Moment, Span},
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

/// Permissions of a stored response, computed once when it is stored.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The point of time that its age counts from: its arrival, less its age on arrival.
    pub(crate) born: Moment,
    pub(crate) lifetime: Span,
    pub(crate) source: Source,
    /// Validation before every use (`no-cache`).
    pub(crate) always_validate: bool,
    /// No use once stale (`must-revalidate` and what implies it).
    pub(crate) never_stale: bool,
    /// Permission of the origin to answer requests with credentials (§3.5).
    pub(crate) for_credentials: bool,
    /// No validation while fresh (RFC 8246).
    pub(crate) immutable: bool,
    /// Uses of a stale response. It is boxed, as most responses allow none.
    pub(crate) grace: Option<Box<Grace>>,
    /// Flag that the one ETag of the response is a validator.
    pub(crate) has_etag: bool,
    pub(crate) last_modified: Option<Second>,
    /// Time of creation at the origin, for comparison with If-Modified-Since.
    pub(crate) date: Second,
}

/// Times for which a response may be used once it is stale (RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Grace {
    pub(crate) while_revalidate: Duration,
    /// Also says that the origin has allowed it.
    pub(crate) if_error: Option<Duration>,
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

/// A date in whole seconds, rounded up: it is compared with dates of fields, which have no parts of
/// seconds. An optional one takes no more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second(NonZeroI64);

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

// === impl Grace ===

impl Grace {
    /// Returns it in the form that a policy has.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
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

    /// Returns `current_age` of §4.2.3.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        Moment::from(now).since(self.born).get()
    }

    /// Returns the freshness lifetime (§4.2.1).
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime.get()
    }

    /// Returns what the lifetime was taken from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns whether it has a validator.
    #[must_use]
    pub fn has_validator(&self) -> bool {
        self.has_etag || self.last_modified.is_some()
    }

    /// Returns the times for which it may be used once it is stale.
    pub(crate) fn grace(&self) -> Grace {
        self.grace.as_deref().copied().unwrap_or_default()
    }

    /// Returns the entity tag among the stored fields of the response.
    pub(crate) fn etag<'a>(&self, stored: &'a HeaderMap) -> Option<&'a HeaderValue> {
        stored.get(header::ETAG).filter(|_| self.has_etag)
    }

    /// Returns the bytes on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        self.grace.as_ref().map_or(0, |_| size_of::<Grace>())
    }

    /// Ends the freshness at a moment, if it is not over by then.
    #[cfg(feature = "codec")]
    pub(crate) fn expire(&mut self, at: Instant) {
        self.lifetime = self.lifetime.min(self.age(at).into());
    }

    /// Returns the time for which it can be of use from `now` on: while it is fresh, while it may be
    /// refreshed behind a stale answer, and while it may stand in for a failing upstream. `None` if
    /// that is unlimited.
    #[must_use]
    pub fn useful_for(&self, now: Instant) -> Option<Duration> {
        let grace = self.grace();
        let stale = grace
            .if_error
            .unwrap_or_default()
            .max(grace.while_revalidate);
        let end = self.lifetime().saturating_add(stale);
        let rest = end.saturating_sub(self.age(now));
        (end < Duration::MAX).then_some(rest)
    }

    /// Returns the time until which it can be served without waiting for the origin, to requests
    /// that ask for nothing more; `None` if that is unlimited.
    pub(crate) fn usable_until(&self) -> Option<Instant> {
        let usable = self.lifetime();
        let usable = usable.saturating_add(self.grace().while_revalidate);
        self.born.after(usable).map(Moment::instant)
    }
}

// === impl Second ===

impl Second {
    /// Returns seconds since 1970.
    fn get(self) -> i64 {
        self.0.get() ^ i64::MIN
    }

    /// Returns the seconds in which it is encoded.
    #[cfg(feature = "codec")]
    pub(crate) fn number(self) -> i64 {
        self.get()
    }

    /// Returns the date with this [number](Self::number).
    #[cfg(feature = "codec")]
    pub(crate) fn from_number(seconds: i64) -> Self {
        // Only the earliest number is none, and that is not reached.
        Self(NonZeroI64::new(seconds ^ i64::MIN).unwrap_or(NonZeroI64::MAX))
    }
}

impl From<SystemTime> for Second {
    fn from(date: SystemTime) -> Self {
        let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let seconds = match date.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(time) => whole(time).saturating_add(i64::from(time.subsec_nanos() > 0)),
            Err(before) => -whole(before.duration()),
        };
        // Only the earliest number is none, and that is not reached.
        Self(NonZeroI64::new(seconds ^ i64::MIN).unwrap_or(NonZeroI64::MAX))
    }
}

impl PartialOrd for Second {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Second {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(&other.get())
    }
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
