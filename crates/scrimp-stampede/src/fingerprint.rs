//! Which requests ask for the same.

use http::{HeaderName, Method, Request, header};
use http_body::Body;
use scrimp_core::{
    Key, KeyBuf,
    extensions::{Directive, Tenant},
};

use crate::secret::{Folded, Secret};

/// A request that the layer has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Tells keys apart, by a secret of the layer's. Never zero.
    pub(crate) fingerprint: u64,
    /// Its answer fills the key: it is a GET for the whole, without conditions.
    pub(crate) fills: bool,
}

/// Reads a request. `None`: it asks for something that no other request could have had in
/// mind, so it goes its own way.
///
/// The fingerprint holds what may select an answer: tenant, scheme, authority, path, query,
/// credentials, what content negotiation goes by, what a request claims of its host in
/// common fields, and the fields of `select`. Two requests that are the same to the cache may
/// have different ones: they wait less for each other than they could, and no more.
pub(crate) fn read<B: Body>(
    request: &Request<B>,
    secret: &Secret,
    select: &[HeaderName],
) -> Option<Asked> {
    let mut fills = match *request.method() {
        Method::GET => true,
        Method::HEAD => false,
        _ => return None,
    };
    if !request.body().is_end_stream() {
        return None;
    }
    let mut parts = secret.begin();
    let readable = parts_of(request, select, &mut fills, &mut parts);
    readable.then(|| Asked {
        fingerprint: parts.end().max(1),
        fills,
    })
}

/// The same as a key that means the same in every process. For a lock among them.
pub(crate) fn key<B>(request: &Request<B>, select: &[HeaderName]) -> Key {
    let mut key = KeyBuf::new();
    let mut parts = Written(&mut key);
    parts_of(request, select, &mut true, &mut parts);
    key.to_key()
}

/// Where the parts of a key go.
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

/// Writes the parts of a key. False if the request asks for something of its own.
fn parts_of<B>(
    request: &Request<B>,
    select: &[HeaderName],
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
    }
    let uri = request.uri();
    if let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) {
        to.part(scheme.as_str().as_bytes());
        to.part(authority.as_str().as_bytes());
    }
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    to.part(target.as_bytes());
    for (name, value) in request.headers() {
        let selects = match kind(name) {
            Kind::Own => return false,
            Kind::Partial => {
                *fills = false;
                false
            }
            Kind::Selects => true,
            Kind::Other => !select.is_empty() && select.contains(name),
        };
        if selects {
            to.part(name.as_str().as_bytes());
            to.part(value.as_bytes());
        }
    }
    true
}

/// What a field means for who asks for the same.
enum Kind {
    /// It may select the answer.
    Selects,
    /// It asks for a part, or for an answer only under a condition.
    Partial,
    /// It asks for something of its own.
    Own,
    Other,
}

/// What content negotiation goes by, who asks (in the standard field, or in one that widely
/// used APIs take a key in), and of which host, selects an answer.
///
/// Names that the http crate knows are compared as one byte.
#[inline]
fn kind(name: &HeaderName) -> Kind {
    match *name {
        header::ACCEPT
        | header::ACCEPT_ENCODING
        | header::ACCEPT_LANGUAGE
        | header::AUTHORIZATION
        | header::COOKIE
        | header::HOST
        | header::ORIGIN
        | header::PROXY_AUTHORIZATION => Kind::Selects,
        header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE | header::IF_RANGE | header::RANGE => {
            Kind::Partial
        }
        header::CACHE_CONTROL
        | header::IF_MATCH
        | header::IF_UNMODIFIED_SINCE
        | header::PRAGMA
        | header::UPGRADE => Kind::Own,
        header::CONNECTION | header::CONTENT_LENGTH | header::REFERER | header::USER_AGENT => {
            Kind::Other
        }
        _ => kind_of_other(name.as_str()),
    }
}

fn kind_of_other(name: &str) -> Kind {
    match name {
        "api-key"
        | "ocp-apim-subscription-key"
        | "private-token"
        | "x-access-token"
        | "x-amz-security-token"
        | "x-api-key"
        | "x-auth-token"
        | "x-forwarded-host"
        | "x-forwarded-prefix"
        | "x-forwarded-proto"
        | "x-goog-api-key"
        | "x-original-host" => Kind::Selects,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Empty, Full};
    use std::sync::Arc;

    type Fields<'a> = &'a [(&'static str, &'a str)];

    fn request(uri: &str, fields: Fields<'_>) -> Request<Empty<bytes::Bytes>> {
        let mut request = Request::get(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).expect("a request")
    }

    #[test]
    fn what_may_select_an_answer_tells_requests_apart_and_nothing_else_does() {
        let secret = Secret::new();
        let tier = [HeaderName::from_static("x-tier")];
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

    #[test]
    fn who_asks_for_something_of_his_own_goes_his_own_way() {
        let secret = Secret::new();
        let reads = |fields: Fields<'_>| read(&request("/", fields), &secret, &[]);
        for own in ["cache-control", "pragma", "if-match", "upgrade"] {
            assert_eq!(reads(&[(own, "x")]), None, "{own}");
        }
        for partial in ["range", "if-none-match", "if-modified-since"] {
            assert!(
                !reads(&[(partial, "x")]).expect("a reader").fills,
                "{partial}"
            );
        }
        let mut directed = request("/", &[]);
        directed.extensions_mut().insert(Directive::OnlyIfCached);
        assert_eq!(read(&directed, &secret, &[]), None);
        let bodied = Request::get("/")
            .body(Full::<bytes::Bytes>::from("x"))
            .expect("a request");
        assert_eq!(read(&bodied, &secret, &[]), None);
        let post = Request::post("/").body(Full::<bytes::Bytes>::default());
        assert_eq!(read(&post.expect("a request"), &secret, &[]), None);
    }

    #[test]
    fn the_key_for_other_processes_is_the_same_there() {
        let key = |uri: &str| key(&request(uri, &[("accept", "x")]), &[]);
        assert_eq!(key("/a").as_ref().as_bytes(), key("/a").as_ref().as_bytes());
        assert_ne!(key("/a").as_ref().as_bytes(), key("/b").as_ref().as_bytes());
    }
}
