//! How long a response is fresh (RFC 9111 §4.2.1).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// What Cache-Control and Expires say.
#[derive(Debug, Default)]
pub(super) struct Lifetime {
    pub(super) fresh_for: Option<Duration>,
    /// A shared cache may not keep it, or may not use it unasked.
    pub(super) forbidden: bool,
}

// === impl Lifetime ===

impl Lifetime {
    /// `s-maxage` counts before `max-age`, and that before `Expires`.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut lifetime = Self::default();
        let (mut shared, mut any) = (None, None);
        let lines = headers.get_all(header::CACHE_CONTROL).iter();
        for directive in lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
        {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
                None => (directive.trim(), ""),
            };
            let is = |wanted| name.eq_ignore_ascii_case(wanted);
            if is("no-store") || is("private") || is("no-cache") {
                // With a list of fields they are about those fields alone.
                lifetime.forbidden |= value.is_empty() || is("no-store");
            } else if is("s-maxage") {
                shared = shared.or(Some(delta(value)));
            } else if is("max-age") {
                any = any.or(Some(delta(value)));
            }
        }
        lifetime.fresh_for = shared.or(any).or_else(|| expires(headers));
        lifetime
    }
}

/// Delta-seconds; what is none counts as stale (RFC 9111 §4.2.1).
fn delta(text: &str) -> Duration {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Duration::ZERO;
    }
    // Too many digits are very long, not wrong (§1.2.2).
    Duration::from_secs(text.parse().unwrap_or(1 << 31).min(1 << 31))
}

/// A field that is a number of seconds.
pub(super) fn seconds(value: Option<&HeaderValue>) -> Option<Duration> {
    let text = value?.to_str().ok()?.trim();
    let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| delta(text))
}

/// Expires, less Date: no clock of this machine has a part in it.
fn expires(headers: &HeaderMap) -> Option<Duration> {
    let date = |name| {
        let text = headers.get(name).map(HeaderValue::to_str)?.ok()?;
        httpdate::parse_http_date(text).ok()
    };
    let (expires, now) = (date(header::EXPIRES)?, date(header::DATE)?);
    Some(expires.duration_since(now).unwrap_or_default())
}
