//! The part that a request field plays for a layer that tells requests apart.

use http::{HeaderName, header};

pub use crate::names::is_indifferent;
use crate::{
    client_address::CLIENT_ADDRESS,
    credentials::{Credentials, KNOWN},
    names::{FieldNames, Sieve},
    target::{OVERRIDING, RETELLING},
    trace_fields::TRACE_FIELDS,
};

/// The part that a request field plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It selects a representation by what the client accepts: Accept and its kin (RFC 9110
    /// §12.5).
    Preference,
    /// It says who is asking; see [`credentials`](crate::credentials).
    Credential,
    /// It names the host or the origin of the page that asks.
    Host,
    /// It claims something of the target's name; see [`RETELLING`].
    Retelling,
    /// It may make another request of this one; see [`OVERRIDING`].
    Overriding,
    /// It lets a cache answer with 304 (If-None-Match, If-Modified-Since).
    Condition,
    /// It lets only the origin go on (If-Match, If-Unmodified-Since).
    Precondition,
    /// It asks for a part (Range, If-Range).
    Range,
    /// It directs caches (Cache-Control, Pragma).
    Control,
    /// It only traces the call; see [`trace_fields`](crate::trace_fields).
    Trace,
    /// It tells of the client, its page or the way the request came, and an answer that is
    /// selected by it says so in Vary.
    Client,
    /// Connection: concerns one connection, and may ask for an upgrade.
    Connection,
    /// It asks for something that only a call of its own can do (Upgrade, Expect).
    Own,
    /// It describes the body.
    Body,
    /// Nothing is known of it: it may select the answer.
    Other,
}

/// Fields that tell of the client, its page or the way the request came. Names that begin with
/// `sec-` are among them: browsers set those.
static CLIENT: FieldNames = FieldNames::new(
    &[
        "cdn-loop",
        "date",
        "dnt",
        "keep-alive",
        "priority",
        "proxy-connection",
        "referer",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
    ],
    &[],
);

/// Fields that decide what a cache does with a request, besides credentials and claims of its
/// target.
pub static DECIDING: FieldNames = FieldNames::new(
    &[
        "cache-control",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ],
    &[],
);

static ANY: Sieve = TRACE_FIELDS
    .sieve()
    .or(CLIENT.sieve())
    .or(CLIENT_ADDRESS.sieve())
    .or(KNOWN.sieve())
    .or(RETELLING.sieve())
    .or(OVERRIDING.sieve());

/// Returns the part that a field plays. Names with `_` play that of the name with `-`.
///
/// Names that the http crate knows are compared as one byte.
#[must_use]
#[inline]
pub fn role(name: &HeaderName) -> Role {
    match *name {
        header::ACCEPT
        | header::ACCEPT_CHARSET
        | header::ACCEPT_ENCODING
        | header::ACCEPT_LANGUAGE => Role::Preference,
        header::AUTHORIZATION | header::COOKIE | header::PROXY_AUTHORIZATION => Role::Credential,
        header::CACHE_CONTROL | header::PRAGMA => Role::Control,
        header::CONNECTION => Role::Connection,
        header::CONTENT_ENCODING
        | header::CONTENT_LENGTH
        | header::CONTENT_TYPE
        | header::TRANSFER_ENCODING => Role::Body,
        header::DATE
        | header::DNT
        | header::REFERER
        | header::UPGRADE_INSECURE_REQUESTS
        | header::USER_AGENT
        | header::VIA => Role::Client,
        header::EXPECT | header::UPGRADE => Role::Own,
        header::HOST | header::ORIGIN => Role::Host,
        header::IF_MATCH | header::IF_UNMODIFIED_SINCE => Role::Precondition,
        header::IF_MODIFIED_SINCE | header::IF_NONE_MATCH => Role::Condition,
        header::IF_RANGE | header::RANGE => Role::Range,
        _ => by_text(name),
    }
}

/// Returns whether a field selects a representation by what the client accepts.
#[must_use]
pub fn is_preference(name: &HeaderName) -> bool {
    role(name) == Role::Preference
}

/// Returns the part that a field plays for a layer that tells callers apart by a list of its
/// own.
///
/// A field of the list is a [`Role::Credential`], whatever else it would be, unless it asks for
/// something that the layer must heed: a condition, a range, a directive, an upgrade. A known
/// credential that is not on the list is a [`Role::Other`].
#[must_use]
#[inline]
pub fn role_by(name: &HeaderName, list: &Credentials) -> Role {
    match list.is_plain() {
        true => role(name),
        false => by_list(name, list),
    }
}

