//! Responses of the gateway itself: problem documents, with the reason in `Proxy-Status` too.

use std::{error::Error, fmt};

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{ALLOW, CONNECTION},
};
use scrimp_core::Problem;

/// Methods that the gateway passes on, as it names them.
const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// A failure of the gateway's own, and the reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    /// The end of the problem's type: `urn:scrimp:gateway:NAME`.
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    /// A proxy error type of RFC 9209 §2.3.
    pub(crate) error: &'static str,
    pub(crate) why: &'static str,
}

// === impl Failure ===

impl Failure {
    /// Makes the failure of a request that the gateway refuses.
    pub(crate) const fn refused(name: &'static str, status: StatusCode, why: &'static str) -> Self {
        let error = match status {
            StatusCode::LOOP_DETECTED => "proxy_loop_detected",
            StatusCode::SERVICE_UNAVAILABLE => "connection_limit_reached",
            _ => "http_request_error",
        };
        Self {
            name,
            status,
            error,
            why,
        }
    }

    /// Returns the response.
    pub(crate) fn response(&self) -> Response {
        let problem = Problem::new("gateway", self.name, self.status);
        let problem = problem.error(self.error).detail(self.why);
        let unavailable = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let response = problem.retry_after(unavailable.then_some(1)).response();
        let mut response = response.map(Body::from);
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, METHODS);
        }
        response
    }

    /// Returns the response and ends the connection: an ambiguous message may hide a second one
    /// behind it.
    pub(crate) fn last_response(&self) -> Response {
        let mut response = self.response();
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl Error for Failure {}

/// Returns the response to an OPTIONS request that may not be passed on.
pub(crate) fn options() -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(ALLOW, METHODS);
    response
}
