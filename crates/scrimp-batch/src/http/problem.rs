//! Problem documents for failures of the layer itself.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use scrimp_core::Problem as Document;

/// Reason for a response of the layer's own. It is sent as problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The upstream answered other requests of the batch and not this one.
    Missing,
    /// The call took too long, and a request that must not be repeated may have been carried out.
    Ambiguous(Duration),
    /// The call took too long, and the request is not sent again.
    TimedOut(Duration),
    /// The caller's deadline passed.
    Late,
    /// The task that made the call panicked, or its runtime was shut down.
    Lost,
    /// The request was polled outside of a tokio runtime, and was not sent.
    NoRuntime,
    /// The answer could not be read.
    Unreadable(String),
    /// The request's own body could not be read.
    Request(String),
}

// === impl Problem ===

impl Problem {
    fn document(&self) -> Document {
        let (status, name, error) = match self {
            Self::Missing => (
                StatusCode::BAD_GATEWAY,
                "missing",
                "http_response_incomplete",
            ),
            Self::Lost => (StatusCode::BAD_GATEWAY, "lost", "proxy_internal_error"),
            Self::NoRuntime => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "no-runtime",
                "proxy_internal_error",
            ),
            Self::Unreadable(_) => (
                StatusCode::BAD_GATEWAY,
                "unreadable",
                "http_response_incomplete",
            ),
            Self::Ambiguous(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "ambiguous",
                "http_response_timeout",
            ),
            Self::TimedOut(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "timed-out",
                "http_response_timeout",
            ),
            Self::Late => (
                StatusCode::GATEWAY_TIMEOUT,
                "deadline",
                "http_response_timeout",
            ),
            Self::Request(_) => (
                StatusCode::BAD_REQUEST,
                "request-body",
                "http_request_error",
            ),
        };
        Document::new("batch", name, status)
            .error(error)
            .detail(self.detail())
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Missing => "The upstream left this request out of its answer to the batch. \
                              Whether it was carried out is unknown."
                .into(),
            Self::Ambiguous(limit) => format!(
                "The call took more than {limit:?}. The request is not idempotent and may have \
                 been carried out, so it was not sent again."
            )
            .into(),
            Self::TimedOut(limit) => {
                format!("The call took more than {limit:?}, and the request was not sent again.")
                    .into()
            }
            Self::Late => "The deadline of the caller passed before the response was there.".into(),
            Self::Lost => "The call for the batch ended without an answer. Whether the request \
                           was carried out is unknown."
                .into(),
            Self::NoRuntime => "Batches need a tokio runtime, and this thread is in none. The \
                                request was not sent."
                .into(),
            Self::Unreadable(error) => {
                format!("The answer to the batch could not be read: {error}.").into()
            }
            Self::Request(error) => {
                format!("The body of the request could not be read: {error}.").into()
            }
        }
    }

    /// Returns the problem document.
    pub(crate) fn response(&self) -> Response<Bytes> {
        self.document().response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_its_documented_type_and_status() {
        let limit = Duration::from_secs(5);
        for (problem, name, status) in [
            (Problem::Request("x".into()), "request-body", 400),
            (Problem::Missing, "missing", 502),
            (Problem::Unreadable("x".into()), "unreadable", 502),
            (Problem::Lost, "lost", 502),
            (Problem::NoRuntime, "no-runtime", 500),
            (Problem::Ambiguous(limit), "ambiguous", 504),
            (Problem::TimedOut(limit), "timed-out", 504),
            (Problem::Late, "deadline", 504),
        ] {
            let response = problem.response();
            assert_eq!(response.status(), status);
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["type"], format!("urn:scrimp:batch:{name}"));
            assert_eq!(body["status"], status);
        }
    }
}
