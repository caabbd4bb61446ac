//! The key of a request.

mod claims;
mod query;

use claims::retellings;
use http::{HeaderMap, HeaderValue, Request, header};
use query::{chosen_parameters, parts};
use scrimp_core::{BodyDigest, KeyBuf, extensions::Tenant};
use scrimp_http::{
    cookie,
    target::{authority, is_normal, names_another_host, normal},
};

use crate::{
    policy::facts::RequestFacts,
    request::{search::Variance, target::Shown},
    rule::{KeySpec, QueryKey},
};

/// Builds the key of a request.
pub(crate) fn build<B>(
    request: &Request<B>,
    facts: &RequestFacts,
    spec: Option<&KeySpec>,
) -> KeyBuf {
    let mut key = KeyBuf::new();
    let host = request.headers().get(header::HOST);
    write(&mut key, request, host, facts, spec, None);
    key
}

/// Writes the key of a request: tenant, scheme, authority, path, query, a rule's additions, and
/// the request's other claims about its target. GET and HEAD share a key. Of the query, the rule
/// chooses the parts that count, or No-Vary-Search excludes some.
///
/// `host` is the request's Host. The caller provides the buffer: this is the path of every hit,
/// and a buffer of this size is not moved.
#[inline]
pub(super) fn write<B>(
    key: &mut KeyBuf,
    request: &Request<B>,
    host: Option<&HeaderValue>,
    facts: &RequestFacts,
    spec: Option<&KeySpec>,
    variance: Option<&Variance>,
) {
    let uri = request.uri();
    let tenant = request.extensions().get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(uri.scheme_str().unwrap_or_default().as_bytes());
    match (uri.authority(), host) {
        // This is the common case on a server: a host that is not plain has been rejected.
        (None, Some(host)) if facts.host_in_capitals => {
            key.part(&host.as_bytes().to_ascii_lowercase());
        }
        (None, Some(host)) => {
            key.part(host.as_bytes());
        }
        _ => add_authority(key, authority(uri, request.headers()).as_bytes()),
    }
    let (spelled, path) = parts(uri);
    match is_normal(spelled) {
        true => {
            key.part(&spelled.as_bytes()[..path]);
            query(key, &spelled[path..], spec, variance);
        }
        // Equivalent spellings share a key (RFC 3986 §6.2.2).
        false => {
            let normal = normal(spelled);
            let path = normal.find('?').unwrap_or(normal.len());
            key.part(&normal.as_bytes()[..path]);
            query(key, &normal[path..], spec, variance);
        }
    }
    if let Some(spec) = spec {
        for name in &spec.headers {
            header_values(key, request.headers(), name);
        }
        for name in &spec.cookies {
            cookie_values(key, request.headers(), name);
        }
    }
    if facts.retold || facts.host && names_another_host(uri, request.headers()) {
        retellings(key, uri, request.headers());
    }
}

/// Writes a query, which comes with its `?`.
#[inline]
fn query(key: &mut KeyBuf, query: &str, spec: Option<&KeySpec>, variance: Option<&Variance>) {
    match (spec.map(|spec| &spec.query), variance) {
        (None | Some(QueryKey::All), None) => {
            key.part(query.as_bytes());
        }
        (None | Some(QueryKey::All), Some(variance)) => {
            key.part_with(|write| {
                write(b"~");
                for (name, value) in variance.counting(query.strip_prefix('?').unwrap_or_default())
                {
                    framed(name.as_bytes(), write);
                    framed(value.as_bytes(), write);
                }
            });
        }
        // This differs from the part of a request without a query, as another rule may distinguish
        // them.
        (Some(QueryKey::None), _) => {
            key.part(b"-");
        }
        (Some(QueryKey::Only(names)), _) => chosen_parameters(key, query, names),
    }
}

fn add_authority(key: &mut KeyBuf, authority: &[u8]) {
    if authority.iter().any(u8::is_ascii_uppercase) {
        key.part(&authority.to_ascii_lowercase());
    } else {
        key.part(authority);
    }
}

/// Adds the request's own URI, if it is not the target but a rewritten one.
pub(crate) fn add_rewritten(key: &mut KeyBuf, shown: &Shown) {
    if let Some(uri) = shown.rewritten() {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        key.part(b"rewritten").part(target.as_bytes());
    }
}

/// Adds the parts that distinguish body-keyed requests: method, media type and digest.
pub(crate) fn add_body<B>(key: &mut KeyBuf, request: &Request<B>, digest: &BodyDigest) {
    key.part(request.method().as_str().as_bytes());
    header_values(key, request.headers(), &header::CONTENT_TYPE);
    key.part(&digest.0);
}

/// Writes a piece after its length.
fn framed(piece: &[u8], write: &mut dyn FnMut(&[u8])) {
    write(&u32::try_from(piece.len()).unwrap_or(u32::MAX).to_le_bytes());
    write(piece);
}

/// Adds a field's name and all its lines. An absent field differs from an empty one.
fn header_values(key: &mut KeyBuf, headers: &HeaderMap, name: &header::HeaderName) {
    key.part(name.as_str().as_bytes());
    key.part_with(|write| {
        for value in headers.get_all(name) {
            framed(value.as_bytes(), write);
        }
    });
}

