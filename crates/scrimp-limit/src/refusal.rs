//! Refusals, as responses.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use scrimp_core::Problem;

/// The reason of a refusal, and the time after which the request could pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The wait would be longer than the request may wait.
    TooManyRequests(Duration),
    /// Too many requests wait already.
    TooManyWaiters(Duration),
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn response(self) -> Response<Bytes> {
        let (name, status, detail, wait) = match self {
            Self::TooManyRequests(wait) => (
                "too-many-requests",
                StatusCode::TOO_MANY_REQUESTS,
                "The rate limit is reached.",
                wait,
            ),
            Self::TooManyWaiters(wait) => (
                "too-many-waiters",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many requests wait for the rate limit.",
                wait,
            ),
        };
        Problem::new("limit", name, status)
            .uncalled()
            .detail(detail)
            .retry_after(Some(seconds(wait)))
            .response()
    }
}

/// Rounds up to whole seconds, as a retry after less than the wait would be in vain.
fn seconds(wait: Duration) -> u64 {
    let rest = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(rest).max(1)
}
