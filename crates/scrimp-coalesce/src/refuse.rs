//! Answers that the layer makes itself.

use http::{HeaderValue, Response, StatusCode};
use scrimp_http::proxy_status::PROXY_STATUS;

use crate::body::CoalesceBody;

/// Why a request got no answer from upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooManyWaiters,
    TooManyKeys,
    WaitedTooLong,
    /// The call was lost in a panic, and the attempts are used up.
    Broken,
    /// The answer had gone by before this one came to read it.
    FellBehind,
}

// === impl Refusal ===

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Broken => StatusCode::BAD_GATEWAY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A member of Proxy-Status with an error type of RFC 9209 §2.3.
    fn reason(self) -> &'static str {
        match self {
            Self::TooManyWaiters => {
                "scrimp-coalesce; error=connection_limit_reached; details=\"too many waiters\""
            }
            Self::TooManyKeys => {
                "scrimp-coalesce; error=connection_limit_reached; details=\"too many keys\""
            }
            Self::WaitedTooLong => {
                "scrimp-coalesce; error=http_response_timeout; details=\"waited too long\""
            }
            Self::Broken => {
                "scrimp-coalesce; error=proxy_internal_error; details=\"the call panicked\""
            }
            Self::FellBehind => {
                "scrimp-coalesce; error=proxy_internal_error; details=\"fell behind\""
            }
        }
    }

    pub(crate) fn response<B>(self) -> Response<CoalesceBody<B>> {
        let mut response = Response::new(CoalesceBody::empty());
        *response.status_mut() = self.status();
        response
            .headers_mut()
            .insert(PROXY_STATUS, HeaderValue::from_static(self.reason()));
        response
    }
}
