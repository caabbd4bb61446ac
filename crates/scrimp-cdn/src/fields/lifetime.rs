//! Lifetimes of responses at a CDN.

use std::time::Duration;

use http::HeaderValue;

/// Lifetime of a response at a CDN, in whole seconds.
///
/// ```
/// use std::time::Duration;
/// use scrimp_cdn::CdnLifetime;
///
/// let day = CdnLifetime::new(Duration::from_secs(86_400))
///     .stale_while_revalidate(Duration::from_secs(60));
/// # let _ = day;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct CdnLifetime {
    fresh: Duration,
    stale_while_revalidate: Option<Duration>,
    stale_if_error: Option<Duration>,
}

/// The longest lifetime that HTTP counts (RFC 9111 §1.2.2).
const MOST: u64 = 1 << 31;

// === impl CdnLifetime ===

impl CdnLifetime {
    /// Makes a lifetime without a time for stale responses.
    pub fn new(fresh: Duration) -> Self {
        Self {
            fresh,
            stale_while_revalidate: None,
            stale_if_error: None,
        }
    }

    /// Sets how long after that a stale response may be used while the CDN asks for a new one.
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.stale_while_revalidate = Some(time);
        self
    }

    /// Sets how long after that a stale response may be used while this server fails.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.stale_if_error = Some(time);
        self
    }

    /// Returns the lifetime of a response that is stale already.
    pub(super) fn stale(self) -> Self {
        Self {
            fresh: Duration::ZERO,
            ..self
        }
    }

    /// Returns the lifetime as directives of Cache-Control.
    pub(super) fn directives(&self) -> HeaderValue {
        let mut text = format!("max-age={}", seconds(self.fresh));
        let more = [
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        ];
        for (name, time) in more {
            if let Some(time) = time {
                text.push_str(&format!(", {name}={}", seconds(time)));
            }
        }
        HeaderValue::try_from(text).expect("names and numbers are visible ASCII")
    }

    /// Returns the lifetime in seconds.
    pub(super) fn seconds(&self) -> HeaderValue {
        HeaderValue::from(seconds(self.fresh))
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs().min(MOST)
}