/// Adds a cookie's name and all its values, in the order of the request.
fn cookie_values(key: &mut KeyBuf, headers: &HeaderMap, wanted: &str) {
    key.part(b"cookie");
    key.part(wanted.as_bytes());
    key.part_with(|write| {
        for value in cookie::values(headers, wanted) {
            framed(value, write);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::facts::Telling, rule::Rule};
    use std::sync::Arc;

    fn key(rule: &str, uri: &str, fields: &[(&'static str, &str)]) -> KeyBuf {
        let rule: Rule = rule.parse().unwrap();
        let mut request = Request::get(uri).body(()).unwrap();
        for (name, value) in fields {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let facts = RequestFacts::read(request.method(), request.headers(), &Telling::default());
        build(&request, &facts, Some(&rule.key))
    }

    fn same(rule: &str, a: &str, b: &str) -> bool {
        key(rule, a, &[]).as_ref() == key(rule, b, &[]).as_ref()
    }

    #[test]
    fn by_default_everything_in_the_uri_counts() {
        for other in [
            "/a?x=2",
            "/a?",
            "/a",
            "/A?x=1",
            "/a?x=1&y",
            "//a?x=1",
            "/%2561?x=1",
        ] {
            assert!(!same("path=/**", "/a?x=1", other), "{other}");
        }
        assert!(!same("path=/**", "http://a/", "https://a/"));
        assert!(same("path=/**", "http://A:80/", "http://a/"));
        assert!(same("path=/**", "https://a:443/", "https://a/"));
    }

    #[test]
    fn equivalent_uris_have_one_key() {
        for other in [
            "/%61?x=1",
            "/./a?x=1",
            "/b/../a?x=1",
            "/%2e/a?x=1",
            "/a?%78=1",
        ] {
            assert!(same("path=/**", "/a?x=1", other), "{other}");
        }
        for other in ["HTTP://A/a", "http://a:80/a", "http://a:080/%61"] {
            assert!(same("path=/**", "http://a/a", other), "{other}");
        }
        assert!(same("path=/**", "http://a", "http://A:80/"));
        // RFC 3986 does not call these equivalent.
        assert!(!same("path=/**", "http://a./", "http://a/"));
        assert!(!same("path=/**", "/a%2fb", "/a/b"));
    }

    #[test]
    fn chosen_parameters_count_in_any_order_and_others_do_not() {
        let rule = "path=/** query=category,page";
        assert!(same(
            rule,
            "/p?category=e&page=1",
            "/p?page=1&utm=x&category=e"
        ));
        assert!(!same(rule, "/p?category=e&page=1", "/p?category=e&page=2"));
        assert!(!same(rule, "/p?category=e", "/p?category=e&page="));
        assert!(!same(rule, "/p?category=&page", "/p?category&page="));
        assert!(!same(
            rule,
            "/p?category=a&category=b",
            "/p?category=b&category=a"
        ));
        assert!(!same("path=/** query=a", "/p?a=1&b=2", "/q?a=1"));
    }

    #[test]
    fn a_parameter_cannot_be_hidden_from_the_key() {
        let rule = "path=/** query=category";
        // Some upstreams read these as category=evil.
        for cloaked in [
            "/p?x=1;category=evil",
            "/p?categor%79=evil",
            "/p?x=%&category=evil",
            "/p?x=1&category[]=evil",
            "/p?x=1&category%5B0%5D=evil",
            "/p?x=1&category%00x=evil",
            "/p?x=1&CATEGORY=evil",
            "/p?x=1&+category=evil",
        ] {
            assert!(!same(rule, "/p?x=1", cloaked), "{cloaked}");
        }
        assert!(same(rule, "/p?category=a", "/p?%63ategory=a"));
    }

    #[test]
    fn fields_and_cookies_of_the_key_count_and_absence_is_not_emptiness() {
        let rule = "path=/** header=x-tier cookie=plan";
        let gold = key(rule, "/", &[("x-tier", "gold")]);
        assert_ne!(
            gold.as_ref(),
            key(rule, "/", &[("x-tier", "basic")]).as_ref()
        );
        assert_ne!(
            key(rule, "/", &[]).as_ref(),
            key(rule, "/", &[("x-tier", "")]).as_ref()
        );
        let plan = |cookie| key(rule, "/", &[("cookie", cookie)]);
        assert_eq!(plan("a=1; plan=b").as_ref(), plan("plan=b; a=2").as_ref());
        assert_ne!(plan("plan=b").as_ref(), plan("plan=c").as_ref());
        assert_ne!(plan("xplan=b").as_ref(), plan("plan=b").as_ref());
    }

    #[test]
    fn what_a_request_claims_of_its_target_counts() {
        let with = |uri: &str, fields: &[_]| key("path=/**", uri, fields);
        let plain = with("/a", &[]);
        for claim in [
            ("x-forwarded-host", "evil"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "for=1, HOST=evil"),
            ("forwarded", "for=\"a;host=evil\""),
        ] {
            assert_ne!(plain.as_ref(), with("/a", &[claim]).as_ref(), "{claim:?}");
        }
        let from = |address| with("/a", &[("forwarded", address)]);
        assert_eq!(
            from("for=1;proto=https").as_ref(),
            from("for=2;proto=https").as_ref()
        );
        let at = |host| with("http://a/", &[("host", host)]);
        assert_eq!(at("A:80").as_ref(), with("http://a/", &[]).as_ref());
        assert_ne!(at("evil").as_ref(), with("http://a/", &[]).as_ref());
    }

    #[test]
    fn tenants_never_share_a_key() {
        let tenant = |name: Option<&str>| {
            let mut request = Request::get("/").body(()).unwrap();
            if let Some(name) = name {
                request.extensions_mut().insert(Tenant(Arc::from(name)));
            }
            let facts =
                RequestFacts::read(request.method(), request.headers(), &Telling::default());
            build(&request, &facts, None)
        };
        assert_ne!(tenant(Some("a")).as_ref(), tenant(Some("b")).as_ref());
        assert_ne!(tenant(Some("a")).as_ref(), tenant(None).as_ref());
    }
}
