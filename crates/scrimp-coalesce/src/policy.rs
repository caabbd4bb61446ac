//! The decision whether a response may go to several callers.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE, VARY},
};
use scrimp_core::{
    PrivateRecheck,
    extensions::{CacheInfo, CacheState},
};
use scrimp_http::{age, cache_control::ResponseControl, challenge, media_type, vary};

use crate::{
    config::{Config, ReuseWindow},
    key::is_keyed,
    unshared::Unshared,
};

/// Verdict on a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All waiters get the response, and later callers while the window lasts.
    Share { window: Option<Duration> },
    /// Only one caller gets the response, for this reason.
    Refuse(Unshared),
}

/// Judges a response, and asks once more whether its request is private.
pub(crate) fn judge<B>(
    config: &Config,
    response: &Response<B>,
    recheck: &PrivateRecheck,
) -> Verdict {
    let (status, headers) = (response.status(), response.headers());
    if recheck.is_private() {
        return Verdict::Refuse(Unshared::PrivateIf);
    }
    if status.is_informational() {
        return Verdict::Refuse(Unshared::NotFinal);
    }
    let mut control = None;
    let mut lines = 0;
    // One pass over all fields is cheaper than a lookup of each field that matters.
    for (name, value) in headers {
        let refused = match *name {
            CACHE_CONTROL => {
                control = Some(value);
                lines += 1;
                None
            }
            CONTENT_TYPE if config.share_events => None,
            CONTENT_TYPE => media_type::is_stream_type(value).then_some(Unshared::EventStream),
            SET_COOKIE => Some(Unshared::SetCookie),
            VARY => (!varies_within(config, value)).then_some(Unshared::Vary),
            _ => None,
        };
        if let Some(reason) = refused {
            return Verdict::Refuse(reason);
        }
    }
    let control = match lines {
        0 | 1 => ResponseControl::parse(control),
        _ => ResponseControl::read(headers),
    };
    if let Some(reason) = forbids(&control, headers) {
        return Verdict::Refuse(reason);
    }
    if is_challenge(status) && challenge::is_of_one_client(headers) {
        return Verdict::Refuse(Unshared::Challenge);
    }
    if is_refused_by_cache(response) {
        return Verdict::Refuse(Unshared::StoredForOne);
    }
    // A stream may have ended between two events, and is of the moment.
    let window = config.window.as_ref();
    let window = window.filter(|_| !config.share_events || !media_type::is_stream(headers));
    Verdict::Share {
        window: window.and_then(|window| reuse(status, headers, &control, window)),
    }
}

/// Returns the reason why Cache-Control keeps a response from being shared.
///
/// A qualified `private` or `no-cache` applies to the fields that it names: a response without
/// them goes to all callers.
fn forbids(control: &ResponseControl, headers: &HeaderMap) -> Option<Unshared> {
    let holds = |name| headers.contains_key(name);
    match control {
        _ if control.private => Some(Unshared::Private),
        _ if control.no_store => Some(Unshared::NoStore),
        _ if control.withheld.iter().any(holds) => Some(Unshared::WithheldField),
        _ => None,
    }
}

/// Reports whether a cache below returned a stored response of one user.
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

fn is_challenge(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}

/// Reports whether a retry may improve on a response with this status.
pub(crate) fn failed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Returns the time for which a response may be reused.
fn reuse(
    status: StatusCode,
    headers: &HeaderMap,
    control: &ResponseControl,
    window: &ReuseWindow,
) -> Option<Duration> {
    let lifetime = control.shared_lifetime();
    // A malformed field may hide a restriction, so the window alone does not allow reuse.
    if control.no_cache || control.malformed && lifetime.is_none() {
        return None;
    }
    let most = match status.is_server_error() {
        true => window.errors,
        false => window.time,
    };
    let left = lifetime.map_or(most, |life| {
        life.saturating_sub(age::age(headers).unwrap_or_default())
    });
    let time = left.min(most);
    (!time.is_zero()).then_some(time)
}

