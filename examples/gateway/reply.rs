//! Answers the gateway makes itself, with the reason in `Proxy-Status` (RFC 9209).

use axum::{body::Body, response::Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
};

use crate::headers::NAME;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The request was refused. The connection ends with it: whoever sent one ambiguous
/// message may have hidden a second one behind it.
pub(crate) fn refusal(status: StatusCode, why: &'static str) -> Response {
    let mut response = failure(status, "http_request_error", why);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The upstream gave no answer; `error` is a proxy error type of RFC 9209 §2.3.
pub(crate) fn failure(status: StatusCode, error: &'static str, why: &'static str) -> Response {
    let mut response = Response::new(Body::from(format!("{why}\n")));
    *response.status_mut() = status;
    let cause = format!("{NAME}; error={error}");
    let headers = response.headers_mut();
    headers.insert(
        PROXY_STATUS,
        HeaderValue::try_from(cause).expect("made of tokens"),
    );
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
