//! Lifetimes of responses at a CDN.

use std::time::Duration;

use http::HeaderValue;
use scrimp_core::extensions::CacheInfo;

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
    /// The part of it that is over already. The response's Age says so, too.
    age: Duration,
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
            age: Duration::ZERO,
        }
    }

    /// Returns the lifetime of a response in a cache inside. `None` if it is not stored there.
    pub(super) fn in_cache(info: &CacheInfo) -> Option<Self> {
        let left = info.expires_in.filter(|_| info.stored && info.shareable)?;
        let age = info.age.unwrap_or_default();
        let age = Duration::from_secs(age.as_secs());
        Some(Self {
            age,
            ..Self::new(age.saturating_add(left))
        })
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

    /// Returns what is left of the lifetime in seconds, for a CDN that does not read Age.
    pub(super) fn seconds(&self) -> HeaderValue {
        HeaderValue::from(seconds(self.fresh.saturating_sub(self.age)))
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs().min(MOST)
}
