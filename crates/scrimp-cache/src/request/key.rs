//! The key of a request.

mod query;

use http::{Extensions, HeaderMap, HeaderValue, Request, Uri, header};
use query::chosen_parameters;
use scrimp_core::{BodyDigest, KeyBuf, KeyPart, extensions::Tenant};
use scrimp_http::{
    cookie,
    target::{authority, forwarded_claims, is_normal, names_another_host, normal, retells},
};

use crate::{
    config::Config,
    policy::facts::RequestFacts,
    request::{search::Variance, view::Shown},
    rule::{KeySpec, QueryKey},
};

/// Builds the key of a request.
pub(crate) fn build<B>(
    request: &Request<B>,
    scheme: &str,
    facts: &RequestFacts,
    spec: Option<&KeySpec>,
) -> KeyBuf {
    let mut key = KeyBuf::new();
    let host = request.headers().get(header::HOST);
    write(&mut key, request, (scheme, host), facts, spec, None);
    key
}

/// Writes the key of a request: tenant, scheme, authority, path, query, a rule's additions, and
/// the request's other claims about its target. GET and HEAD share a key. Of the query, the rule
/// chooses the parts that count, or No-Vary-Search excludes some.
///
/// `host` is the request's Host, and `scheme` that of its target. The caller provides the buffer: this is the path of every hit,
/// and a buffer of this size is not moved.
#[inline]
pub(super) fn write<B>(
    key: &mut KeyBuf,
    request: &Request<B>,
    (scheme, host): (&str, Option<&HeaderValue>),
    facts: &RequestFacts,
    spec: Option<&KeySpec>,
    variance: Option<&Variance>,
) {
    let uri = request.uri();
    let tenant = request.extensions().get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(scheme.as_bytes());
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
    if spec.is_some_and(|spec| spec.authorised) && facts.authorization {
        key.part(b"authorised");
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

/// Adds the part that the operator's functions, and middleware outside, have for a request. One that is
/// too long has been refused.
#[inline]
pub(crate) fn add_part(key: &mut KeyBuf, extensions: &Extensions) {
    if let Ok(Some(part)) = KeyPart::of(extensions) {
        key.part(KeyPart::NAME).part(part);
    }
}

/// Adds the parts that distinguish body-keyed requests: method, media type and digest.
pub(crate) fn add_body<B>(key: &mut KeyBuf, request: &Request<B>, digest: &BodyDigest) {
    key.part(request.method().as_str().as_bytes());
    header_values(key, request.headers(), &header::CONTENT_TYPE);
    key.part(&digest.0);
}

/// Returns the key for the look-up of a request. If authorised callers share its response, the
/// second key is theirs.
pub(crate) fn keys_of(config: &Config, mut request: Request<()>) -> (KeyBuf, Option<KeyBuf>) {
    config.key_by.mark(&mut request);
    // It is not restored: the request is not used afterwards.
    let shown = Shown::swap(config.target_uri, &mut request);
    let host = request.headers().get(header::HOST);
    let rule = config.rules.get(config.rules.for_request(&request, host));
    let mut facts = RequestFacts::read(request.method(), request.headers(), &config.telling);
    let spec = rule.map(|rule| &rule.key);
    let scheme = shown.scheme(&request);
    let key_for = |facts: &RequestFacts| {
        let mut key = build(&request, scheme, facts, spec);
        add_rewritten(&mut key, &shown);
        add_part(&mut key, request.extensions());
        key
    };
    let key = key_for(&facts);
    let authorised = spec.is_some_and(|spec| spec.authorised) && !facts.authorization;
    facts.authorization |= authorised;
    (key, authorised.then(|| key_for(&facts)))
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

/// Returns path and query of a target, and the length of the path. `/a?` and `/a` are two targets.
#[inline]
fn parts(uri: &Uri) -> (&str, usize) {
    let Some(target) = uri.path_and_query() else {
        return ("/", 1);
    };
    let spelled = target.as_str();
    let query = target.query().map_or(0, |query| query.len() + 1);
    (spelled, spelled.len() - query)
}

/// Adds the fields in which a request may claim another host, scheme or path than its target's.
///
/// Between trusted proxies they are the same for all requests, so they do not split the cache. A
/// response to a client's false claims only answers requests with the same claims.
fn retellings(key: &mut KeyBuf, uri: &Uri, headers: &HeaderMap) {
    let other_host = names_another_host(uri, headers);
    key.part_with(|write| {
        for (name, value) in headers {
            if name == header::FORWARDED {
                for claim in forwarded_claims(value.as_bytes()) {
                    framed(b"forwarded", write);
                    framed(claim, write);
                }
            } else if retells(name) || name == header::HOST && other_host {
                framed(name.as_str().as_bytes(), write);
                framed(value.as_bytes(), write);
            }
        }
    });
}

#[cfg(test)]
mod tests;
