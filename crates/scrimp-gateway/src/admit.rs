//! Checks before the cache: a request must have one meaning only.
//!
//! Fields whose name has an underscore are dropped first, as in nginx: programs behind CGI-like
//! interfaces read them under the name with a hyphen.
//!
//! hyper has decided the framing before. A request with both `Content-Length` and
//! `Transfer-Encoding` arrives as chunked, without the length, and its connection is closed
//! afterwards (RFC 9112 §6.1). Different lengths, a coding that does not end in `chunked`, white
//! space before a colon and similar errors never arrive.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version,
    header::{EXPECT, HOST},
    uri::{Authority, PathAndQuery},
};

use crate::{forwarded, headers, reply};

/// Address of the other end of the connection, set in the request by `serve`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    trust_forwarded: bool,
}

// === impl Policy ===

impl Policy {
    pub(crate) fn new(trust_forwarded: bool) -> Self {
        Self { trust_forwarded }
    }
}

/// Refuses the request, or passes it on in clean form.
pub(crate) async fn admit(
    State(policy): State<Policy>,
    mut request: Request,
    next: Next,
) -> Response {
    headers::drop_disguised(request.headers_mut());
    match check(&mut request) {
        Ok(()) => {}
        Err((status, why)) => return refuse(status, why),
    }
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let headers = request.headers_mut();
    headers::strip_request(headers);
    // The gateway has answered it: hyper sends the 100 when the body is read.
    headers.remove(EXPECT);
    forwarded::set(headers, peer, policy.trust_forwarded);
    next.run(request).await
}

type Refusal = (StatusCode, &'static str);

fn check(request: &mut Request<Body>) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err((
            StatusCode::NOT_IMPLEMENTED,
            "this gateway does not support tunnels",
        ));
    }
    if request.method() == Method::TRACE {
        // The response would show the client the fields that were added on the way.
        return Err((StatusCode::METHOD_NOT_ALLOWED, "TRACE is not passed on"));
    }
    if headers::has_foreign_transfer_coding(request.headers()) {
        let why = "the only supported transfer coding is chunked";
        return Err((StatusCode::NOT_IMPLEMENTED, why));
    }
    if headers::is_loop(request.headers()) {
        return Err((
            StatusCode::LOOP_DETECTED,
            "the request has passed this gateway before",
        ));
    }
    settle_host(request)
}

/// Moves the host to `Host` only, so that the cache's key and the upstream use the same one
/// (RFC 9112 §3.2).
fn settle_host(request: &mut Request<Body>) -> Result<(), Refusal> {
    let host = one_host(request.headers(), request.version())?;
    if request.uri().scheme().is_none() && request.uri().authority().is_some() {
        // A host alone: only CONNECT sends it. A path without its slash looks the same.
        return Err((
            StatusCode::BAD_REQUEST,
            "the request's target is neither a path nor a URL",
        ));
    }
    let Some(authority) = request.uri().authority().cloned() else {
        return host.map_or(Ok(()), |host| check_host(&host));
    };
    // Absolute form: its authority takes precedence over Host.
    let value = HeaderValue::from_str(authority.as_str()).map_err(|_| {
        (
            StatusCode::BAD_REQUEST,
            "the request's URL has no valid host",
        )
    })?;
    check_host(&value)?;
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    request.headers_mut().insert(HOST, value);
    Ok(())
}

fn one_host(headers: &HeaderMap, version: Version) -> Result<Option<HeaderValue>, Refusal> {
    let mut hosts = headers.get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version <= Version::HTTP_10 => Ok(None),
        (Some(host), None) => Ok(Some(host.clone())),
        _ => Err((
            StatusCode::BAD_REQUEST,
            "exactly one Host header is required",
        )),
    }
}

fn check_host(host: &HeaderValue) -> Result<(), Refusal> {
    match Authority::try_from(host.as_bytes()) {
        Ok(authority) if !authority.as_str().contains('@') => Ok(()),
        _ => Err((
            StatusCode::BAD_REQUEST,
            "the Host header does not contain a valid host",
        )),
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    tracing::debug!(%status, "refused: {why}");
    reply::refusal(status, why)
}
