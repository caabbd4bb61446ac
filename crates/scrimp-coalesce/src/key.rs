//! What makes two requests the same call.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST};
use scrimp_core::{
    BodyDigest, Key, KeyBuf,
    extensions::{Directive, Tenant},
};

use crate::config::Config;

/// What a request field is to the key.
enum Part {
    /// It is part of it.
    Keyed,
    /// It names a request, a trace or a client rather than what is asked for. An answer that
    /// says it was selected by it (Vary) is not shared.
    Noise,
    /// The same, unless it asks for a connection of its own.
    Connection,
    /// It asks for what only a call of its own can do.
    Single,
}

/// Tells what a field is by its name, in lower case.
fn part_of(name: &str) -> Part {
    let noise = match name.as_bytes() {
        [b'b', ..] => matches!(name, "b3" | "baggage"),
        [b'c', ..] => match name {
            "connection" => return Part::Connection,
            _ => matches!(name, "cdn-loop" | "cf-connecting-ip" | "cf-ray"),
        },
        [b'd', ..] => matches!(name, "date" | "dnt"),
        [b'e', ..] => match name {
            "expect" => return Part::Single,
            _ => false,
        },
        [b'k', ..] => name == "keep-alive",
        [b'p', ..] => matches!(name, "priority" | "proxy-connection"),
        [b'r', ..] => name == "referer",
        [b's', ..] => name.starts_with("sec-") || name == "sentry-trace",
        [b't', ..] => matches!(name, "traceparent" | "tracestate" | "true-client-ip"),
        [b'u', ..] => match name {
            "upgrade" => return Part::Single,
            _ => matches!(
                name,
                "user-agent" | "uber-trace-id" | "upgrade-insecure-requests"
            ),
        },
        [b'v', ..] => name == "via",
        [b'x', b'-', ..] => is_extra_noise(name),
        _ => false,
    };
    if noise { Part::Noise } else { Part::Keyed }
}

fn is_extra_noise(name: &str) -> bool {
    matches!(
        name,
        "x-amzn-trace-id"
            | "x-client-ip"
            | "x-cloud-trace-context"
            | "x-correlation-id"
            | "x-forwarded-for"
            | "x-real-ip"
            | "x-request-id"
            | "x-request-start"
    ) || name.starts_with("x-b3-")
        || name.starts_with("x-datadog-")
}

/// Whether a request field is part of the key.
pub(crate) fn is_keyed(config: &Config, name: &HeaderName) -> bool {
    let noise = matches!(part_of(name.as_str()), Part::Noise | Part::Connection);
    !noise && !config.ignored.contains(name)
}

/// Whether a request's answer may be another's too, as far as the method tells.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        || matches!(method.as_str(), "PROPFIND" | "QUERY" | "REPORT" | "SEARCH")
}

/// Writes the key of a request. False if the request has to be sent as it is.
pub(crate) fn write<B>(
    key: &mut KeyBuf,
    config: &Config,
    request: &Request<B>,
    empty: bool,
) -> bool {
    let digest = request.extensions().get::<BodyDigest>();
    if !may_share(config, request, empty, digest.is_some()) {
        return false;
    }
    head(key, request);
    if let Some(digest) = digest
        && !empty
    {
        key.part(&digest.0);
    }
    for (name, value) in request.headers() {
        let text = name.as_str();
        match part_of(text) {
            Part::Noise => continue,
            Part::Connection if !names_upgrade(value.as_bytes()) => continue,
            Part::Connection | Part::Single => return false,
            Part::Keyed => {}
        }
        if config.ignored.is_empty() || !config.ignored.contains(name) {
            key.part(text.as_bytes()).part(value.as_bytes());
        }
    }
    true
}

/// Whether a key of the user's own may be asked for.
pub(crate) fn is_open<B>(config: &Config, request: &Request<B>, empty: bool) -> bool {
    let digest = request.extensions().get::<BodyDigest>().is_some();
    let mut fields = request.headers().iter();
    may_share(config, request, empty, digest)
        && !fields.any(|(name, value)| is_for_one_connection(name, value))
}

/// Writes the key made of what a function of the user's says.
pub(crate) fn wrap<B>(key: &mut KeyBuf, request: &Request<B>, own: &Key) {
    let tenant = request.extensions().get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(request.method().as_str().as_bytes());
    key.part(own.as_ref().as_bytes());
}

/// Method and target, and for whom and how it is asked.
fn head<B>(key: &mut KeyBuf, request: &Request<B>) {
    let (uri, extensions) = (request.uri(), request.extensions());
    let tenant = extensions.get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(match extensions.get::<Directive>() {
        None => b"",
        Some(Directive::RefreshNow) => b"refresh",
        Some(_) => b"other",
    });
    key.part(request.method().as_str().as_bytes());
    target(key, uri);
}

fn target(key: &mut KeyBuf, uri: &Uri) {
    key.part(uri.scheme_str().unwrap_or_default().as_bytes());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    key.part(authority.as_bytes());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    key.part(path.as_bytes());
}

/// As far as method and body tell. A body is known by its digest, or by the key with which
/// its sender says that it may come twice.
fn may_share<B>(config: &Config, request: &Request<B>, empty: bool, digest: bool) -> bool {
    if is_safe(request.method()) {
        return empty || digest;
    }
    let named = || request.headers().contains_key("idempotency-key");
    *request.method() == Method::POST
        && (config.posts_by_digest && digest || config.posts_by_idempotency_key && named())
}

/// Whether a field asks for something that only a call of its own can do.
fn is_for_one_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    match part_of(name.as_str()) {
        Part::Connection => names_upgrade(value.as_bytes()),
        Part::Single => true,
        Part::Keyed | Part::Noise => false,
    }
}

fn names_upgrade(connection: &[u8]) -> bool {
    if connection == b"keep-alive" {
        return false;
    }
    let mut options = connection.split(|&byte| byte == b',');
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// What a write changes, as a hash: authority, path and query, whatever the scheme.
pub(crate) fn written(uri: &Uri, headers: &HeaderMap) -> u64 {
    let host = headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let mut key = KeyBuf::new();
    key.part(&authority.unwrap_or(host).to_ascii_lowercase());
    key.part(
        uri.path_and_query()
            .map_or("/", |path| path.as_str())
            .as_bytes(),
    );
    key.as_ref().hash_value()
}
