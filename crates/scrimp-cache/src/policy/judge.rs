//! A stored response at the moment of a request: whether it answers this one, its age, its freshness,
//! and the decision on using it (RFC 9111 §4).

#[cfg(feature = "codec")]
mod numbers;

use std::{sync::LazyLock, time::Duration};

use http::{HeaderMap, Request, header};
use scrimp_http::{
    cache_control::RequestControl,
    vary::{self, Line},
};
use smallvec::SmallVec;
use tokio::time::Instant;

#[cfg(feature = "codec")]
use super::vary::digest_of;
use super::{
    freshness::Policy,
    vary::{Chosen, Compared, Selection, spelled},
};

/// The point that others are relative to.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// The lines of a request's fields; `None` for an absent one.
pub(crate) type Lines<'a> = SmallVec<[Option<&'a [u8]>; 4]>;

/// A point of the process's time, in nanoseconds before or after its start. Times that are further
/// away than 292 years are that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

/// A length of time in nanoseconds. One of 584 years or more is without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

/// A length of time in microseconds: at most an hour and eleven minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(u32);

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
    age: Span,
    lifetime: Span,
}

// === impl Moment ===

impl Moment {
    /// Returns the time since an earlier point; zero since a later one.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Span {
        let nanos = self.0.saturating_sub(earlier.0).max(0);
        Span(nanos.unsigned_abs())
    }

    /// Returns the point this long before.
    pub(crate) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(signed(nanos(time))))
    }

    /// Returns the point this long after. `None` if that is unlimited.
    pub(crate) fn after(self, time: Duration) -> Option<Self> {
        let time = i64::try_from(nanos(time)).ok()?;
        self.0.checked_add(time).map(Self)
    }

    /// Returns it as an instant; the earliest or the latest one that the machine can represent if it
    /// is outside of them.
    pub(crate) fn instant(self) -> Instant {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        let start = *START;
        let at = |distance| match self.0 < 0 {
            true => start.checked_sub(distance),
            false => start.checked_add(distance),
        };
        let halved = |times| at(distance / (1_u32 << times));
        (0..31).find_map(halved).unwrap_or(start)
    }
}

impl From<Instant> for Moment {
    #[inline]
    fn from(instant: Instant) -> Self {
        let start = *START;
        Self(match instant.checked_duration_since(start) {
            Some(time) => signed(nanos(time)),
            None => -signed(nanos(start.saturating_duration_since(instant))),
        })
    }
}

#[inline]
fn nanos(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(SECOND);
    whole.saturating_add(time.subsec_nanos().into())
}

#[inline]
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

// === impl Span ===

impl Span {
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn get(self) -> Duration {
        match self.0 {
            u64::MAX => Duration::MAX,
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// Returns the difference from a shorter time; zero from a longer one. Of a time without end, all
    /// is left.
    #[inline]
    pub(crate) fn less(self, other: Self) -> Self {
        match self.0 {
            u64::MAX => self,
            nanos => Self(nanos.saturating_sub(other.0)),
        }
    }
}

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        Self(nanos(time))
    }
}

// === impl Micros ===

impl Micros {
    pub(crate) fn get(self) -> Duration {
        Duration::from_micros(self.0.into())
    }
}

impl From<Duration> for Micros {
    fn from(time: Duration) -> Self {
        Self(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
    }
}

// === impl Selection ===

impl Selection {
    /// Returns whether the response answers a request, by its fields and its spelling of the
    /// target.
    #[must_use]
    pub fn matches<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        self.spelling
            .as_ref()
            .is_none_or(|own| own.is(spelled(request.uri()).as_bytes()))
            && self.chosen.iter().all(|chosen| {
                chosen.is_same(headers)
                    || (chosen.name == header::ACCEPT_LANGUAGE && self.speaks(headers))
            })
    }

