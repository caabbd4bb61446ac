//! The decision on storing a response (RFC 9111 §3).

use http::{HeaderName, StatusCode, header};
use scrimp_http::{
    body::lengths_differ,
    cache_control::ResponseControl,
    status::{is_heuristically_cacheable, refuses_caller},
    stream::Pieces,
};

use super::{
    Mode,
    facts::{Answer, Field, RequestFacts},
    freshness::explicit_delta,
    refusal::Refusal,
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
    /// Storing event streams and the like.
    pub(crate) events: bool,
    /// Use of the request's credentials for storing.
    pub(crate) credentials: CredentialUse,
}

/// Use of a request's credentials in a shared cache: for one caller, in the key, or shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CredentialUse {
    /// The response is for this caller, unless it says otherwise (§3.5).
    #[default]
    Personal,
    /// All of them are in the key, so each holder has responses of its own.
    Keyed,
    /// The response is the same for every authorised caller, by a rule.
    Shared,
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

/// Decides whether a response to a GET may be stored. `pieces` is the division of its body.
pub(crate) fn check(
    mode: Mode,
    asking: Asking,
    status: StatusCode,
    answer: &Answer<'_>,
    control: &ResponseControl,
    pieces: Option<&Pieces>,
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
    // It may have no end, and is often of the moment. HTTP says nothing of this.
    let is_kept = |pieces: &Pieces| allowed.events && pieces.are_known();
    if !pieces.is_none_or(is_kept) {
        return Err(No::EventStream);
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
    if shared && asking.authorization && !control.allows_credentials() {
        match allowed.credentials {
            CredentialUse::Keyed => {}
            // A refusal is about the credentials of one caller, so it is not the same for all.
            CredentialUse::Shared if !refuses_caller(status) => {}
            CredentialUse::Shared | CredentialUse::Personal => return Err(No::Authorization),
        }
    }
    // This is not in the RFC, which lets `max-age` alone store a cookie for all callers.
    if shared
        && answer.has(Field::SetCookie)
        && !(for_everyone || allowed.set_cookie || withholds(control, &header::SET_COOKIE))
    {
        return Err(No::SetCookie);
    }
    // Each use needs a validation, for which there is nothing to compare.
    if control.no_cache && !worth_keeping(answer) {
        return Err(No::NoCache);
    }
    if allowed.ttl
        || origin_allows(mode, answer, control)
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
    // Most responses have none, which costs less to see here.
    let mut present = targets.iter().filter(|target| answer.may_have(target));
    let found = present
        .next()
        .and_then(|_| ResponseControl::targeted(answer.headers(), targets));
    let (mut control, targeted) = match found {
        Some(control) => (control, true),
        None => {
            let lines = answer.all(Field::CacheControl);
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

/// Returns whether this cache knows and follows the caching rules of a status code (§5.2.2.3).
fn understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 307 | 308 | 400..=415 | 417 | 421 | 422 | 426 | 428 | 429 | 431
            | 451 | 500..=505 | 511
    )
}

/// Returns whether no cache may store a status code. RFC 6585 forbids it for all its codes; 416
/// answers a Range, which is not in a key.
fn never_stored(status: StatusCode) -> bool {
    matches!(status.as_u16(), 416 | 428 | 429 | 431 | 511)
}

/// Returns whether a status code blames the request: all of 4xx except those about the resource,
/// and two of 5xx.
///
/// A request is more than its key. A client that finds a field that an upstream cannot handle
/// could have the error stored for all callers ("cache-poisoned denial of service", Nguyen et al.,
/// CCS 2019). So a rule's TTL covers these codes only if the rule names the status. A lifetime
/// from the origin counts (§3).
pub(crate) fn blames_request(status: StatusCode) -> bool {
    match status.as_u16() {
        404 | 410 | 451 => false,
        400..=499 | 501 | 505 => true,
        _ => false,
    }
}

/// Returns whether a status code is cacheable by default (RFC 9110 §15.1). 206 is one of these
/// codes, but left out: this cache stores whole responses only.
pub(crate) fn heuristically_cacheable(status: StatusCode) -> bool {
    is_heuristically_cacheable(status) && status != StatusCode::PARTIAL_CONTENT
}

#[cfg(test)]
mod tests;
