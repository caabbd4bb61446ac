//! Problem documents that the layer itself returns.

use bytes::Bytes;
use http::{Response, StatusCode};
use scrimp_core::Problem;

/// Reason why a request gets no response of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooManyWaiters,
    TooManyKeys,
    WaitedTooLong,
    /// The call panicked, and no attempts are left.
    Lost,
    /// The first bytes of the body were dropped before this caller read them.
    FellBehind,
}

// === impl Refusal ===

impl Refusal {
    /// Returns the problem document.
    pub(crate) fn response(self) -> Response<Bytes> {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (name, status, error, detail) = match self {
            Self::TooManyWaiters => (
                "too-many-waiters",
                unavailable,
                "connection_limit_reached",
                "Too many requests wait for the same call.",
            ),
            Self::TooManyKeys => (
                "too-many-keys",
                unavailable,
                "connection_limit_reached",
                "Too many different calls are in flight.",
            ),
            Self::WaitedTooLong => (
                "waited-too-long",
                unavailable,
                "http_response_timeout",
                "The call that the request waited for took too long.",
            ),
            Self::Lost => (
                "lost",
                StatusCode::BAD_GATEWAY,
                "proxy_internal_error",
                "The call that the request waited for ended without a response.",
            ),
            Self::FellBehind => (
                "fell-behind",
                unavailable,
                "proxy_internal_error",
                "The shared body had gone by before this caller read it.",
            ),
        };
        Problem::new("coalesce", name, status)
            .error(error)
            .detail(detail)
            .response()
    }
}
