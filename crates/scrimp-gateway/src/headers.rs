//! Fields that are for one connection only (RFC 9110 §7.6.1), and `Via` (§7.6.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{TRAILER, TRANSFER_ENCODING, VIA},
};
use scrimp_http::{connection, list::members, names};

/// The name this gateway goes by in `Via` and `Proxy-Status`.
pub(crate) const NAME: &str = "scrimp-gateway";

/// How often our name may stand in a request's `Via` before we call it a loop.
const MAX_PASSES: usize = 4;

/// Takes away the fields whose name has an underscore. Programs behind WSGI, Rack, PHP or CGI
/// read `X_Original_URL` as `X-Original-URL`, and everything on the way to them reads it as
/// another field: what such a program answers could be stored as the answer to all.
pub(crate) fn drop_disguised(request: &mut HeaderMap) {
    let disguised = request.keys().filter(|name| names::is_disguised(name));
    let disguised: Vec<HeaderName> = disguised.cloned().collect();
    for name in disguised {
        request.remove(name);
    }
}

/// Takes away what belongs to the connection that a request came by. That the body is chunked
/// stays: its length is not known, and every layer up to the client's end reads it from there.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip_but(headers, &TRANSFER_ENCODING);
}

/// Takes away what belongs to the connection that a response came by. Which trailers come
/// stays, as trailers are passed on.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    strip_but(headers, &TRAILER);
}

fn strip_but(headers: &mut HeaderMap, kept: &HeaderName) {
    let lines: Vec<_> = headers.get_all(kept).iter().cloned().collect();
    connection::strip(headers);
    for line in lines {
        headers.append(kept, line);
    }
}

/// Adds this gateway to the end of the way the message has come.
pub(crate) fn append_via(headers: &mut HeaderMap, version: Version) {
    let protocol = match version {
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    let here = format!("{protocol} {NAME}");
    headers.append(
        VIA,
        HeaderValue::try_from(here).expect("made of visible ASCII"),
    );
}

/// Whether the request has been here so often that it must be going in circles.
pub(crate) fn is_loop(headers: &HeaderMap) -> bool {
    members(headers.get_all(VIA))
        .filter(|hop| hop.ends_with(NAME.as_bytes()))
        .count()
        >= MAX_PASSES
}

/// Whether a request's body is wrapped in anything but `chunked`, or twice in that.
pub(crate) fn has_foreign_transfer_coding(headers: &HeaderMap) -> bool {
    let mut codings = transfer_codings(headers);
    let first = codings.next();
    first.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

/// Whether a response's body is compressed for one hop. We would pass it on unlabelled, as
/// bytes that mean something else. (`identity`, and words that are no codings at all,
/// change no bytes; origins do send them.)
pub(crate) fn is_compressed_for_transfer(headers: &HeaderMap) -> bool {
    let known = ["compress", "deflate", "gzip", "x-compress", "x-gzip"];
    transfer_codings(headers).any(|coding| {
        let is = |known: &str| coding.eq_ignore_ascii_case(known.as_bytes());
        known.into_iter().any(is)
    })
}

fn transfer_codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    members(headers.get_all(TRANSFER_ENCODING))
}
