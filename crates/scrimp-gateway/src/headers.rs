//! Fields of one connection (RFC 9110 §7.6.1), and `Via` (§7.6.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{TRAILER, TRANSFER_ENCODING, VIA},
};
use scrimp_http::{connection, list::members, names};

/// Name of this gateway in `Via` and `Proxy-Status`.
pub(crate) const NAME: &str = "scrimp-gateway";

/// Highest number of occurrences of the gateway in a request's `Via`; more is a loop.
const MAX_PASSES: usize = 4;

/// Removes fields whose name has an underscore. Programs behind WSGI, Rack, PHP or CGI read
/// `X_Original_URL` as `X-Original-URL`, and all other readers take it for another field: the
/// response of such a program could be stored for all clients.
pub(crate) fn drop_disguised(request: &mut HeaderMap) {
    let disguised = request.keys().filter(|name| names::is_disguised(name));
    let disguised: Vec<HeaderName> = disguised.cloned().collect();
    for name in disguised {
        request.remove(name);
    }
}

/// Removes the fields of the connection that a request came by. The chunked framing stays: the
/// length is unknown, and every layer up to the client's end reads this from there.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip_but(headers, &TRANSFER_ENCODING);
}

/// Removes the fields of the connection that a response came by. The list of trailers stays, as
/// trailers are passed on.
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

/// Appends this gateway to the path of the message.
pub(crate) fn append_via(headers: &mut HeaderMap, version: Version) {
    let protocol = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        _ => "1.1",
    };
    let here = format!("{protocol} {NAME}");
    headers.append(
        VIA,
        HeaderValue::try_from(here).expect("visible ASCII is valid"),
    );
}

/// Reports whether the request has passed this gateway so often that it must be a loop.
pub(crate) fn is_loop(headers: &HeaderMap) -> bool {
    members(headers.get_all(VIA))
        .filter(|hop| hop.ends_with(NAME.as_bytes()))
        .count()
        >= MAX_PASSES
}

/// Reports whether a request's body has a transfer coding other than `chunked`, or has it twice.
pub(crate) fn has_foreign_transfer_coding(headers: &HeaderMap) -> bool {
    let mut codings = transfer_codings(headers);
    let first = codings.next();
    first.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

/// Reports whether a response's body is compressed for one hop. It would be passed on without its
/// label, as bytes with another meaning. (`identity`, and words that are not codings, change no
/// bytes; origins do send them.)
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
