//! Claims of a request about its target, outside the target.

use http::{HeaderMap, Uri, header};
use scrimp_core::KeyBuf;

use super::framed;
use scrimp_http::target::{forwarded_claims, retells};

/// Adds the fields in which a request may claim another host, scheme or path than its target's.
///
/// Between trusted proxies they are the same for all requests, so they do not split the cache. A
/// response to a client's false claims only answers requests with the same claims.
pub(super) fn retellings(key: &mut KeyBuf, uri: &Uri, headers: &HeaderMap) {
    key.part_with(|write| {
        for (name, value) in headers {
            if name == header::FORWARDED {
                for claim in forwarded_claims(value.as_bytes()) {
                    framed(b"forwarded", write);
                    framed(claim, write);
                }
            } else if retells(name) || name == header::HOST && uri.authority().is_some() {
                framed(name.as_str().as_bytes(), write);
                framed(value.as_bytes(), write);
            }
        }
    });
}
