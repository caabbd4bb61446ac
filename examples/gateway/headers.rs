//! Headers that are for one connection only (RFC 9110 §7.6.1), and `Via` (§7.6.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{
        AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE, VARY, VIA,
    },
};

/// The name this gateway goes by in `Via` and `Proxy-Status`.
pub(crate) const NAME: &str = "scrimp-gateway";

/// How often our name may stand in a request's `Via` before we call it a loop.
const MAX_PASSES: usize = 4;

/// Gone whether or not `Connection` lists them. The proxy-authentication fields are for
/// the hop too: this gateway neither asks for nor checks them.
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// For every recipient by definition, so no valid connection options: `Connection:
/// Cache-Control` would turn a private answer into a public one.
static NEVER_OPTIONS: [HeaderName; 7] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_LENGTH,
    COOKIE,
    HOST,
    SET_COOKIE,
    VARY,
];

/// Framing as upstreams may read it that take `_` for `-`, as CGI does.
static DISGUISED: [HeaderName; 2] = [
    HeaderName::from_static("content_length"),
    HeaderName::from_static("transfer_encoding"),
];

/// Takes away what belongs to the connection the message came by.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for option in connection_options(headers) {
        if !NEVER_OPTIONS.contains(&option) {
            headers.remove(option);
        }
    }
    for name in HOP_BY_HOP.iter().chain(&DISGUISED) {
        headers.remove(name);
    }
}

fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(CONNECTION).into_iter();
    lists
        .flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        .collect()
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
    let hops = headers.get_all(VIA).into_iter();
    hops.flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
        .filter(|hop| hop.trim_ascii().ends_with(NAME.as_bytes()))
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
    let lists = headers.get_all(TRANSFER_ENCODING).into_iter();
    lists
        .flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}
