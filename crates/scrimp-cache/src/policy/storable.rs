//! The decision on storing a response (RFC 9111 §3).

use http::{HeaderName, StatusCode, header};
use scrimp_http::{body::lengths_differ, cache_control::ResponseControl};

use super::{
    Mode,
    answer::{Answer, Field},
    facts::RequestFacts,
    freshness::explicit_delta,
    refusal::Refusal,
    status::{heuristically_cacheable, never_stored, understood},
};

/// The facts of a request that decide whether its response may be stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) no_store: bool,
    pub(crate) authorization: bool,
    pub(crate) range: bool,
}

/// Permissions to store from an operator's rule.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Permissions {
    /// A TTL for this response, so that it needs none of its own.
    pub(crate) ttl: bool,
    /// Storing in spite of `no-store`, `private` and `no-cache`.
    pub(crate) override_origin: bool,
    /// Storing in spite of Set-Cookie.
    pub(crate) set_cookie: bool,
    /// Storing although the request had credentials (they are in the key).
    pub(crate) authorization: bool,
}

// === impl Asking ===

impl From<&RequestFacts> for Asking {
    fn from(facts: &RequestFacts) -> Self {
        Self {
            no_store: facts.control.no_store,
            authorization: facts.authorization,
            range: facts.range,
        }
    }
}

/// Decides whether a response to a GET may be stored.
pub(crate) fn check(
    mode: Mode,
    asking: Asking,
    status: StatusCode,
    answer: &Answer<'_>,
    control: &ResponseControl,
    allowed: Permissions,
) -> Result<(), Refusal> {
    use Refusal as No;
    let shared = mode == Mode::Shared;
    // 1xx are not final, 206 is a part, 304 describes another response.
    match status.as_u16() {
        100..=199 | 304 => return Err(No::Status),
        206 => return Err(No::Partial),
        _ => {}
    }
    if never_stored(status) {
        return Err(No::Status);
    }
    // Some upstreams answer a Range with a part and status 200.
    if answer.has(Field::ContentLength) && lengths_differ(answer.headers())
        || (asking.range && answer.has(Field::ContentRange))
    {
        return Err(No::Partial);
    }
    if control.must_understand && !understood(status) {
        return Err(No::Status);
    }
    if !allowed.override_origin {
        // In `must-understand, no-store`, the second is for caches that do not know the first
        // (§5.2.2.3).
        if (control.no_store && !control.must_understand) || asking.no_store {
            return Err(No::NoStore);
        }
        if shared && control.private {
            return Err(No::Private);
        }
    }
    // §3.5: credentials make a response personal, unless the origin says otherwise.
    let for_everyone = control.public || control.s_maxage.is_some();
    if shared && asking.authorization && !(control.allows_credentials() || allowed.authorization) {
        return Err(No::Authorization);
    }
    // This is not in the RFC, which lets `max-age` alone store a cookie for all callers.
    if shared
        && answer.has(Field::SetCookie)
        && !(for_everyone || allowed.set_cookie || withholds(control, &header::SET_COOKIE))
    {
        return Err(No::SetCookie);
    }
    let validated = control.no_cache && heuristically_cacheable(status);
    if allowed.ttl
        || origin_allows(mode, answer, control)
        || validated
        || (heuristically_cacheable(status) && worth_keeping(answer))
    {
        Ok(())
    } else {
        Err(No::NotCacheable)
    }
}

/// Returns the directives that apply: of a targeted field, or of Cache-Control, without those that
/// a rule overrides.
pub(crate) fn control(
    targets: &[HeaderName],
    answer: &Answer<'_>,
    permissions: Permissions,
) -> (ResponseControl, bool) {
    let (mut control, targeted) = match ResponseControl::targeted(answer.headers(), targets) {
        Some(control) => (control, true),
        None => {
            let lines = answer.all(Field::CacheControl).into_iter().flatten();
            (ResponseControl::parse(lines), false)
        }
    };
    if permissions.override_origin {
        control.no_store = false;
        control.no_cache = false;
        control.private = false;
        control.must_revalidate = false;
        control.withheld.clear();
    }
    (control, targeted)
}

/// Returns whether the origin explicitly allows a response to be stored.
pub(crate) fn origin_allows(mode: Mode, answer: &Answer<'_>, control: &ResponseControl) -> bool {
    explicit_delta(mode, control).is_some()
        || control.public
        || (!control.targeted && answer.has(Field::Expires))
}

