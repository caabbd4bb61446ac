//! The role of a request field for a layer that tells requests apart.

use http::{HeaderName, header};

pub use crate::names::is_indifferent;
use crate::{
    client_address::CLIENT_ADDRESS,
    credentials::{Credentials, KNOWN},
    names::{FieldNames, Sieve, equal, mix},
    target::{OVERRIDING, RETELLING},
    trace_fields::TRACE_FIELDS,
};

/// Role of a request field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The field selects a representation by what the client accepts: Accept and its kin (RFC
    /// 9110 §12.5).
    Preference,
    /// The field identifies the caller; see [`credentials`](crate::credentials).
    Credential,
    /// The field names the host, or the origin of the page that makes the request.
    Host,
    /// The field makes a claim about the target's name; see [`RETELLING`].
    Retelling,
    /// The field may turn the request into another one; see [`OVERRIDING`].
    Overriding,
    /// The field lets a cache answer with 304 (If-None-Match, If-Modified-Since).
    Condition,
    /// The field is a condition that only the origin can check (If-Match, If-Unmodified-Since).
    Precondition,
    /// The field asks for a part (Range, If-Range).
    Range,
    /// The field directs caches (Cache-Control, Pragma).
    Control,
    /// The field only traces the call; see [`trace_fields`](crate::trace_fields).
    Trace,
    /// The field describes the client, its page or the way of the request. A response that is
    /// selected by it names it in Vary.
    Client,
    /// Connection: concerns one connection, and may ask for an upgrade.
    Connection,
    /// The field asks for something that only a call of its own can give (Upgrade, Expect).
    Own,
    /// The field describes the body.
    Body,
    /// The field is unknown: it may select the response.
    Other,
}

/// Fields that describe the client, its page or the way of the request. Names that begin with
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

/// Fields that decide how a cache treats a request, except credentials and claims about its
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

/// The lists whose names have a role by their text. A name is on one of them only.
static LISTS: [(&FieldNames, Role); 6] = [
    (&TRACE_FIELDS, Role::Trace),
    (&CLIENT, Role::Client),
    (&CLIENT_ADDRESS, Role::Client),
    (&KNOWN, Role::Credential),
    (&RETELLING, Role::Retelling),
    (&OVERRIDING, Role::Overriding),
];

/// Passes all names with one of the beginnings on the lists.
static ANY: Sieve = TRACE_FIELDS
    .sieve()
    .or(CLIENT.sieve())
    .or(CLIENT_ADDRESS.sieve())
    .or(KNOWN.sieve())
    .or(RETELLING.sieve())
    .or(OVERRIDING.sieve());

/// The whole names of all lists in one table, so that a name is looked for once.
static WHOLE: Whole = Whole::new();

/// More than twice the number of names on all lists.
const PLACES: usize = 1024;

/// Names by their bytes: the number of the list from one, or 0 for none, and the place on it.
struct Whole([(u8, u8); PLACES]);

// === impl Whole ===

impl Whole {
    const fn new() -> Self {
        let mut places = [(0, 0); PLACES];
        let mut held = 0;
        let mut list = 0;
        while list < LISTS.len() {
            let names = LISTS[list].0.names();
            list += 1;
            let mut index = 0;
            while index < names.len() {
                let mut at = Self::first(names[index]);
                while places[at].0 != 0 {
                    at = (at + 1) % PLACES;
                }
                // A list holds 255 names at most.
                places[at] = (list as u8, index as u8);
                index += 1;
                held += 1;
            }
        }
        assert!(2 * held < PLACES, "the table of names must be half empty");
        Self(places)
    }

    /// Returns the first place to look for a name.
    #[inline]
    const fn first(name: &str) -> usize {
        (mix(name.as_bytes()) >> 20) as usize % PLACES
    }

    /// Returns the role of a name, with `_` and `-` equal.
    #[inline]
    fn get(&self, name: &str) -> Option<Role> {
        let mut at = Self::first(name);
        loop {
            let (list, index) = self.0[at];
            let (names, role) = LISTS[usize::from(list).checked_sub(1)?];
            if equal(names.names()[usize::from(index)], name) {
                return Some(role);
            }
            at = (at + 1) % PLACES;
        }
    }
}

/// Returns the role of a field. A name with `_` has the role of the name with `-`.
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

/// Reports whether a field selects a representation by what the client accepts.
#[must_use]
pub fn is_preference(name: &HeaderName) -> bool {
    role(name) == Role::Preference
}

/// Returns the role of a field for a layer that tells callers apart by its own list.
///
/// A field of the list is a [`Role::Credential`], whatever its role is otherwise, unless it asks
/// for something that the layer must respect: a condition, a range, a directive, an upgrade. A
/// known credential that is not on the list is a [`Role::Other`].
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
    if let Some(role) = WHOLE.get(text) {
        return role;
    }
    if ANY.lets_begin(text.as_bytes()) {
        for (list, role) in LISTS {
            if list.holds_begun(text) {
                return role;
            }
        }
    }
    match text.as_bytes().contains(&b'_') {
        true => of_disguised(text),
        false => Role::Other,
    }
}

/// Returns the role of a name that the http crate knows, written with `_`.
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
    fn a_field_has_its_role_in_any_spelling() {
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
    fn every_name_of_a_list_has_the_role_of_the_list() {
        for (list, role) in LISTS {
            let begun = list.prefixes().iter().map(|prefix| format!("{prefix}x"));
            let whole = list.names().iter().map(|&name| name.to_owned());
            for name in whole.chain(begun) {
                for name in [name.replace('-', "_"), name] {
                    assert_eq!(of(&name), role, "{name}");
                }
            }
        }
        for name in ["x-request-ids", "traceparen", "x-api-kex", "a", "x"] {
            assert_eq!(of(name), Role::Other, "{name}");
        }
    }

    #[test]
    fn an_operators_list_decides_which_fields_are_credentials() {
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
    fn an_indifferent_field_is_on_no_deciding_list() {
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