    /// Returns the lines of the named fields in a request. `None` if a field has several.
    pub(crate) fn lines<'a>(&self, request: &'a HeaderMap) -> Option<Lines<'a>> {
        let line = |name| match vary::line(name, request) {
            Line::Absent => Some(None),
            Line::One(line) => Some(Some(line)),
            Line::Several => None,
        };
        self.names().map(line).collect()
    }

    /// Returns whether these are the lines of the request that the response was made for.
    pub(crate) fn has_lines(&self, lines: &[Option<&[u8]>]) -> bool {
        let mut pairs = self.chosen.iter().zip(lines);
        pairs.all(|(chosen, line)| match line {
            Some(line) => chosen.is_line(line),
            None => chosen.value.is_none(),
        })
    }

    /// Returns whether the response is in the request's preferred language. Then no other response
    /// is better, whatever the original request preferred second (RFC 9110 §12.5.4).
    fn speaks(&self, request: &HeaderMap) -> bool {
        let wanted = vary::best_language(request);
        matches!((&self.language, wanted), (Some(own), Some(wanted)) if own.eq_ignore_ascii_case(wanted))
    }
}

// === impl Chosen ===

impl Chosen {
    /// Returns whether a request's field has this value.
    fn is_same(&self, request: &HeaderMap) -> bool {
        let name = &self.name;
        if let (Some(own), Line::One(line)) = (&self.line, vary::line(name, request))
            && **own == *line
        {
            return true;
        }
        let digest = |value: &Compared| {
            let normal = vary::normal_value(name, request);
            normal.is_some_and(|normal| value.is(&normal))
        };
        match self.value.as_ref().map(|value| (value, value.plain())) {
            None => vary::is_same(name, None, request),
            Some((_, Some(plain))) => vary::is_same(name, Some(plain), request),
            Some((value, None)) => digest(value),
        }
    }

    /// Returns whether this is the line of the request that the response was made for.
    fn is_line(&self, line: &[u8]) -> bool {
        let plain = || self.value.as_ref().and_then(Compared::plain);
        self.line.as_deref().or_else(plain) == Some(line)
    }
}

// === impl Compared ===

impl Compared {
    /// Reports whether it is the same text.
    fn is(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(own) => **own == *text,
            #[cfg(feature = "codec")]
            Self::Digest(own) => **own == digest_of(text),
        }
    }

    /// Returns the text, if it is known.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(own) => Some(own),
            #[cfg(feature = "codec")]
            Self::Digest(_) => None,
        }
    }
}

// === impl Freshness ===

impl Freshness {
    #[inline]
    pub(crate) fn new(policy: &Policy, now: Instant) -> Self {
        Self {
            age: Moment::from(now).since(policy.born),
            lifetime: policy.lifetime,
        }
    }

    /// Returns the freshness of a response that is stale for any reason: a soft invalidation ends its
    /// lifetime early.
    pub(crate) fn ended(self) -> Self {
        Self {
            lifetime: self.lifetime.min(self.age),
            ..self
        }
    }

    /// Returns the age.
    #[inline]
    pub(crate) fn age(self) -> Duration {
        self.age.get()
    }

    /// Reports whether the age is below the lifetime; at equality it is stale (§4.2).
    pub(crate) fn is_fresh(self) -> bool {
        self.lifetime > self.age
    }

    /// Returns the time until it is stale; zero once it is.
    pub(crate) fn ttl(self) -> Duration {
        self.lifetime.less(self.age).get()
    }

    /// Returns the time since it became stale; zero while fresh.
    pub(crate) fn staleness(self) -> Duration {
        self.age.less(self.lifetime).get()
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
        Some(more) => freshness.age() > seconds(limit).saturating_add(more),
        None => freshness.age() > seconds(limit) || limit == 0,
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
    if freshness.staleness() < policy.grace().while_revalidate {
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
    let window = match (policy.grace().if_error, request.stale_if_error) {
        (Some(response), Some(request)) => Some(response.max(Duration::from_secs(request.into()))),
        (response, request) => response.or(request.map(|s| Duration::from_secs(s.into()))),
    };
    match window {
        Some(window) => freshness.staleness() <= window,
        None => unreachable,
    }
}

#[cfg(test)]
mod tests;
