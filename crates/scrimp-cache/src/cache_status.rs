//! The fields that a cache writes: Cache-Status (RFC 9211) and Age.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use parking_lot::RwLock;
use scrimp_core::extensions::{CacheInfo, CacheState};

use crate::policy::{Policy, judge::Freshness};

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

/// A cache's name as a structured field, with its most frequent values.
#[derive(Debug, Clone)]
pub(crate) struct CacheName {
    name: Box<str>,
    others: Arc<[Slot; SLOTS]>,
}

/// The last report and its value. The reports of one cache differ in a few dozen ways and in their
/// TTL, which is usually one of a few.
type Slot = RwLock<Option<(Report, HeaderValue)>>;

const SLOTS: usize = 64;

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

// === impl CacheName ===

impl Default for CacheName {
    fn default() -> Self {
        Self::written("scrimp".into())
    }
}

impl CacheName {
    /// Returns `None` if the name can be neither a token nor a string (RFC 8941 §3.3).
    pub(crate) fn new(name: &str) -> Option<Self> {
        Some(Self::written(structured(name)?))
    }

    fn written(name: Box<str>) -> Self {
        Self {
            name,
            others: Arc::new([const { RwLock::new(None) }; SLOTS]),
        }
    }

    /// Returns the remembered value of a report, or makes it.
    fn remembered(&self, report: Report, make: impl FnOnce() -> HeaderValue) -> HeaderValue {
        let slot = &self.others[slot_of(report)];
        if let Some((known, value)) = &*slot.read()
            && *known == report
        {
            return value.clone();
        }
        let value = make();
        // A request does not wait for the lock: it only helps the next one.
        if let Some(mut slot) = slot.try_write() {
            *slot = Some((report, value.clone()));
        }
        value
    }
}

/// Returns the slot of a report. Reports that often occur together have different slots.
fn slot_of(report: Report) -> usize {
    let reason = report.forward.map_or(0, |forward| forward as usize + 1);
    let detail = report.detail.map_or(0, str::len);
    let ttl = report.ttl.unwrap_or_default() as usize;
    ttl.wrapping_add(8 * reason).wrapping_add(detail) % SLOTS
}

/// Returns a name as a structured field: a token if possible, else a string. `None` if the name is
/// empty, or has characters that neither can hold.
fn structured(name: &str) -> Option<Box<str>> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    if name.bytes().next().is_some_and(first) && name.bytes().all(rest) {
        return Some(name.into());
    }
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let mut quoted = String::from("\"");
    for letter in name.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    Some(quoted.into())
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
    info.age = Some(freshness.age());
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

/// Returns Age in whole seconds.
pub(crate) fn age(age: Duration) -> HeaderValue {
    // RFC 9111 §1.2.2: a longer age is sent as 2³¹.
    let seconds = age.as_secs().min(1 << 31);
    match digits(seconds) {
        Some(text) => HeaderValue::from_static(text),
        None => HeaderValue::from(seconds),
    }
}

/// Limit below which numbers are made in advance.
const READY: usize = 10_000;
const DIGITS: usize = 4;

/// `000000010002…`: the digits of every ready number, four by four.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    (0..READY).fold(String::with_capacity(READY * DIGITS), |mut text, number| {
        text.push_str(&format!("{number:0DIGITS$}"));
        text
    })
});

/// Returns a number below 10,000 in decimal digits.
pub(crate) fn digits(number: u64) -> Option<&'static str> {
    let number = usize::try_from(number).ok().filter(|&n| n < READY)?;
    let all: &'static str = &TEXT;
    let skip = match number {
        0..10 => 3,
        10..100 => 2,
        100..1000 => 1,
        _ => 0,
    };
    Some(&all[number * DIGITS + skip..(number + 1) * DIGITS])
}

#[cfg(test)]
mod tests;
