//! Fingerprints: equal for requests that ask for the same.

use http::{HeaderName, Method, Request, header::HOST};
use http_body::Body;
use scrimp_core::{
    Key, KeyBuf, KeyPart,
    extensions::{Directive, Tenant},
};
use scrimp_http::{
    body::Presence,
    credentials::Credentials,
    role::{Role, role_by},
    target::{TargetUri, host},
};

use crate::secret::{Folded, Secret};

/// The parts of a request that select a response, as configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) target_uri: TargetUri,
    pub(crate) credentials: Credentials,
    /// Fields that select a response because the operator named them.
    pub(crate) fields: Vec<HeaderName>,
}

/// A request that the layer handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Keyed hash of the parts that select the response. Never zero.
    pub(crate) fingerprint: u64,
    /// True if the response fills the key: a GET for the whole response, without conditions.
    pub(crate) fills: bool,
}

/// Reads a request. Returns `None` if no other request can ask for the same, so that it passes at
/// once.
///
/// The fingerprint covers everything that may select a response: tenant, [`KeyPart`], scheme, authority, path,
/// query, credentials, the fields of content negotiation, claims about the target, and the fields
/// that the operator named. Scheme, authority and default port are normalized; path and query are
/// compared as they are spelled. Two requests that are equal for the cache may have different
/// fingerprints: they then share fewer waits, and nothing else changes.
pub(crate) fn read<B: Body>(
    request: &Request<B>,
    secret: &Secret,
    by: &Selection,
) -> Option<Asked> {
    let mut fills = match *request.method() {
        Method::GET => true,
        Method::HEAD => false,
        _ => return None,
    };
    if !is_bodiless(request) {
        return None;
    }
    let mut parts = secret.begin();
    let readable = parts_of(request, by, &mut fills, &mut parts);
    readable.then(|| Asked {
        fingerprint: parts.end().max(1),
        fills,
    })
}

/// Returns the same as a key that is equal in every process. For a lock between processes.
pub(crate) fn key<B>(request: &Request<B>, by: &Selection) -> Key {
    let mut key = KeyBuf::new();
    let mut parts = Written(&mut key);
    parts_of(request, by, &mut true, &mut parts);
    key.to_key()
}

/// Returns whether a request is taken to have no body.
///
/// If only the first frame of the body can tell, it is taken to have one.
#[inline]
fn is_bodiless<B: Body>(request: &Request<B>) -> bool {
    Presence::of(request) == Presence::Absent
}

/// A sink for the parts of a key.
trait Parts {
    fn part(&mut self, part: &[u8]);
}

struct Written<'a>(&'a mut KeyBuf);

impl Parts for Folded<'_> {
    #[inline]
    fn part(&mut self, part: &[u8]) {
        self.add(part);
    }
}

impl Parts for Written<'_> {
    fn part(&mut self, part: &[u8]) {
        self.0.part(part);
    }
}

/// Writes the parts of a key. Returns false if no other request can ask for the same.
fn parts_of<B>(
    request: &Request<B>,
    by: &Selection,
    fills: &mut bool,
    to: &mut impl Parts,
) -> bool {
    let extensions = request.extensions();
    if !extensions.is_empty() {
        if extensions.get::<Directive>().is_some() {
            return false;
        }
        if let Some(tenant) = extensions.get::<Tenant>() {
            to.part(tenant.0.as_bytes());
        }
        let Ok(part) = KeyPart::of(extensions) else {
            return false;
        };
        if let Some(part) = part {
            to.part(KeyPart::NAME);
            to.part(part);
        }
    }
    let target = by.target_uri.of(extensions, request.uri());
    let target = target.parts(request.version(), host(request.headers()));
    if !target.authority.is_empty() {
        to.part(target.scheme.as_bytes());
        to.part(&target.authority);
    }
    to.part(target.path_and_query.as_bytes());
    if !target.more.is_empty() {
        to.part(target.more.as_bytes());
    }
    for (name, value) in request.headers() {
        match Part::of(by, name) {
            Part::Own => return false,
            Part::Partial => *fills = false,
            Part::Host => {
                if let Some(host) = target.host(value) {
                    to.part(name.as_str().as_bytes());
                    to.part(&host);
                }
            }
            Part::Selects => {
                to.part(name.as_str().as_bytes());
                to.part(value.as_bytes());
            }
            Part::Other => {}
        }
    }
    true
}

/// Role of a field for requests that ask for the same.
enum Part {
    /// It may select the response.
    Selects,
    /// Host. The target may already say enough.
    Host,
    /// It asks for a part, or for a response only under a condition.
    Partial,
    /// It asks for something that no other request shares.
    Own,
    Other,
}

