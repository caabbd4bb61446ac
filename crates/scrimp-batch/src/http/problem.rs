//! Problem documents for failures of the layer itself.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

/// Reason for a response of the layer's own. It is sent as problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The upstream answered other requests of the batch and not this one.
    Missing,
    /// The call took too long, and a request that must not be repeated may have been carried out.
    Ambiguous(Duration),
    /// The call took too long, and the request is not sent again.
    TimedOut(Duration),
    /// The caller's deadline passed before the request was sent.
    Late,
    /// The task that made the call panicked, or its runtime was shut down.
    Lost,
    /// The answer could not be read.
    Unreadable(String),
    /// The request's own body could not be read.
    Request(String),
}

// === impl Problem ===

impl Problem {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        let (bad, late) = (StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT);
        match self {
            Self::Missing => (
                bad,
                "missing",
                "The upstream left this request out of its answer to the batch. Whether it was \
                 carried out is unknown."
                    .into(),
            ),
            Self::Ambiguous(limit) => (
                late,
                "ambiguous",
                format!(
                    "The call took more than {limit:?}. The request is not idempotent and may \
                     have been carried out, so it was not sent again."
                ),
            ),
            Self::TimedOut(limit) => (
                late,
                "timed-out",
                format!("The call took more than {limit:?}, and the request was not sent again."),
            ),
            Self::Late => (
                late,
                "deadline",
                "The deadline passed before the request was sent.".into(),
            ),
            Self::Lost => (
                bad,
                "lost",
                "The call for the batch ended without an answer. Whether the request was carried \
                 out is unknown."
                    .into(),
            ),
            Self::Unreadable(error) => (
                bad,
                "unreadable",
                format!("The answer to the batch could not be read: {error}."),
            ),
            Self::Request(error) => (
                StatusCode::BAD_REQUEST,
                "request-body",
                format!("The body of the request could not be read: {error}."),
            ),
        }
    }

    /// Returns the problem document.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let (status, reason, detail) = self.parts();
        let body = serde_json::json!({
            "type": format!("urn:scrimp:batch:{reason}"),
            "title": status.canonical_reason().expect("400, 502 and 504 have a name"),
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let value = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, value);
        response
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