#[inline(never)]
fn by_list(name: &HeaderName, list: &Credentials) -> Role {
    let role = role(name);
    match role {
        Role::Condition
        | Role::Precondition
        | Role::Range
        | Role::Control
        | Role::Connection
        | Role::Own => role,
        _ if list.contains(name) => Role::Credential,
        Role::Credential => Role::Other,
        role => role,
    }
}

fn by_text(name: &HeaderName) -> Role {
    let text = name.as_str();
    if text.starts_with("sec-") && !KNOWN.contains(name) {
        return Role::Client;
    }
    if ANY.lets_through(text) {
        for (list, role) in [
            (&TRACE_FIELDS, Role::Trace),
            (&CLIENT, Role::Client),
            (&CLIENT_ADDRESS, Role::Client),
            (&KNOWN, Role::Credential),
            (&RETELLING, Role::Retelling),
            (&OVERRIDING, Role::Overriding),
        ] {
            if list.contains(name) {
                return role;
            }
        }
    }
    match text.as_bytes().contains(&b'_') {
        true => of_disguised(text),
        false => Role::Other,
    }
}

/// Returns the part of a name that the http crate knows, written with `_`.
#[cold]
fn of_disguised(text: &str) -> Role {
    let plain = text.replace('_', "-");
    HeaderName::try_from(plain).map_or(Role::Other, |name| role(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Role {
        role(&HeaderName::from_bytes(name.as_bytes()).unwrap())
    }

    #[test]
    fn a_field_plays_its_part_in_any_spelling() {
        for (name, expected) in [
            ("accept-encoding", Role::Preference),
            ("x-api-key", Role::Credential),
            ("cookie", Role::Credential),
            ("sec-token-binding", Role::Credential),
            ("x-forwarded-host", Role::Retelling),
            ("x-original-url", Role::Overriding),
            ("if-none-match", Role::Condition),
            ("if-match", Role::Precondition),
            ("range", Role::Range),
            ("cache-control", Role::Control),
            ("x-b3-traceid", Role::Trace),
            ("traceparent", Role::Trace),
            ("user-agent", Role::Client),
            ("sec-fetch-mode", Role::Client),
            ("x-forwarded-for", Role::Client),
            ("connection", Role::Connection),
            ("upgrade", Role::Own),
            ("content-length", Role::Body),
            ("x-customer-tier", Role::Other),
        ] {
            assert_eq!(of(name), expected, "{name}");
            assert_eq!(of(&name.replace('-', "_")), expected, "{name}");
        }
    }

    #[test]
    fn an_operators_list_says_what_a_credential_is() {
        let name = |text: &'static str| HeaderName::from_static(text);
        let list = Credentials::default()
            .with(name("x-badge"))
            .with(name("x-request-id"))
            .with(name("upgrade"))
            .without(&name("x-tenant-id"));
        for (field, expected) in [
            ("x_badge", Role::Credential),
            ("x-request-id", Role::Credential),
            ("cookie", Role::Credential),
            ("x-tenant-id", Role::Other),
            ("upgrade", Role::Own),
            ("traceparent", Role::Trace),
            ("accept", Role::Preference),
        ] {
            assert_eq!(role_by(&name(field), &list), expected, "{field}");
        }
        let plain = Credentials::default();
        assert_eq!(role_by(&name("x-tenant-id"), &plain), Role::Credential);
    }

    #[test]
    fn an_indifferent_field_is_on_no_list_that_decides() {
        let mut indifferent = 0;
        for name in [
            "accept",
            "accept-encoding",
            "accept-language",
            "connection",
            "content-length",
            "content-type",
            "dnt",
            "origin",
            "referer",
            "upgrade-insecure-requests",
            "user-agent",
            "via",
        ] {
            let name = HeaderName::from_static(name);
            indifferent += usize::from(is_indifferent(&name));
            for list in [&DECIDING, &KNOWN, &RETELLING, &OVERRIDING, &TRACE_FIELDS] {
                assert!(!list.contains(&name), "{name}");
            }
        }
        assert_eq!(indifferent, 12);
        for list in [&DECIDING, &KNOWN, &RETELLING, &OVERRIDING, &TRACE_FIELDS] {
            for name in list.names() {
                assert!(!is_indifferent(&HeaderName::from_static(name)), "{name}");
            }
        }
    }

    #[test]
    fn a_field_is_on_one_list_only() {
        let lists = [
            &TRACE_FIELDS,
            &CLIENT,
            &CLIENT_ADDRESS,
            &KNOWN,
            &RETELLING,
            &OVERRIDING,
        ];
        for list in lists {
            for name in list.names() {
                let name = HeaderName::from_static(name);
                let on = lists.iter().filter(|list| list.contains(&name)).count();
                assert_eq!(on, 1, "{name}");
            }
        }
    }
}
