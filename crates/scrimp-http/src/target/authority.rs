//! The authority of a target URI (RFC 9110 §7.2, RFC 3986 §6.2.2.1, §6.2.3).

use std::borrow::Cow;

use crate::scan::{find, has_in, is_ascii_without};
use http::{HeaderMap, HeaderValue, Uri, Version, header, uri::Scheme};

/// Returns the first line of Host.
///
/// Clients should send Host before all other fields (RFC 9110 §7.2). Looking there first costs a
/// fraction of a look-up by name.
#[must_use]
#[inline]
pub fn host(headers: &HeaderMap) -> Option<&HeaderValue> {
    match headers.iter().next()? {
        (name, value) if *name == header::HOST => Some(value),
        _ => headers.get(header::HOST),
    }
}

/// Returns the authority of a request's target: from the URI, or from Host (RFC 9110 §7.1),
/// without user information and without the scheme's default port.
///
/// Capital letters stay; comparison of authorities ignores case.
#[must_use]
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    authority_of(uri, headers.get(header::HOST))
}

/// Returns the same, for a Host that the caller has read.
#[must_use]
pub fn authority_of<'a>(uri: &'a Uri, host: Option<&'a HeaderValue>) -> &'a str {
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => host.and_then(ascii).unwrap_or_default(),
    };
    // User information before the host does not change the destination of a request.
    let host = match find(authority.as_bytes(), b'@').is_some() {
        true => authority.rsplit('@').next().unwrap_or_default(),
        false => authority,
    };
    match uri.scheme() {
        Some(scheme) => without_default_port(host, scheme),
        None => host,
    }
}

/// Returns the bytes of the same. Of a Host with other than ASCII characters it returns none.
#[must_use]
#[inline]
pub fn authority_bytes<'a>(uri: &'a Uri, host: Option<&'a HeaderValue>) -> &'a [u8] {
    if uri.authority().is_some() {
        return authority_of(uri, None).as_bytes();
    }
    // Without an authority there is no scheme, and so no default port.
    let host = host.map_or(&b""[..], HeaderValue::as_bytes);
    match is_ascii_without::<b'@'>(host) {
        true => host,
        false if !host.is_ascii() => b"",
        false => host.rsplit(|&byte| byte == b'@').next().unwrap_or_default(),
    }
}

/// Returns the scheme of a request's target; empty if it is unknown.
///
/// A server learns it from HTTP/2 and HTTP/3 (`:scheme`, RFC 9113 §8.3.1), but not from the origin
/// form of HTTP/1.1 (RFC 9112 §3.2.1). So for a request that a server has `received` it counts as
/// unknown over all of them, and the target is the same. A client knows the scheme of what it
/// sends, over any version: a response that came in clear must not answer a request for `https`.
#[must_use]
#[inline]
pub fn scheme(uri: &Uri, version: Version, received: bool) -> &str {
    match version {
        Version::HTTP_2 | Version::HTTP_3 if received => "",
        _ => uri.scheme_str().unwrap_or_default(),
    }
}

/// Returns a value as text. `None` if it has other than ASCII characters.
fn ascii(value: &HeaderValue) -> Option<&str> {
    // A host is short: reading it as UTF-8, several bytes at a time, costs twice as much.
    value.to_str().ok()
}

/// Reports whether Host differs from the authority of the URI, in a request that has both. HTTP/2
/// and the absolute form allow it, and upstreams may read either.
#[must_use]
pub fn names_another_host(uri: &Uri, headers: &HeaderMap) -> bool {
    if uri.authority().is_none() {
        return false;
    }
    let own = authority(uri, headers);
    let host = headers.get(header::HOST);
    host.is_some_and(|host| !is_named_by(uri, own.as_bytes(), host))
}

/// Reports whether Host names this authority of the URI.
pub(super) fn is_named_by(uri: &Uri, authority: &[u8], host: &HeaderValue) -> bool {
    let same = |host: &str| match uri.scheme() {
        Some(scheme) => without_default_port(host, scheme)
            .as_bytes()
            .eq_ignore_ascii_case(authority),
        None => host.as_bytes().eq_ignore_ascii_case(authority),
    };
    ascii(host).is_some_and(same)
}

/// Reports whether a URI contains credentials, which make the response one user's.
#[must_use]
pub fn has_userinfo(uri: &Uri) -> bool {
    let authority = uri.authority();
    authority.is_some_and(|authority| authority.as_str().contains('@'))
}

