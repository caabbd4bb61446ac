//! What makes two requests the same call.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST};
use http_body::Body;
use scrimp_core::{
    BodyDigest, Key, KeyBuf,
    extensions::{Directive, Tenant},
};
use scrimp_http::{
    body::Presence,
    connection::names_upgrade,
    method::is_safe,
    role::{Role, role, role_by},
    target::{TargetParts, authority, normal, normal_authority},
};

use crate::config::Config;

/// What a request field is to the key.
enum Part {
    /// It is part of it.
    Keyed,
    /// Host, of which the target may say enough.
    Host,
    /// It is not: it only traces the call or tells of the client, or the operator says so. An
    /// answer that was selected by it, as its Vary says, is not shared.
    Ignored,
    /// It is not, unless it asks for a connection of its own.
    Connection,
    /// It asks for what only a call of its own can do.
    Own,
}

impl Part {
    #[inline]
    fn of(config: &Config, name: &HeaderName) -> Self {
        match role_by(name, &config.credentials) {
            Role::Trace | Role::Client => Self::Ignored,
            Role::Connection => Self::Connection,
            Role::Own => Self::Own,
            _ if config.ignores(name) => Self::Ignored,
            Role::Host if *name == HOST => Self::Host,
            _ => Self::Keyed,
        }
    }
}

/// Whether a request field is part of the key.
pub(crate) fn is_keyed(config: &Config, name: &HeaderName) -> bool {
    !matches!(Part::of(config, name), Part::Ignored | Part::Connection)
}

/// Returns whether a request is taken for one without a body.
///
/// Where only the first frame of the body would tell, it is taken for one with a body.
pub(crate) fn is_bodiless<B: Body>(request: &Request<B>) -> bool {
    match Presence::of(request) {
        Presence::Absent => true,
        Presence::Present | Presence::Unknown => false,
    }
}

/// Returns whether one answer may be for many requests with this method.
///
/// TRACE and PRI are safe and go alone all the same: the answer to TRACE is the request it was
/// made for, with its credentials (RFC 9110 §9.3.8), and PRI begins a connection (RFC 9113
/// §3.4). CONNECT, which opens a tunnel, is not safe.
fn is_shared(method: &Method) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => true,
        Method::TRACE => false,
        _ => is_safe(method) && method.as_str() != "PRI",
    }
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
    let target = config
        .target_uri
        .of(request.extensions(), request.uri())
        .parts();
    head(key, request, &target);
    if let Some(digest) = digest
        && !empty
    {
        key.part(&digest.0);
    }
    for (name, value) in request.headers() {
        match Part::of(config, name) {
            Part::Ignored => {}
            Part::Connection if !names_upgrade(value.as_bytes()) => {}
            Part::Connection | Part::Own => return false,
            Part::Host => {
                if let Some(host) = target.host(value) {
                    key.part(name.as_str().as_bytes()).part(&host);
                }
            }
            Part::Keyed => {
                key.part(name.as_str().as_bytes()).part(value.as_bytes());
            }
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
fn head<B>(key: &mut KeyBuf, request: &Request<B>, target: &TargetParts<'_>) {
    let extensions = request.extensions();
    let tenant = extensions.get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(match extensions.get::<Directive>() {
        None => b"",
        Some(Directive::RefreshNow) => b"refresh",
        Some(_) => b"other",
    });
    key.part(request.method().as_str().as_bytes());
    key.part(target.scheme.as_bytes());
    key.part(target.authority.as_bytes());
    key.part(target.path_and_query.as_bytes());
    if !target.more.is_empty() {
        key.part(target.more.as_bytes());
    }
}

/// As far as method and body tell. A body is known by its digest, or by the key with which
/// its sender says that it may come twice.
fn may_share<B>(config: &Config, request: &Request<B>, empty: bool, digest: bool) -> bool {
    if is_shared(request.method()) {
        return empty || digest;
    }
    let named = || request.headers().contains_key("idempotency-key");
    *request.method() == Method::POST
        && (config.posts_by_digest && digest || config.posts_by_idempotency_key && named())
}

/// Whether a field asks for something that only a call of its own can do.
fn is_for_one_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    match role(name) {
        Role::Connection => names_upgrade(value.as_bytes()),
        Role::Own => true,
        _ => false,
    }
}

/// What a request would change, were it a write, as a hash: see [`written`].
pub(crate) fn written_by<B>(config: &Config, request: &Request<B>) -> u64 {
    let target = config.target_uri.of(request.extensions(), request.uri());
    written(target.uri, request.headers())
}

/// What a write changes, as a hash: authority, path and query, whatever the scheme.
///
/// All spellings of a URI are one here, although they have keys of their own: a write must be
/// seen by all who read the same by another name, and one that is seen in vain costs a call.
/// For that reason a URI that was rewritten on the way is no part of it either.
pub(crate) fn written(uri: &Uri, headers: &HeaderMap) -> u64 {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut key = KeyBuf::new();
    key.part(normal_authority(authority(uri, headers)).as_bytes());
    key.part(normal(path).as_bytes());
    key.as_ref().hash_value()
}
