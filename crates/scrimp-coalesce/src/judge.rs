//! Whether an answer may be given to others than the one it was made for.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{AGE, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, VARY, WWW_AUTHENTICATE},
};
use scrimp_core::extensions::{CacheInfo, CacheState};

use crate::{
    config::Config,
    control::{Control, members},
    key::is_keyed,
    window::Window,
};

/// What is to be done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everybody who waits for it gets it; and for so long those who come after it ended.
    Share { window: Option<Duration> },
    /// One gets it, for this reason.
    Refuse(&'static str),
}

/// Judges an answer.
pub(crate) fn judge<B>(config: &Config, response: &Response<B>) -> Verdict {
    let (status, headers) = (response.status(), response.headers());
    let mut control = Control::default();
    if status.is_informational() {
        return Verdict::Refuse("not a final answer");
    }
    // One look at every field is less than a look for each that matters.
    for (name, value) in headers {
        if let Some(reason) = refuses(config, &mut control, name, value) {
            return Verdict::Refuse(reason);
        }
    }
    if status == StatusCode::UNAUTHORIZED && is_one_connections(headers) {
        return Verdict::Refuse("authentication of one connection");
    }
    if is_refused_by_cache(response) {
        return Verdict::Refuse("the cache says so");
    }
    let window = config.window.as_ref();
    Verdict::Share {
        window: window.and_then(|window| reuse(status, headers, &control, window)),
    }
}

/// Why this field keeps an answer from being shared.
fn refuses(
    config: &Config,
    control: &mut Control,
    name: &HeaderName,
    value: &HeaderValue,
) -> Option<&'static str> {
    if *name == CACHE_CONTROL {
        control.read(value);
        if control.private {
            return Some("private");
        }
        return control.no_store.then_some("no-store");
    }
    if *name == CONTENT_TYPE {
        return is_live(value.as_bytes()).then_some("a live stream");
    }
    if *name == SET_COOKIE {
        return Some("set-cookie");
    }
    if *name == VARY {
        return (!varies_within(config, value)).then_some("vary");
    }
    None
}

/// Whether a cache below has it from store, for one user.
fn is_refused_by_cache<B>(response: &Response<B>) -> bool {
    let info = response.extensions().get::<CacheInfo>();
    info.is_some_and(|info| {
        !info.shareable
            && matches!(
                info.state,
                CacheState::Hit | CacheState::Stale | CacheState::Revalidated
            )
    })
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

/// Whether all that the answer was selected by is part of the key. Where the key is the user's
/// own, each waiter's request is compared.
fn varies_within(config: &Config, vary: &HeaderValue) -> bool {
    members(vary).all(|name| {
        HeaderName::from_bytes(name)
            .is_ok_and(|name| name != "*" && (config.key.is_some() || is_keyed(config, &name)))
    })
}

/// The fields that Vary names.
pub(crate) fn varying(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let names = headers.get_all(VARY).iter().flat_map(members);
    names.filter_map(|name| HeaderName::from_bytes(name).ok())
}

/// Whether what comes is of this moment, and has no end of its own.
fn is_live(kind: &[u8]) -> bool {
    let kind = kind.trim_ascii_start();
    // Nearly all others begin otherwise.
    if !matches!(kind.first(), Some(b't' | b'T' | b'm' | b'M')) {
        return false;
    }
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii_end();
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    fn verdict(status: u16, fields: &[(&'static str, &'static str)]) -> Verdict {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let mut config = Config::new();
        config.window = Some(Window::new());
        judge(&config, &response.body(()).unwrap())
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