/// Returns an authority in the form that all names of one server share: in lower case, without the
/// default port of HTTP or HTTPS, and without the dot at the end of the host.
///
/// This form is for invalidation: treating two servers as one costs a call, treating one as two
/// leaves an old response in store.
#[must_use]
pub fn normal_authority(authority: &str) -> Cow<'_, str> {
    if is_normal_authority(authority.as_bytes()) {
        return authority.into();
    }
    let (host, port) = split_port(authority);
    let default = port.is_some_and(|port| matches!(number(port), None | Some(80 | 443)));
    let bare = host.strip_suffix('.').unwrap_or(host);
    let kept = match port {
        Some(_) if default => bare,
        Some(port) if bare.len() != host.len() => {
            return format!("{bare}:{port}").to_ascii_lowercase().into();
        }
        Some(_) => authority,
        None => bare,
    };
    match kept.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => kept.to_ascii_lowercase().into(),
        false => kept.into(),
    }
}

/// Reports whether an authority is [normal](normal_authority) for certain, as most are.
#[must_use]
#[inline]
pub fn is_normal_authority(authority: &[u8]) -> bool {
    !has_in::<b':', b'Z'>(authority) && !authority.ends_with(b".")
}

/// Returns the host of an authority, without its port.
#[must_use]
#[inline]
pub fn host_without_port(authority: &[u8]) -> &[u8] {
    let Some(colon) = authority.iter().rposition(|&byte| byte == b':') else {
        return authority;
    };
    let (host, port) = authority.split_at(colon);
    match port[1..].iter().all(u8::is_ascii_digit) {
        true => host,
        false => authority,
    }
}

fn without_default_port<'a>(authority: &'a str, scheme: &Scheme) -> &'a str {
    let default = match () {
        () if *scheme == Scheme::HTTP => 80,
        () if *scheme == Scheme::HTTPS => 443,
        () => return authority,
    };
    match split_port(authority) {
        (host, Some(port)) if number(port).is_none_or(|port| port == default) => host,
        _ => authority,
    }
}

/// Splits host and port. An IPv6 address in brackets has its own colons.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host = host_without_port(authority.as_bytes()).len();
    (&authority[..host], authority.get(host + 1..))
}

/// Returns the number of a port. `None` for an empty one, which means the default.
fn number(port: &str) -> Option<u64> {
    crate::list::digits(port.as_bytes())
}

/// Properties of the bytes of a Host value, read in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostBytes {
    /// The value is one host to every reader. A value with a foreign byte, as in
    /// `evil.example/@victim.example`, is one host to some readers and another to others.
    pub plain: bool,
    /// The value has capital letters, which have no meaning.
    pub capitals: bool,
}

// === impl HostBytes ===

impl HostBytes {
    /// Reads a value.
    #[must_use]
    #[inline]
    pub fn of(value: &HeaderValue) -> Self {
        let kind = |byte: u8| HOST_BYTES[usize::from(byte)];
        // Four at a time cost half as much as one by one.
        let (fours, rest) = value.as_bytes().as_chunks::<4>();
        let kinds = fours.iter().fold(0, |kinds, &[a, b, c, d]| {
            kinds | kind(a) | kind(b) | kind(c) | kind(d)
        });
        let kinds = rest.iter().fold(kinds, |kinds, &byte| kinds | kind(byte));
        Self {
            plain: kinds & FOREIGN == 0,
            capitals: kinds & CAPITAL != 0,
        }
    }
}

/// A byte that cannot be part of a name, an address or a port.
const FOREIGN: u8 = 1;
/// A capital letter; it means the same as its small letter.
const CAPITAL: u8 = 2;

