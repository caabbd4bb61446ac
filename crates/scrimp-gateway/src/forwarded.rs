//! Address of the client and host of the request: `X-Forwarded-*` for the upstream.
//!
//! Upstreams trust these headers, and caches do not use them in keys: a client that could set
//! `X-Forwarded-Host` could have a page with its own links stored for all clients. So the client's
//! values are dropped, unless the client is configured as a trusted proxy.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};
use scrimp_http::{client_address::CLIENT_ADDRESS, target};

use crate::peer::Peer;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST_NAME: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Reports whether a client could contradict the cache's key in this field: with another host,
/// port, path, method or address.
fn tells_a_story(name: &HeaderName) -> bool {
    CLIENT_ADDRESS.contains(name) || target::retells(name) || target::overrides(name)
}

/// Sets the origin of the request, after dropping the client's own claims.
pub(crate) fn set(headers: &mut HeaderMap, peer: Option<Peer>, trust: bool) {
    if !trust {
        let stories = headers.keys().filter(|name| tells_a_story(name));
        let stories: Vec<HeaderName> = stories.cloned().collect();
        for name in stories {
            headers.remove(name);
        }
    }
    if let Some(peer) = peer {
        append_for(headers, peer.address.ip());
    }
    if !headers.contains_key(HOST_NAME)
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(HOST_NAME, host);
    }
    if !headers.contains_key(PROTO) {
        let scheme = if peer.is_some_and(|peer| peer.tls) {
            "https"
        } else {
            "http"
        };
        headers.insert(PROTO, HeaderValue::from_static(scheme));
    }
}

/// Appends to the list, in one line: readers of only one line get the whole list.
fn append_for(headers: &mut HeaderMap, peer: IpAddr) {
    let address = peer.to_canonical().to_string();
    let mut list = Vec::new();
    for line in headers.get_all(FOR) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(address.as_bytes());
    let list = HeaderValue::from_maybe_shared(bytes::Bytes::from(list))
        .expect("header values and an address are valid");
    headers.insert(FOR, list);
}
