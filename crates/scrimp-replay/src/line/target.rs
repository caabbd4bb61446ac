//! Conversion of a logged target to a URL.

use std::borrow::Cow;

use http::uri::{Authority, PathAndQuery};

use super::{BadLine, words::hex as digit};

/// Length that a target stays below: together with scheme and host, the limit of `http`.
const MAX_TARGET: usize = 60_000;

/// Bytes that stand for themselves in a path and in a query (RFC 3986 §3.3, §3.4), and `%` and `?`.
static PLAIN: [bool; 256] = {
    let marks = b"-._~!$&'()*+,;=:@/%?";
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        plain[marks[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Splits a logged request target into authority and path with query.
///
/// Absolute targets contain their authority. A fragment is removed, and bytes that are not allowed
/// in a URL are percent-encoded, since servers log them decoded. `*` and the `host:port` of
/// `CONNECT` have no path: they become `/`, and are never stored.
pub(super) fn split(method: &str, target: &[u8]) -> Result<(String, String), BadLine> {
    if method == "CONNECT" {
        return Ok((host(target)?, "/".to_owned()));
    }
    if target == b"*" {
        return Ok((String::new(), "/".to_owned()));
    }
    let (authority, path) = match scheme_end(target) {
        Some(end) => {
            let rest = &target[end..];
            let slash = rest.iter().position(|byte| b"/?#".contains(byte));
            let (authority, path) = rest.split_at(slash.unwrap_or(rest.len()));
            let secure = target[..end].ends_with(b"s://") || target[..end].ends_with(b"S://");
            (without_default_port(host(authority)?, secure), path)
        }
        None => (String::new(), target),
    };
    Ok((authority, encode(path)?))
}

/// Checks a host with an optional port.
pub(super) fn host(text: &[u8]) -> Result<String, BadLine> {
    let authority = Authority::try_from(text).map_err(|_| BadLine::Host)?;
    // Credentials are not part of a key and must not be in a report.
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    Ok(host.to_ascii_lowercase())
}

/// Removes the port that the scheme implies (RFC 9110 §4.2.3).
fn without_default_port(mut host: String, secure: bool) -> String {
    let port = if secure { ":443" } else { ":80" };
    if host.ends_with(port) {
        host.truncate(host.len() - port.len());
    }
    host
}

/// Decodes the ASCII characters that CloudFront encodes, once: `%2520` stays `%20`.
pub(super) fn decode(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('%') {
        return text;
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let (byte, next) = match (first, tail) {
            (b'%', [high, low, next @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) if high < 8 => (high << 4 | low, next),
                _ => (b'%', tail),
            },
            _ => (*first, tail),
        };
        plain.push(byte);
        rest = next;
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

fn scheme_end(target: &[u8]) -> Option<usize> {
    ["http://", "https://", "ws://", "wss://"]
        .into_iter()
        .find_map(|scheme| {
            let start = target.get(..scheme.len())?;
            start
                .eq_ignore_ascii_case(scheme.as_bytes())
                .then_some(scheme.len())
        })
}

fn encode(path: &[u8]) -> Result<String, BadLine> {
    let mut target = String::with_capacity(path.len() + 1);
    match path.first() {
        None | Some(b'?' | b'#') => target.push('/'),
        Some(b'/') => {}
        Some(_) => return Err(BadLine::Target),
    }
    // Most targets consist of bytes that stand for themselves in any URL.
    if target.len() + path.len() < MAX_TARGET
        && path.iter().all(|&byte| PLAIN[usize::from(byte)])
        && let Ok(plain) = std::str::from_utf8(path)
    {
        target.push_str(plain);
        return Ok(target);
    }
    for &byte in path.split(|&byte| byte == b'#').next().unwrap_or_default() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => hex(&mut target, byte),
            b'!'..=b'~' => target.push(char::from(byte)),
            _ => hex(&mut target, byte),
        }
    }
    match PathAndQuery::try_from(target.as_str()) {
        Ok(_) if target.len() < MAX_TARGET => Ok(target),
        _ => Err(BadLine::Target),
    }
}

fn hex(target: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    target.push('%');
    target.push(char::from(DIGITS[usize::from(byte >> 4)]));
    target.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &[u8]) -> Result<(String, String), BadLine> {
        split("GET", target)
    }

    #[test]
    fn absolute_targets_contain_their_host() {
        let pair = |host: &str, path: &str| Ok((host.to_owned(), path.to_owned()));
        assert_eq!(
            get(b"HTTP://Example.com:8080/a?b"),
            pair("example.com:8080", "/a?b")
        );
        assert_eq!(
            get(b"https://me:pw@[2001:db8::1]"),
            pair("[2001:db8::1]", "/")
        );
        assert_eq!(get(b"http://a?q"), pair("a", "/?q"));
        assert_eq!(get(b"https://a:443/b"), pair("a", "/b"));
        assert_eq!(get(b"https://a:80/b"), pair("a:80", "/b"));
        assert_eq!(get(b"/a#top"), pair("", "/a"));
        assert_eq!(split("OPTIONS", b"*"), pair("", "/"));
        assert_eq!(
            split("CONNECT", b"a.example:443"),
            pair("a.example:443", "/")
        );
    }

    #[test]
    fn bytes_that_a_url_must_not_contain_are_encoded() {
        let path = |target: &[u8]| get(target).unwrap().1;
        assert_eq!(path(b"/a b\"<\x00\xc3\xa9"), "/a%20b%22%3C%00%C3%A9");
        assert_eq!(path(b"/kept%20as%20is?x=[1]"), "/kept%20as%20is?x=[1]");
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(get(b"index.html"), Err(BadLine::Target));
        assert_eq!(get(b"http://exa mple/"), Err(BadLine::Host));
        assert_eq!(get(&[b'/'; 70_000]), Err(BadLine::Target));
    }

    #[test]
    fn cloudfront_encodes_once_more() {
        let decoded = |text: &'static str| decode(Cow::Borrowed(text)).into_owned();
        assert_eq!(decoded("a%2520b"), "a%20b");
        assert_eq!(decoded("a%20b%22%C3%A9%"), "a b\"%C3%A9%");
    }
}