static HOST_BYTES: [u8; 256] = {
    let mut table = [FOREIGN; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => CAPITAL,
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']' => 0,
            _ => FOREIGN,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_host_is_found_wherever_it_is() {
        for (fields, expected) in [
            (&[][..], None),
            (&[("accept", "*/*")], None),
            (&[("host", "a")], Some("a")),
            (
                &[("host", "a"), ("accept", "*/*"), ("host", "b")],
                Some("a"),
            ),
            (
                &[("accept", "*/*"), ("host", "a"), ("host", "b")],
                Some("a"),
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let found = host(&headers);
            assert_eq!(
                found.map(HeaderValue::as_bytes),
                expected.map(str::as_bytes)
            );
            // Later lines are compared with it by place.
            let by_name = headers.get(header::HOST);
            assert!(found.zip(by_name).is_none_or(|(a, b)| std::ptr::eq(a, b)));
        }
    }

    #[test]
    fn the_bytes_of_an_authority_are_those_of_its_text() {
        let uris = ["/a", "http://h:80/a", "https://u@H:8443/a"].map(Uri::from_static);
        let hosts = ["", "h", "u@h", "a@b@[::1]:80", "h:", "h:x", "caf\u{e9}"];
        for (uri, host) in uris.iter().flat_map(|uri| hosts.map(|host| (uri, host))) {
            let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
            let text = authority_of(uri, Some(&host));
            assert_eq!(
                text.as_bytes(),
                authority_bytes(uri, Some(&host)),
                "{uri} {host:?}"
            );
        }
    }

    #[test]
    fn the_scheme_is_the_same_over_all_versions_of_a_server() {
        let (origin, absolute) = (Uri::from_static("/a"), Uri::from_static("https://h/a"));
        assert_eq!(scheme(&origin, Version::HTTP_11, true), "");
        assert_eq!(scheme(&absolute, Version::HTTP_2, true), "");
        assert_eq!(scheme(&absolute, Version::HTTP_3, true), "");
        // A proxy's request, in absolute form.
        assert_eq!(scheme(&absolute, Version::HTTP_11, true), "https");
    }

    #[test]
    fn the_scheme_counts_over_every_version_of_a_client() {
        for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
            for uri in ["http://h/a", "https://h/a"] {
                let (known, _) = uri.split_once(':').unwrap();
                assert_eq!(scheme(&Uri::from_static(uri), version, false), known);
            }
        }
    }

    #[test]
    fn the_authority_comes_from_the_uri_or_from_host() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "Api.Example.com:8080".parse().unwrap());
        let of = |uri: &'static str| authority(&Uri::from_static(uri), &headers).to_owned();
        assert_eq!(of("/"), "Api.Example.com:8080");
        assert_eq!(of("http://user@[::1]:80/"), "[::1]");
        assert_eq!(host_without_port(b"[::1]:80"), b"[::1]");
        assert_eq!(host_without_port(b"[::1]"), b"[::1]");
        assert!(has_userinfo(&Uri::from_static("http://user@a/")));
    }

    #[test]
    fn the_default_port_of_the_scheme_is_left_out_in_any_spelling() {
        let of =
            |uri: &'static str| authority(&Uri::from_static(uri), &HeaderMap::new()).to_owned();
        for uri in [
            "http://a:80/",
            "HTTP://a/",
            "https://a:443/",
            "http://a:080/",
        ] {
            assert_eq!(of(uri), "a", "{uri}");
        }
        assert_eq!(of("http://a:443/"), "a:443");
        assert_eq!(of("https://a:80/"), "a:80");
    }

    #[test]
    fn all_names_of_a_server_have_one_normal_form() {
        for name in [
            "Shop.test",
            "shop.test:443",
            "shop.test:80",
            "shop.test.",
            "SHOP.test.:443",
            "shop.test:",
        ] {
            assert_eq!(normal_authority(name), "shop.test", "{name}");
        }
        assert_eq!(normal_authority("Shop.test.:8080"), "shop.test:8080");
        assert_eq!(normal_authority("shop.test:8443"), "shop.test:8443");
        assert_eq!(normal_authority("[::1]:443"), "[::1]");
        assert_eq!(normal_authority(""), "");
    }

    #[test]
    fn a_host_that_differs_from_the_authority_is_detected() {
        let other = |uri: &'static str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            names_another_host(&Uri::from_static(uri), &headers)
        };
        assert!(other("http://a/", "evil") && other("http://a/", "a:81"));
        assert!(!other("http://a/", "A:80") && !other("/", "evil"));
    }

    #[test]
    fn a_host_with_a_foreign_byte_is_not_plain() {
        let of = |host: &'static str| HostBytes::of(&HeaderValue::from_static(host));
        for host in ["a@b", "a/b", "a,b", "a b", "a\\b", "a?b"] {
            assert!(!of(host).plain, "{host}");
        }
        for host in ["", "a.example:80", "[::1]:8080", "a_b.example."] {
            assert!(of(host).plain && !of(host).capitals, "{host}");
        }
        assert!(of("A").capitals);
    }
}
