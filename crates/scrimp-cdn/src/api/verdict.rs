//! The verdict on a response of a CDN's API.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use scrimp_core::Clock;
use scrimp_http::retry_after::retry_after;

/// The longest wait that a CDN may ask for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The verdict on a response of a CDN's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PurgeVerdict {
    /// The purge is done, or will be.
    Accepted,
    /// The same request may succeed later, after this time if the CDN names one (Retry-After, at most
    /// an hour).
    Later(Option<Duration>),
    /// The CDN will not take these items. They are sent in smaller batches, then as a wider purge.
    Refused,
}

// === impl PurgeVerdict ===

impl PurgeVerdict {
    /// Judges by status: a 2xx is accepted. A 4xx is a refusal of the items, except for 401, 403,
    /// 404 and 407 (the settings are wrong, which an operator may put right), 408, 425 and 429.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let wait = || {
            let now = Clock::system().wall();
            retry_after(headers, now).map(|wait| wait.min(LONGEST_WAIT))
        };
        match status.as_u16() {
            200..300 => Self::Accepted,
            401 | 403 | 404 | 407 | 408 | 425 | 429 => Self::Later(wait()),
            400..500 => Self::Refused,
            _ => Self::Later(wait()),
        }
    }
}