/// Reports whether the key contains all fields that Vary names. With a key from the user's
/// function, Vary is compared with each waiter's request instead.
fn varies_within(config: &Config, vary: &HeaderValue) -> bool {
    if vary::is_accept_encoding(vary) {
        return config.key.is_some() || is_keyed(config, &ACCEPT_ENCODING);
    }
    vary::line_fields(vary)
        .all(|name| name.is_some_and(|name| config.key.is_some() || is_keyed(config, &name)))
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
        config.window = Some(ReuseWindow::new());
        judge(
            &config,
            &response.body(()).unwrap(),
            &PrivateRecheck::default(),
        )
    }

    fn window(fields: &[(&'static str, &'static str)]) -> Option<u64> {
        match verdict(200, fields) {
            Verdict::Share { window } => window.map(|time| time.as_secs()),
            Verdict::Refuse(reason) => panic!("refused: {}", reason.word()),
        }
    }

    #[test]
    fn what_is_one_users_is_refused_however_it_is_written() {
        for fields in [
            [("cache-control", "max-age=3, Private")],
            [("cache-control", "private=\"a b\"")],
            [("cache-control", "private x")],
            [("cache-control", "NO-STORE")],
            [("set-cookie", "a=b")],
            [("vary", "accept, User-Agent")],
            [("vary", "*")],
            [("vary", "a b")],
            [("content-type", "Text/Event-Stream; charset=utf-8")],
            [("content-type", "application/x-ndjson")],
            [("content-type", "multipart/mixed; boundary=-")],
        ] {
            assert!(
                matches!(verdict(200, &fields), Verdict::Refuse(_)),
                "{fields:?}"
            );
        }
        for qualified in ["private=\"x-a, X-User\"", "no-cache=x-user"] {
            let fields = [("cache-control", qualified), ("x-user", "ann")];
            assert_eq!(
                verdict(200, &fields),
                Verdict::Refuse(Unshared::WithheldField),
                "{qualified}"
            );
        }
        let challenge = [("www-authenticate", "Basic realm=x, NTLM")];
        assert!(matches!(verdict(401, &challenge), Verdict::Refuse(_)));
        let challenge = [("proxy-authenticate", "Negotiate")];
        assert!(matches!(verdict(407, &challenge), Verdict::Refuse(_)));
        assert!(matches!(verdict(101, &[]), Verdict::Refuse(_)));
    }

    #[test]
    fn each_line_of_cache_control_counts() {
        for lines in [["private", "max-age=3"], ["max-age=3", "no-store"]] {
            let fields = lines.map(|line| ("cache-control", line));
            let verdict = verdict(200, &fields);
            assert!(matches!(verdict, Verdict::Refuse(_)), "{lines:?}");
        }
    }

    #[test]
    fn where_streams_are_shared_only_they_are_not_given_again() {
        let mut config = Config::new();
        config.window = Some(ReuseWindow::new());
        config.share_events = true;
        for (kind, window) in [
            ("application/json", Some(Duration::from_secs(30))),
            ("text/event-stream", None),
        ] {
            let response = Response::builder().header("content-type", kind);
            let response = response.body(()).unwrap();
            let verdict = judge(&config, &response, &PrivateRecheck::default());
            assert_eq!(verdict, Verdict::Share { window }, "{kind}");
        }
    }

    #[test]
    fn what_says_nothing_is_shared_and_given_again_for_the_window() {
        assert_eq!(window(&[]), Some(30));
        assert_eq!(window(&[("vary", "accept-encoding")]), Some(30));
    }

    #[test]
    fn an_answer_of_any_type_that_is_no_stream_is_shared() {
        for kind in [
            "application/json",
            "text/html; charset=utf-8",
            "text/event",
            "image/png",
        ] {
            assert_eq!(window(&[("content-type", kind)]), Some(30), "{kind}");
        }
    }

    #[test]
    fn a_challenge_is_shared_unless_it_is_of_one_client() {
        for (status, field) in [(401, "www-authenticate"), (407, "proxy-authenticate")] {
            for (scheme, refused) in [
                ("Basic realm=\"a\"", false),
                ("Bearer", false),
                ("Basic, Bearer", false),
                ("NTLM", true),
                ("negotiate", true),
                ("Digest nonce=\"a\"", true),
                ("SCRAM-SHA-1", true),
                ("scram-sha-256", true),
                ("Mutual", true),
                ("Basic, NTLM", true),
            ] {
                let verdict = verdict(status, &[(field, scheme)]);
                let refusal = Verdict::Refuse(Unshared::Challenge);
                assert_eq!(verdict == refusal, refused, "{status} {scheme}");
            }
            assert!(matches!(verdict(status, &[]), Verdict::Share { .. }));
        }
        // With another status the field is no challenge of this request.
        let verdict = verdict(200, &[("www-authenticate", "NTLM")]);
        assert!(matches!(verdict, Verdict::Share { .. }));
    }

    #[test]
    fn an_answer_that_a_cache_below_holds_for_one_user_is_refused() {
        for (state, shareable, refused) in [
            (CacheState::Hit, false, true),
            (CacheState::Stale, false, true),
            (CacheState::Revalidated, false, true),
            (CacheState::Miss, false, false),
            (CacheState::Bypass, false, false),
            (CacheState::Hit, true, false),
        ] {
            let mut response = Response::new(());
            let mut info = CacheInfo::new(state);
            info.shareable = shareable;
            response.extensions_mut().insert(info);
            let verdict = judge(&Config::new(), &response, &PrivateRecheck::default());
            let refusal = Verdict::Refuse(Unshared::StoredForOne);
            assert_eq!(verdict == refusal, refused, "{state:?} {shareable}");
        }
    }

    #[test]
    fn a_vary_on_a_field_that_no_key_contains_is_refused_however_it_is_written() {
        let mut config = Config::new();
        config.ignored.push(ACCEPT_ENCODING);
        for (vary, refused) in [
            ("accept-encoding", true),
            ("Accept-Encoding", true),
            ("accept, accept-encoding", true),
            ("accept", false),
        ] {
            let response = Response::builder().header(VARY, vary).body(()).unwrap();
            let verdict = judge(&config, &response, &PrivateRecheck::default());
            let refusal = Verdict::Refuse(Unshared::Vary);
            assert_eq!(verdict == refusal, refused, "{vary}");
        }
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
        for none in ["no-cache", "max-age=0", "max-age=x", "max-age:9"] {
            assert_eq!(window(&[("cache-control", none)]), None, "{none}");
        }
    }

    #[test]
    fn a_qualified_directive_says_nothing_of_an_answer_without_its_fields() {
        for qualified in ["private=\"x-user\"", "no-cache=\"set-cookie\""] {
            assert_eq!(window(&[("cache-control", qualified)]), Some(30));
        }
    }

    #[test]
    fn of_two_lifetimes_the_shorter_counts() {
        let control = ("cache-control", "max-age=3, max-age=9");
        assert_eq!(window(&[control]), Some(3));
        let aged = [("cache-control", "max-age=9"), ("age", "4, 1")];
        assert_eq!(window(&aged), Some(5), "of two ages the first");
    }

    #[test]
    fn failures_are_given_again_for_a_second() {
        let Verdict::Share { window } = verdict(503, &[]) else {
            panic!("refused");
        };
        assert_eq!(window, Some(Duration::from_secs(1)));
    }
}
