//! What a request claims of its target elsewhere than in the target.

use http::{HeaderMap, Uri, header};
use scrimp_core::KeyBuf;

use super::{authority, framed, without_default_port};
use crate::policy::facts::retells;

/// Whether Host is not the authority of the URI, in a request that has both. HTTP/2 and the
/// absolute form allow for it; upstreams may read either.
pub(super) fn names_another_host(uri: &Uri, headers: &HeaderMap) -> bool {
    if uri.authority().is_none() {
        return false;
    }
    let own = authority(uri, headers);
    let same = |host: &str| without_default_port(uri, host).eq_ignore_ascii_case(own);
    let host = headers.get(header::HOST);
    host.is_some_and(|host| !host.to_str().is_ok_and(same))
}

/// The fields in which a request may claim another host, scheme or path than its target's.
///
/// Between trusted proxies they are the same for all, so this parts nothing; and what a
/// client makes up is answered from what that client made.
pub(super) fn retellings(key: &mut KeyBuf, uri: &Uri, headers: &HeaderMap) {
    key.part_with(|write| {
        for (name, value) in headers {
            if name == header::FORWARDED {
                forwarded(value.as_bytes(), write);
            } else if retells(name) || name == header::HOST && uri.authority().is_some() {
                framed(name.as_str().as_bytes(), write);
                framed(value.as_bytes(), write);
            }
        }
    });
}

/// The `host` and `proto` parameters of a Forwarded field; `for` and `by` are addresses.
/// Taken apart without regard to quotes: then nothing can be hidden in them.
fn forwarded(line: &[u8], write: &mut dyn FnMut(&[u8])) {
    for pair in line.split(|&byte| byte == b',' || byte == b';') {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"proto") {
            framed(b"forwarded", write);
            framed(pair, write);
        }
    }
}
