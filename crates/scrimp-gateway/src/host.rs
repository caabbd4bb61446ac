//! The host of a request: one, and valid (RFC 9112 §3.2, RFC 9113 §8.3.1).

use axum::{body::Body, extract::Request};
use http::{
    HeaderMap, HeaderValue, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery},
};

/// Moves the host to `Host` only, so that the cache's key and the upstream use the same one.
pub(crate) fn settle(request: &mut Request<Body>) -> Result<(), &'static str> {
    let host = one_host(request.headers())?;
    let Some(authority) = request.uri().authority().cloned() else {
        return match host {
            Some(host) => check(&host),
            None if request.version() <= Version::HTTP_10 => Ok(()),
            None => Err("exactly one Host header is required"),
        };
    };
    if request.uri().scheme().is_none() {
        // A host alone: only CONNECT sends it. A path without its slash looks the same.
        return Err("the request's target is neither a path nor a URL");
    }
    let value = HeaderValue::from_str(authority.as_str())
        .map_err(|_| "the request's URL has no valid host")?;
    check(&value)?;
    match host {
        // HTTP/2 has the authority instead of Host; both must agree.
        Some(host)
            if request.version() >= Version::HTTP_2
                && !host.as_bytes().eq_ignore_ascii_case(value.as_bytes()) =>
        {
            return Err("Host and :authority are different");
        }
        None if request.version() == Version::HTTP_11 => {
            return Err("exactly one Host header is required");
        }
        // Absolute form: its authority takes precedence over Host.
        _ => {}
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    request.headers_mut().insert(HOST, value);
    Ok(())
}

fn one_host(headers: &HeaderMap) -> Result<Option<HeaderValue>, &'static str> {
    let mut hosts = headers.get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (host, None) => Ok(host.cloned()),
        _ => Err("exactly one Host header is required"),
    }
}

fn check(host: &HeaderValue) -> Result<(), &'static str> {
    match Authority::try_from(host.as_bytes()) {
        Ok(authority) if !authority.as_str().contains('@') => Ok(()),
        _ => Err("the Host header does not contain a valid host"),
    }
}