// === impl Selection ===

impl Selection {
    /// Returns whether requests that differ in a field have different fingerprints.
    pub(crate) fn separates(&self, name: &HeaderName) -> bool {
        matches!(Part::of(self, name), Part::Selects | Part::Host)
    }
}

// === impl Part ===

impl Part {
    /// Returns the role of a field. Content negotiation, credentials, the host, and claims about
    /// the target select a response.
    #[inline]
    fn of(by: &Selection, name: &HeaderName) -> Self {
        match role_by(name, &by.credentials) {
            Role::Host if *name == HOST => Self::Host,
            Role::Preference
            | Role::Credential
            | Role::Host
            | Role::Retelling
            | Role::Overriding => Self::Selects,
            Role::Condition | Role::Range => Self::Partial,
            Role::Control | Role::Precondition | Role::Own => Self::Own,
            _ if by.fields.contains(name) => Self::Selects,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Version;
    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};
    use scrimp_http::{credentials::KNOWN, names::FieldNames, trace_fields::TRACE_FIELDS};
    use std::{convert::Infallible, sync::Arc};

    type Fields<'a> = &'a [(&'a str, &'a str)];

    fn request(uri: &str, fields: Fields<'_>) -> Request<Empty<bytes::Bytes>> {
        let mut request = Request::get(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).expect("a request")
    }

    #[test]
    fn only_parts_that_may_select_a_response_separate_requests() {
        let secret = Secret::new();
        let tier = Selection {
            fields: vec![HeaderName::from_static("x-tier")],
            ..Selection::default()
        };
        let print = |uri: &str, fields: Fields<'_>| {
            read(&request(uri, fields), &secret, &tier)
                .expect("a reader")
                .fingerprint
        };
        let plain = print("/a?x=1", &[]);
        assert_eq!(
            plain,
            print("/a?x=1", &[("user-agent", "b"), ("x-request-id", "7")])
        );
        for (uri, fields) in [
            ("/a?x=2", &[][..]),
            ("/a", &[]),
            ("http://b/a?x=1", &[]),
            ("/a?x=1", &[("authorization", "me")]),
            ("/a?x=1", &[("cookie", "me")]),
            ("/a?x=1", &[("x-api-key", "me")]),
            ("/a?x=1", &[("private-token", "me")]),
            ("/a?x=1", &[("accept-encoding", "br")]),
            ("/a?x=1", &[("host", "b")]),
            ("/a?x=1", &[("x-forwarded-host", "evil")]),
            ("/a?x=1", &[("x-tier", "gold")]),
        ] {
            assert_ne!(plain, print(uri, fields), "{uri} {fields:?}");
        }
        let mut other = request("/a?x=1", &[]);
        other.extensions_mut().insert(Tenant(Arc::from("acme")));
        let other = read(&other, &secret, &tier).expect("a reader").fingerprint;
        assert_ne!(plain, other);
    }

    /// Returns every field of a list, in both spellings.
    fn all(list: &FieldNames) -> impl Iterator<Item = String> {
        let begun = list.prefixes().iter().map(|prefix| format!("{prefix}x"));
        let names = list.names().iter().map(|&name| name.to_owned());
        names
            .chain(begun)
            .flat_map(|name| [name.replace('-', "_"), name])
    }

    /// Returns whether two requests that differ in this field alone have different fingerprints.
    fn tells_apart(by: &Selection, field: &str) -> bool {
        let secret = Secret::new();
        let print = |value: &str| {
            let request = request("/", &[(field, value)]);
            read(&request, &secret, by).expect("a reader").fingerprint
        };
        print("1") != print("2")
    }

    #[test]
    fn every_credential_separates_requests_and_no_trace_field_does() {
        let by = Selection::default();
        for field in all(&KNOWN) {
            assert!(tells_apart(&by, &field), "{field}");
        }
        for field in all(&TRACE_FIELDS) {
            assert!(!tells_apart(&by, &field), "{field}");
        }
    }

    #[test]
    fn the_operator_decides_which_fields_are_credentials() {
        let [agent, tenant] = ["user-agent", "x-tenant-id"].map(HeaderName::from_static);
        let mut by = Selection::default();
        by.credentials = by.credentials.with(agent).without(&tenant);
        assert!(tells_apart(&by, "user-agent") && !tells_apart(&by, "x-tenant-id"));
        by.fields = vec![tenant];
        assert!(tells_apart(&by, "x-tenant-id"), "named as selecting");
    }

