//! Whether an answer may be given to others than the one it was made for.

use std::time::Duration;

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{AGE, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, VARY, WWW_AUTHENTICATE},
};
use scrimp_core::extensions::{CacheInfo, CacheState};

use crate::window::Window;

/// What is to be done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everybody who waits for it gets it; and for so long those who come after it ended.
    Share { window: Option<Duration> },
    /// One gets it, for this reason.
    Refuse(&'static str),
}

/// What Cache-Control says, as far as it matters here.
#[derive(Debug, Default)]
struct Control {
    private: bool,
    no_store: bool,
    no_cache: bool,
    max_age: Option<u64>,
    s_maxage: Option<u64>,
}

/// Judges an answer. `keyed` tells whether a request field is part of the key.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    extensions: &Extensions,
    window: Option<&Window>,
    keyed: impl Fn(&HeaderName) -> bool,
) -> Verdict {
    if status.is_informational() {
        return Verdict::Refuse("not a final answer");
    }
    if headers.contains_key(SET_COOKIE) {
        return Verdict::Refuse("set-cookie");
    }
    let control = Control::read(headers);
    if control.private {
        return Verdict::Refuse("private");
    }
    if control.no_store {
        return Verdict::Refuse("no-store");
    }
    if !varies_within(headers, keyed) {
        return Verdict::Refuse("vary");
    }
    if is_live(headers) {
        return Verdict::Refuse("a live stream");
    }
    if status == StatusCode::UNAUTHORIZED && is_one_connections(headers) {
        return Verdict::Refuse("authentication of one connection");
    }
    if let Some(info) = extensions.get::<CacheInfo>()
        && !info.shareable
        && matches!(
            info.state,
            CacheState::Hit | CacheState::Stale | CacheState::Revalidated
        )
    {
        return Verdict::Refuse("the cache says so");
    }
    Verdict::Share {
        window: window.and_then(|window| reuse(status, headers, &control, window)),
    }
}

/// Whether an answer is of a kind that another try may better.
pub(crate) fn failed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// For how long it may be given again.
fn reuse(
    status: StatusCode,
    headers: &HeaderMap,
    control: &Control,
    window: &Window,
) -> Option<Duration> {
    if control.no_cache {
        return None;
    }
    let most = match status.is_server_error() {
        true => window.errors,
        false => window.time,
    };
    let lifetime = control.s_maxage.or(control.max_age);
    let age = headers.get(AGE).and_then(number).unwrap_or(0);
    let left = lifetime.map_or(most, |life| Duration::from_secs(life.saturating_sub(age)));
    let time = left.min(most);
    (!time.is_zero()).then_some(time)
}

/// Whether all that the answer was selected by is part of the key.
fn varies_within(headers: &HeaderMap, keyed: impl Fn(&HeaderName) -> bool) -> bool {
    let mut names = headers.get_all(VARY).iter().flat_map(members);
    names.all(|name| HeaderName::from_bytes(name).is_ok_and(|name| name != "*" && keyed(&name)))
}

/// The fields that Vary names.
pub(crate) fn varying(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let names = headers.get_all(VARY).iter().flat_map(members);
    names.filter_map(|name| HeaderName::from_bytes(name).ok())
}

/// Whether what comes is of this moment, and has no end of its own.
fn is_live(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default();
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii();
    kind.eq_ignore_ascii_case(b"text/event-stream")
        || kind.eq_ignore_ascii_case(b"multipart/x-mixed-replace")
}

