//! Responses of the gateway itself, with the reason in `Proxy-Status` (RFC 9209).

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
};

use scrimp_http::proxy_status::PROXY_STATUS;

use crate::{headers::NAME, proxy::Failure};

/// Returns the response to a refused request. It ends the connection: an ambiguous message may hide
/// a second one behind it.
pub(crate) fn refusal(status: StatusCode, why: &'static str) -> Response {
    let error = "http_request_error";
    let mut response = failure(&Failure { status, error, why });
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns the response for a failure of the upstream.
pub(crate) fn failure(failure: &Failure) -> Response {
    let mut response = Response::new(Body::from(format!("{failure}\n")));
    *response.status_mut() = failure.status;
    let cause = format!("{NAME}; error={}", failure.error);
    let headers = response.headers_mut();
    headers.insert(
        PROXY_STATUS,
        HeaderValue::try_from(cause).expect("tokens are valid"),
    );
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
