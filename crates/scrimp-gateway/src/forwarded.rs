//! Who asked, under which name: `X-Forwarded-*` towards the upstream.
//!
//! Upstreams believe these headers, and caches don't key on them: a client that could set
//! `X-Forwarded-Host` could have a page with its own links stored for everyone. So what a
//! client says is dropped, unless the gateway is told that a trusted proxy is its client.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};
use scrimp_http::{client_address::CLIENT_ADDRESS, target};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST_NAME: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a client could tell the upstream a different story in this field than the cache's
/// key tells: another host, port, path, method or address.
fn tells_a_story(name: &HeaderName) -> bool {
    CLIENT_ADDRESS.contains(name) || target::retells(name) || target::overrides(name)
}

/// Writes down where the request came from, after dropping what it claims itself.
pub(crate) fn set(headers: &mut HeaderMap, peer: Option<SocketAddr>, trust: bool) {
    if !trust {
        let stories = headers.keys().filter(|name| tells_a_story(name));
        let stories: Vec<HeaderName> = stories.cloned().collect();
        for name in stories {
            headers.remove(name);
        }
    }
    if let Some(peer) = peer {
        append_for(headers, peer);
    }
    if !headers.contains_key(HOST_NAME)
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(HOST_NAME, host);
    }
    if !headers.contains_key(PROTO) {
        headers.insert(PROTO, HeaderValue::from_static("http"));
    }
}

/// The list grows at its end, in one line: readers that take only one line get all of it.
fn append_for(headers: &mut HeaderMap, peer: SocketAddr) {
    let address = peer.ip().to_canonical().to_string();
    let mut list = Vec::new();
    for line in headers.get_all(FOR) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(address.as_bytes());
    let list = HeaderValue::from_maybe_shared(bytes::Bytes::from(list))
        .expect("made of header values and an address");
    headers.insert(FOR, list);
}
