//! What comes before the cache: a request that means one thing only.
//!
//! Fields whose name has an underscore are dropped before anything else looks at the request,
//! as nginx does: programs behind CGI-like interfaces read them under the name with a hyphen.
//!
//! hyper has settled the framing by now. A request with both `Content-Length` and
//! `Transfer-Encoding` reaches us as chunked, without the length, and its connection is
//! closed afterwards (RFC 9112 §6.1); differing lengths, a coding that does not end in
//! `chunked`, white space before a colon and the like never reach us.

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

/// The address at the other end of the connection, left in the request by `serve`.
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

/// Refuses the request or hands it on clean.
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
    // Answered here already: hyper sends the 100 as soon as the body is asked for.
    headers.remove(EXPECT);
    forwarded::set(headers, peer, policy.trust_forwarded);
    next.run(request).await
}

type Refusal = (StatusCode, &'static str);

fn check(request: &mut Request<Body>) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err((StatusCode::NOT_IMPLEMENTED, "this gateway makes no tunnels"));
    }
    if request.method() == Method::TRACE {
        // It would show the client what was added on the way.
        return Err((StatusCode::METHOD_NOT_ALLOWED, "TRACE is not passed on"));
    }
    if headers::has_foreign_transfer_coding(request.headers()) {
        let why = "the only transfer coding known here is chunked";
        return Err((StatusCode::NOT_IMPLEMENTED, why));
    }
    if headers::is_loop(request.headers()) {
        return Err((
            StatusCode::LOOP_DETECTED,
            "the request has been here before",
        ));
    }
    settle_host(request)
}

/// Leaves the host in `Host` and nowhere else, so that the cache's key and the upstream
/// read the same one (RFC 9112 §3.2).
fn settle_host(request: &mut Request<Body>) -> Result<(), Refusal> {
    let host = one_host(request.headers(), request.version())?;
    if request.uri().scheme().is_none() && request.uri().authority().is_some() {
        // A host alone, as only CONNECT sends it; and a path without its slash looks so.
        return Err((
            StatusCode::BAD_REQUEST,
            "the request's target is neither a path nor a URL",
        ));
    }
    let Some(authority) = request.uri().authority().cloned() else {
        return host.map_or(Ok(()), |host| check_host(&host));
    };
    // Absolute form: its authority stands, whatever Host says.
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
        _ => Err((StatusCode::BAD_REQUEST, "exactly one Host header is needed")),
    }
}

fn check_host(host: &HeaderValue) -> Result<(), Refusal> {
    match Authority::try_from(host.as_bytes()) {
        Ok(authority) if !authority.as_str().contains('@') => Ok(()),
        _ => Err((
            StatusCode::BAD_REQUEST,
            "the Host header names no valid host",
        )),
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    tracing::debug!(%status, "refused: {why}");
    reply::refusal(status, why)
}
