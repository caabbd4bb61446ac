//! Checks before the cache: a request must have one meaning only.
//!
//! Fields whose name has an underscore are dropped first, as in nginx: programs behind CGI-like
//! interfaces read them under the name with a hyphen.
//!
//! hyper has decided the framing before. A request with both `Content-Length` and
//! `Transfer-Encoding` arrives as chunked, without the length, and its connection is closed
//! afterwards (RFC 9112 §6.1). Different lengths, a coding that does not end in `chunked`, white
//! space before a colon and similar errors never arrive.

use std::convert::Infallible;

use axum::{body::Body, extract::Request, response::Response};
use http::{Method, StatusCode, Version, header::EXPECT};
use scrimp_http::{
    cookie,
    max_forwards::{self, Forwarding},
};

use crate::{
    forwarded, headers, host,
    peer::Peer,
    reply::{self, Failure},
    service::{GatewayService, Later, Serve},
};

/// The outermost step: refuses a request, answers it, or passes it on in clean form.
#[derive(Debug)]
pub(crate) struct Admit {
    inner: GatewayService,
    trust_forwarded: bool,
}

// === impl Admit ===

impl Admit {
    pub(crate) fn new(inner: GatewayService, trust_forwarded: bool) -> Self {
        Self {
            inner,
            trust_forwarded,
        }
    }
}

impl Serve for Admit {
    fn serve(&self, mut request: Request) -> Later {
        if let Some(response) = cleaned(&mut request, self.trust_forwarded) {
            return Box::pin(std::future::ready(Ok::<_, Infallible>(response)));
        }
        let response = self.inner.serve(request);
        Box::pin(async {
            let mut response = response.await?;
            // The version says what this sender speaks, whatever the upstream does (RFC 9112 §2.3).
            *response.version_mut() = Version::HTTP_11;
            Ok(response)
        })
    }
}

/// Cleans the request, or returns the response to one that may not be passed on.
fn cleaned(request: &mut Request, trust_forwarded: bool) -> Option<Response> {
    headers::drop_disguised(request.headers_mut());
    if let Err(failure) = check(request) {
        tracing::debug!(status = %failure.status, "refused: {failure}");
        return Some(failure.last_response());
    }
    match count_hop(request) {
        Ok(Forwarding::Ended) => return Some(reply::options()),
        Ok(_) => {}
        Err(failure) => return Some(failure.response()),
    }
    let peer = request.extensions().get::<Peer>().copied();
    let joined = request.version() >= Version::HTTP_2;
    let headers = request.headers_mut();
    headers::strip_request(headers);
    // The gateway has answered it: hyper sends the 100 when the body is read.
    headers.remove(EXPECT);
    if joined {
        cookie::join(headers);
    }
    forwarded::set(headers, peer, trust_forwarded);
    None
}

fn check(request: &mut Request<Body>) -> Result<(), Failure> {
    let method = request.method();
    if *method == Method::CONNECT {
        let why = "this gateway does not support tunnels";
        return refuse("tunnel", StatusCode::NOT_IMPLEMENTED, why);
    }
    if *method == Method::TRACE {
        // The response would show the client the fields that were added on the way.
        let why = "TRACE is not passed on";
        return refuse("trace", StatusCode::METHOD_NOT_ALLOWED, why);
    }
    if headers::has_foreign_transfer_coding(request.headers()) {
        let why = "the only supported transfer coding is chunked";
        return refuse("transfer-coding", StatusCode::NOT_IMPLEMENTED, why);
    }
    if headers::is_loop(request.headers()) {
        let why = "the request has passed this gateway before";
        return refuse("loop", StatusCode::LOOP_DETECTED, why);
    }
    host::settle(request).or_else(|why| refuse("host", StatusCode::BAD_REQUEST, why))
}

fn count_hop(request: &mut Request<Body>) -> Result<Forwarding, Failure> {
    let method = request.method().clone();
    let verdict = max_forwards::count(&method, request.headers_mut());
    if verdict == Forwarding::Invalid {
        let why = "Max-Forwards must be one number, such as 10";
        refuse("max-forwards", StatusCode::BAD_REQUEST, why)?;
    }
    Ok(verdict)
}

fn refuse(name: &'static str, status: StatusCode, why: &'static str) -> Result<(), Failure> {
    Err(Failure::refused(name, status, why))
}