/// Challenges that are part of an exchange with one client.
fn is_one_connections(headers: &HeaderMap) -> bool {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    challenges.flat_map(members).any(|challenge| {
        let scheme = challenge.split(|&byte| byte == b' ').next();
        let scheme = scheme.unwrap_or_default();
        [&b"ntlm"[..], b"negotiate", b"digest", b"scram-sha-256"]
            .iter()
            .any(|one| scheme.eq_ignore_ascii_case(one))
    })
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// The members of a list. A comma inside quotes parts too: then a part of what is quoted is
/// read as a directive, which can only make an answer less shared.
fn members(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let members = value.as_bytes().split(|&byte| byte == b',');
    members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

// === impl Control ===

impl Control {
    fn read(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        for member in headers.get_all(CACHE_CONTROL).iter().flat_map(members) {
            let mut halves = member.splitn(2, |&byte| byte == b'=');
            let name = halves.next().unwrap_or_default().trim_ascii();
            let value = halves.next().unwrap_or_default().trim_ascii();
            control.note(name, value);
        }
        control
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"private") {
            self.private = true;
        } else if is(b"no-store") {
            self.no_store = true;
        } else if is(b"no-cache") {
            self.no_cache = true;
        } else if is(b"max-age") {
            self.max_age = Some(seconds(value));
        } else if is(b"s-maxage") {
            self.s_maxage = Some(seconds(value));
        }
    }
}

/// What is no number is no lifetime.
fn seconds(value: &[u8]) -> u64 {
    let digits = value.strip_prefix(b"\"").unwrap_or(value);
    let digits = digits.strip_suffix(b"\"").unwrap_or(digits);
    let text = std::str::from_utf8(digits).unwrap_or_default();
    text.parse().unwrap_or(0)
}

/// Whether a request asks for more than what is at hand.
pub(crate) fn wants_fresh(headers: &HeaderMap) -> bool {
    let asks = |member: &[u8]| {
        let name = member.split(|&byte| byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        [&b"no-cache"[..], b"no-store", b"max-age", b"min-fresh"]
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one))
    };
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(members)
        .any(asks)
        || headers.contains_key(http::header::PRAGMA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    fn verdict(status: u16, fields: &[(&'static str, &'static str)]) -> Verdict {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        judge(
            head.status,
            &head.headers,
            &head.extensions,
            Some(&Window::new()),
            |name| name != "user-agent",
        )
    }

    fn window(fields: &[(&'static str, &'static str)]) -> Option<u64> {
        match verdict(200, fields) {
            Verdict::Share { window } => window.map(|time| time.as_secs()),
            Verdict::Refuse(reason) => panic!("refused: {reason}"),
        }
    }

    #[test]
    fn what_is_one_users_is_refused_however_it_is_written() {
        for fields in [
            [("cache-control", "max-age=3, Private")],
            [("cache-control", "private=\"x-a, x-b\"")],
            [("cache-control", "NO-STORE")],
            [("set-cookie", "a=b")],
            [("vary", "accept, User-Agent")],
            [("vary", "*")],
            [("vary", "a b")],
            [("content-type", "Text/Event-Stream; charset=utf-8")],
        ] {
            assert!(
                matches!(verdict(200, &fields), Verdict::Refuse(_)),
                "{fields:?}"
            );
        }
        let challenge = [("www-authenticate", "Basic realm=x, NTLM")];
        assert!(matches!(verdict(401, &challenge), Verdict::Refuse(_)));
        assert!(matches!(verdict(101, &[]), Verdict::Refuse(_)));
    }

    #[test]
    fn what_says_nothing_is_shared_and_given_again_for_the_window() {
        assert_eq!(window(&[]), Some(30));
        assert_eq!(window(&[("vary", "accept-encoding")]), Some(30));
    }

    #[test]
    fn http_may_shorten_the_window_and_not_lengthen_it() {
        assert_eq!(window(&[("cache-control", "max-age=5")]), Some(5));
        assert_eq!(
            window(&[("cache-control", "max-age=500, s-maxage=7")]),
            Some(7)
        );
        assert_eq!(window(&[("cache-control", "max-age=500")]), Some(30));
        assert_eq!(
            window(&[("cache-control", "max-age=9"), ("age", "4")]),
            Some(5)
        );
        for none in ["no-cache", "max-age=0", "max-age=x"] {
            assert_eq!(window(&[("cache-control", none)]), None, "{none}");
        }
    }

    #[test]
    fn failures_are_given_again_for_a_second() {
        let Verdict::Share { window } = verdict(503, &[]) else {
            panic!("refused");
        };
        assert_eq!(window, Some(Duration::from_secs(1)));
    }
}
