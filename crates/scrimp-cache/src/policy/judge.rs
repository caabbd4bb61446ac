//! A stored response at the moment of a request: its age, its freshness, and the decision on using
//! it (RFC 9111 §4).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use scrimp_http::cache_control::RequestControl;
use tokio::time::Instant;

use super::moment::{Moment, Second, Span};

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
