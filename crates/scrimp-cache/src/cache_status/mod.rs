//! The Cache-Status field (RFC 9211).

mod name;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use scrimp_core::extensions::{CacheInfo, CacheState};

use crate::policy::{Policy, judge::Freshness};

pub(crate) use name::CacheName;

/// Reason why a request went to the upstream (RFC 9211 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The cache was told to pass the request on.
    Bypass,
    /// The cache does not answer this method.
    Method,
    /// Nothing is stored under the key.
    UriMiss,
    /// The stored responses were selected by other request fields.
    VaryMiss,
    /// A stored response is fresh, but the request asks for more.
    Request,
    /// The stored response is stale.
    Stale,
}

/// Record of how the cache handled one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Report {
    /// Reason for the upstream call; `None` for a hit.
    pub(crate) forward: Option<Forward>,
    /// The upstream's status, if it differs from the response's.
    pub(crate) forward_status: Option<StatusCode>,
    /// Seconds until stale; negative once it is.
    pub(crate) ttl: Option<i64>,
    pub(crate) stored: bool,
    /// The upstream call was shared with other requests.
    pub(crate) collapsed: bool,
    pub(crate) detail: Option<&'static str>,
}

// === impl Forward ===

impl Forward {
    fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn hit(ttl: i64) -> Self {
        Self {
            ttl: Some(ttl),
            ..Self::default()
        }
    }

    pub(crate) fn forwarded(reason: Forward) -> Self {
        Self {
            forward: Some(reason),
            ..Self::default()
        }
    }

    pub(crate) fn detail(self, detail: &'static str) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// Returns the field's value, after the members of caches nearer to the origin.
    pub(crate) fn value(self, name: &CacheName, upstream: Option<&Bytes>) -> HeaderValue {
        match upstream {
            None => name.remembered(self, || self.written(name, None)),
            Some(_) => self.written(name, upstream),
        }
    }

    fn written(self, name: &CacheName, upstream: Option<&Bytes>) -> HeaderValue {
        let mut digits = itoa::Buffer::new();
        let (upstream, comma) = upstream.map_or(("".as_bytes(), ""), |said| (said, ", "));
        let (verdict, reason) = match self.forward {
            None => ("; hit", ""),
            Some(reason) => ("; fwd=", reason.token()),
        };
        let status = self.forward_status.as_ref().map(StatusCode::as_str);
        let (status_is, status) = parameter("; fwd-status=", status);
        let (ttl_is, ttl) = parameter("; ttl=", self.ttl.map(|ttl| digits.format(ttl)));
        let (detail_is, detail) = parameter("; detail=", self.detail);
        let stored = if self.stored { "; stored" } else { "" };
        let collapsed = if self.collapsed { "; collapsed" } else { "" };
        // This makes one allocation of the exact size, without the formatting machinery.
        let text = [
            upstream,
            comma.as_bytes(),
            name.name.as_bytes(),
            verdict.as_bytes(),
            reason.as_bytes(),
            status_is.as_bytes(),
            status.as_bytes(),
            ttl_is.as_bytes(),
            ttl.as_bytes(),
            stored.as_bytes(),
            collapsed.as_bytes(),
            detail_is.as_bytes(),
            detail.as_bytes(),
        ]
        .concat();
        value(text)
    }
}

fn value(text: Vec<u8>) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .expect("a printable name, words of this crate and the value of a valid field")
}

/// Returns a parameter's name and value, or two empty texts.
fn parameter<'a>(name: &'a str, value: Option<&'a str>) -> (&'a str, &'a str) {
    value.map_or(("", ""), |value| (name, value))
}

/// Returns the verdict on a response of this policy, for layers outside.
pub(crate) fn info(state: CacheState, policy: &Policy, freshness: Freshness) -> CacheInfo {
    let mut info = CacheInfo::new(state);
    info.age = Some(freshness.age);
    info.expires_in = Some(match policy.always_validate {
        // It is always validated before use, so other layers must not take it for fresh.
        true => Duration::ZERO,
        false => freshness.ttl(),
    });
    info.shareable = true;
    info.stored = true;
    info
}

/// Returns the seconds until the response is stale, negative after that, as `ttl` counts them.
pub(crate) fn ttl_seconds(freshness: Freshness) -> i64 {
    // Structured field integers have fifteen digits (RFC 9651 §3.3.1).
    const MAX: u64 = 999_999_999_999_999;
    let seconds = |time: Duration| i64::try_from(time.as_secs().min(MAX)).unwrap_or(i64::MAX);
    let staleness = freshness.staleness();
    if staleness.is_zero() {
        seconds(freshness.ttl())
    } else {
        -seconds(staleness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_reads_as_the_rfc_shows_it() {
        assert_eq!(
            Report::hit(376).value(&CacheName::new("scrimp").unwrap(), None),
            "scrimp; hit; ttl=376"
        );
        let miss = Report {
            ttl: Some(60),
            stored: true,
            ..Report::forwarded(Forward::UriMiss)
        };
        assert_eq!(
            miss.value(&CacheName::new("scrimp").unwrap(), None),
            "scrimp; fwd=uri-miss; ttl=60; stored"
        );
        let validated = Report {
            forward_status: Some(StatusCode::NOT_MODIFIED),
            ..Report::forwarded(Forward::Stale)
        };
        let origin = Bytes::from_static(b"Origin; hit");
        assert_eq!(
            validated
                .detail("x")
                .value(&CacheName::new("edge").unwrap(), Some(&origin)),
            "Origin; hit, edge; fwd=stale; fwd-status=304; detail=x"
        );
    }

    #[test]
    fn a_plain_hit_is_written_as_any_other_report() {
        let name = CacheName::new("edge 1").unwrap();
        for ttl in [376, 0, -12, 4095, 4096] {
            let text = format!("\"edge 1\"; hit; ttl={ttl}");
            assert_eq!(name.hit(ttl, None), text);
            assert_eq!(Report::hit(ttl).value(&name, None), text);
            let behind = Report::hit(ttl).value(&name, Some(&Bytes::from_static(b"o; hit")));
            assert_eq!(behind, format!("o; hit, {text}"));
        }
    }
}