    #[test]
    fn one_target_has_one_fingerprint_and_a_shortened_one_is_not_it() {
        let (secret, mut by) = (Secret::new(), Selection::default());
        let print = |by: &Selection, uri: &str, host: &str| {
            read(&request(uri, &[("host", host)]), &secret, by)
                .expect("a reader")
                .fingerprint
        };
        let plain = print(&by, "http://shop.test/p", "shop.test");
        for (uri, host) in [
            ("HTTP://Shop.test/p", "shop.test"),
            ("http://shop.test:80/p", "Shop.test:80"),
        ] {
            assert_eq!(print(&by, uri, host), plain, "{uri}");
        }
        assert_ne!(print(&by, "http://shop.test/%70", "shop.test"), plain);
        assert_ne!(print(&by, "http://shop.test/p", "evil.test"), plain);
        assert_eq!(print(&by, "/p", "a"), print(&by, "/p", "A"));

        by.target_uri = TargetUri::new(http::Extensions::get::<http::Uri>);
        let nested = |target: &'static str| {
            let mut request = request("/items", &[]);
            let target = http::Uri::from_static(target);
            request.extensions_mut().insert(target);
            read(&request, &secret, &by).expect("a reader").fingerprint
        };
        assert_eq!(nested("/v1/items"), nested("/v1/items"));
        assert_ne!(nested("/v1/items"), nested("/v2/items"));
    }

    #[test]
    fn a_server_has_one_fingerprint_over_all_versions_of_http_and_a_client_one_per_scheme() {
        let secret = Secret::new();
        let mut by = Selection::default();
        let print = |by: &Selection, version, uri: &str, host: Option<&str>| {
            let host = host.map(|host| ("host", host));
            let mut request = request(uri, host.as_slice());
            *request.version_mut() = version;
            read(&request, &secret, by).expect("a reader").fingerprint
        };
        let (plain, secure) = ("http://shop.test/p", "https://shop.test/p");
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let of = |uri| print(&by, version, uri, None);
            assert_ne!(of(plain), of(secure), "{version:?}");
        }
        by.target_uri = TargetUri::shown().received();
        let first = print(&by, Version::HTTP_11, "/p", Some("shop.test"));
        for uri in [plain, secure] {
            assert_eq!(print(&by, Version::HTTP_2, uri, None), first);
            let evil = print(&by, Version::HTTP_2, uri, Some("evil.test"));
            assert_ne!(evil, first);
            assert_ne!(evil, print(&by, Version::HTTP_11, "/p", Some("evil.test")));
        }
    }

    #[test]
    fn a_request_that_no_other_can_share_passes() {
        let secret = Secret::new();
        let reads =
            |fields: Fields<'_>| read(&request("/", fields), &secret, &Selection::default());
        for own in ["cache-control", "pragma", "if-match", "upgrade", "expect"] {
            assert_eq!(reads(&[(own, "x")]), None, "{own}");
        }
        for partial in ["range", "if-none-match", "if-modified-since", "if_range"] {
            assert!(
                !reads(&[(partial, "x")]).expect("a reader").fills,
                "{partial}"
            );
        }
        let by = Selection::default();
        for directive in [
            Directive::OnlyIfCached,
            Directive::RefreshNow,
            Directive::Prefetch,
        ] {
            let mut directed = request("/", &[]);
            directed.extensions_mut().insert(directive);
            assert_eq!(read(&directed, &secret, &by), None, "{directive:?}");
        }
        let bodied = Request::get("/")
            .body(Full::<bytes::Bytes>::from("x"))
            .expect("a request");
        assert_eq!(read(&bodied, &secret, &by), None);
        let post = Request::post("/").body(Full::<bytes::Bytes>::default());
        assert_eq!(read(&post.expect("a request"), &secret, &by), None);
    }

    #[test]
    fn framing_shows_a_body_that_hides_its_end() {
        let hidden = |version| {
            let none = futures_util::stream::empty::<Result<Frame<bytes::Bytes>, Infallible>>();
            let request = Request::get("/").version(version).header("host", "a");
            let request = request.body(StreamBody::new(none)).expect("a request");
            read(&request, &Secret::new(), &Selection::default())
        };
        assert!(hidden(Version::HTTP_11).is_some());
        assert!(hidden(Version::HTTP_2).is_none(), "the first frame tells");
    }

    #[test]
    fn the_key_for_other_processes_is_the_same_there() {
        let key = |uri: &str| key(&request(uri, &[("accept", "x")]), &Selection::default());
        assert_eq!(key("/a").as_ref().as_bytes(), key("/a").as_ref().as_bytes());
        assert_ne!(key("/a").as_ref().as_bytes(), key("/b").as_ref().as_bytes());
    }
}