/// Returns whether a response without a lifetime is worth its memory: it needs a validator.
fn worth_keeping(answer: &Answer<'_>) -> bool {
    answer.has(Field::ETag) || answer.has(Field::LastModified)
}

fn withholds(control: &ResponseControl, name: &HeaderName) -> bool {
    control.withheld.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::facts::Telling;
    use http::{HeaderMap, Method};

    fn verdict(
        mode: Mode,
        request: &[(&'static str, &str)],
        status: u16,
        response: &[(&'static str, &str)],
    ) -> Result<(), Refusal> {
        let map = |fields: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            headers
        };
        let response = map(response);
        let control = ResponseControl::parse(response.get_all(header::CACHE_CONTROL));
        let facts = RequestFacts::read(&Method::GET, &map(request), &Telling::default());
        let status = StatusCode::from_u16(status).unwrap();
        check(
            mode,
            Asking::from(&facts),
            status,
            &Answer::read(&response),
            &control,
            Permissions::default(),
        )
    }

    fn shared(status: u16, control: &str) -> Result<(), Refusal> {
        verdict(Mode::Shared, &[], status, &[("cache-control", control)])
    }

    #[test]
    fn any_final_status_with_a_lifetime_is_stored() {
        for status in [200, 203, 299, 302, 400, 404, 410, 500, 599] {
            assert_eq!(shared(status, "max-age=1"), Ok(()), "{status}");
        }
        assert_eq!(shared(206, "max-age=1"), Err(Refusal::Partial));
        assert_eq!(shared(304, "max-age=1"), Err(Refusal::Status));
    }

    #[test]
    fn what_rfc_6585_forbids_to_store_is_not_stored() {
        for status in [416, 428, 429, 431, 511] {
            let refused = Err(Refusal::Status);
            assert_eq!(shared(status, "public, s-maxage=1"), refused, "{status}");
        }
    }

    #[test]
    fn must_understand_wins_over_no_store_and_refuses_unknown_codes() {
        assert_eq!(shared(200, "max-age=1, no-store, must-understand"), Ok(()));
        assert_eq!(
            shared(599, "max-age=1, must-understand"),
            Err(Refusal::Status)
        );
        assert_eq!(shared(200, "max-age=1, no-store"), Err(Refusal::NoStore));
    }

    #[test]
    fn credentials_and_cookies_keep_a_response_out_of_a_shared_cache() {
        let auth = [("authorization", "Bearer x")];
        let with = |control| verdict(Mode::Shared, &auth, 200, &[("cache-control", control)]);
        assert_eq!(with("max-age=1"), Err(Refusal::Authorization));
        for control in [
            "max-age=1, public",
            "s-maxage=1",
            "max-age=1, must-revalidate",
        ] {
            assert_eq!(with(control), Ok(()), "{control}");
        }
        let cookie = |mode, control| {
            verdict(
                mode,
                &[],
                200,
                &[("set-cookie", "a=b"), ("cache-control", control)],
            )
        };
        assert_eq!(cookie(Mode::Shared, "max-age=1"), Err(Refusal::SetCookie));
        assert_eq!(cookie(Mode::Shared, "max-age=1, public"), Ok(()));
        assert_eq!(
            cookie(Mode::Shared, r#"max-age=1, no-cache="Set-Cookie""#),
            Ok(())
        );
        assert_eq!(cookie(Mode::Private, "max-age=1"), Ok(()));
    }

    #[test]
    fn private_is_for_private_caches() {
        assert_eq!(shared(200, "private, max-age=1"), Err(Refusal::Private));
        let response = [("cache-control", "private, max-age=1")];
        assert_eq!(verdict(Mode::Private, &[], 200, &response), Ok(()));
    }

    #[test]
    fn without_a_lifetime_a_validator_is_needed() {
        assert_eq!(
            verdict(Mode::Shared, &[], 200, &[]),
            Err(Refusal::NotCacheable)
        );
        assert_eq!(
            verdict(Mode::Shared, &[], 200, &[("etag", "\"a\"")]),
            Ok(())
        );
        assert_eq!(
            verdict(Mode::Shared, &[], 201, &[("etag", "\"a\"")]),
            Err(Refusal::NotCacheable)
        );
    }
}
