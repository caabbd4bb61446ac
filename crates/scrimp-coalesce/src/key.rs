//! The key of a request. Requests with equal keys share a call.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST};
use http_body::Body;
use scrimp_core::{
    BodyDigest, Key, KeyBuf, KeyPart,
    extensions::{Directive, Tenant},
};
use scrimp_http::{
    body::Presence,
    connection::names_upgrade,
    method::is_safe,
    role::{Role, role, role_by},
    target::{TargetParts, authority, host, normal, normal_authority},
};

use crate::{config::Config, unshared::Unshared};

/// Relation of a request field to the key.
enum Part {
    /// The field is part of the key.
    Keyed,
    /// The field is Host, which the target may already contain.
    Host,
    /// The field is not part of the key: it only traces the call or describes the client, or
    /// the settings say so. A response whose Vary names it is not shared.
    Ignored,
    /// The field is not part of the key, unless it asks for a connection of its own.
    Connection,
    /// The field asks for something that only a call of its own can do.
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

/// Reports whether a request field is part of the key.
pub(crate) fn is_keyed(config: &Config, name: &HeaderName) -> bool {
    !matches!(Part::of(config, name), Part::Ignored | Part::Connection)
}

/// Reports whether a request counts as one without a body.
///
/// A request counts as one with a body if only the first frame would show whether it has one.
pub(crate) fn is_bodiless<B: Body>(request: &Request<B>) -> bool {
    match Presence::of(request) {
        Presence::Absent => true,
        Presence::Present | Presence::Unknown => false,
    }
}

/// Reports whether several requests with this method may share one response.
///
/// TRACE and PRI are safe but not shared: the response to TRACE contains the request, with its
/// credentials (RFC 9110 §9.3.8), and PRI begins a connection (RFC 9113 §3.4). CONNECT, which
/// opens a tunnel, is not safe.
fn is_shared(method: &Method) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => true,
        Method::TRACE => false,
        _ => is_safe(method) && method.as_str() != "PRI",
    }
}

/// Writes the key of a request, or returns why the request must be sent on its own.
pub(crate) fn write<B>(
    key: &mut KeyBuf,
    config: &Config,
    request: &Request<B>,
    empty: bool,
) -> Result<(), Unshared> {
    let digest = request.extensions().get::<BodyDigest>();
    may_share(config, request, empty, digest.is_some())?;
    let part = part_of(request)?;
    let target = config.target_uri.of(request.extensions(), request.uri());
    let host = host(request.headers()).filter(|_| is_keyed(config, &HOST));
    let target = target.parts(request.version(), host);
    head(key, request, &target);
    add_part(key, part);
    if let Some(digest) = digest
        && !empty
    {
        key.part(&digest.0);
    }
    for (name, value) in request.headers() {
        match Part::of(config, name) {
            Part::Ignored => {}
            Part::Connection if !names_upgrade(value.as_bytes()) => {}
            Part::Connection | Part::Own => return Err(Unshared::OwnCall),
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
    Ok(())
}

/// Returns why the user's function may make no key for the request.
pub(crate) fn check_open<B>(
    config: &Config,
    request: &Request<B>,
    empty: bool,
) -> Result<(), Unshared> {
    let digest = request.extensions().get::<BodyDigest>().is_some();
    let mut fields = request.headers().iter();
    may_share(config, request, empty, digest)?;
    part_of(request)?;
    match fields.any(|(name, value)| is_for_one_connection(name, value)) {
        true => Err(Unshared::OwnCall),
        false => Ok(()),
    }
}

/// Writes the key that contains the key made by the user's function.
pub(crate) fn wrap<B>(key: &mut KeyBuf, request: &Request<B>, own: &Key) {
    let tenant = request.extensions().get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(request.method().as_str().as_bytes());
    key.part(own.as_ref().as_bytes());
    add_part(key, part_of(request).ok().flatten());
}

/// Returns the part of the key that layers and middleware have put into a request's extensions.
fn part_of<B>(request: &Request<B>) -> Result<Option<&[u8]>, Unshared> {
    KeyPart::of(request.extensions()).map_err(|_| Unshared::KeyTooLong)
}

fn add_part(key: &mut KeyBuf, part: Option<&[u8]>) {
    if let Some(part) = part {
        key.part(KeyPart::NAME).part(part);
    }
}

/// Writes the tenant, the directive, the method and the target.
fn head<B>(key: &mut KeyBuf, request: &Request<B>, target: &TargetParts<'_>) {
    let extensions = request.extensions();
    let tenant = extensions.get::<Tenant>();
    key.part(tenant.map_or(b"", |tenant| tenant.0.as_bytes()));
    key.part(match extensions.get::<Directive>() {
        None => b"",
        Some(Directive::RefreshNow) => b"refresh",
        // A prefetch too: a budget may refuse it, and its refusal must not be the answer to a caller.
        Some(_) => b"other",
    });
    key.part(request.method().as_str().as_bytes());
    key.part(target.scheme.as_bytes());
    key.part(&target.authority);
    key.part(target.path_and_query.as_bytes());
    if !target.more.is_empty() {
        key.part(target.more.as_bytes());
    }
}

/// Returns why method or body keep a request from being shared. A body is identified by its
/// digest, or by the idempotency key of its sender.
fn may_share<B>(
    config: &Config,
    request: &Request<B>,
    empty: bool,
    digest: bool,
) -> Result<(), Unshared> {
    if is_shared(request.method()) {
        return match empty || digest {
            true => Ok(()),
            false => Err(Unshared::Body),
        };
    }
    let named = || request.headers().contains_key("idempotency-key");
    let shared = *request.method() == Method::POST
        && (config.posts_by_digest && digest || config.posts_by_idempotency_key && named());
    match shared {
        true => Ok(()),
        false => Err(Unshared::Method),
    }
}

/// Reports whether a field asks for something that only a call of its own can do.
fn is_for_one_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    match role(name) {
        Role::Connection => names_upgrade(value.as_bytes()),
        Role::Own => true,
        _ => false,
    }
}

/// Returns the hash of the target that a request would write: see [`written`].
pub(crate) fn written_by<B>(config: &Config, request: &Request<B>) -> u64 {
    let target = config.target_uri.of(request.extensions(), request.uri());
    written(target.uri, request.headers())
}

/// Returns the hash of the target of a write: authority, path and query, without the scheme.
///
/// All spellings of a URI have the same hash here, although they have different keys: a write
/// must outdate reads under every spelling, and a needless match only costs a call. A URI that
/// was rewritten on the way is left out for the same reason.
pub(crate) fn written(uri: &Uri, headers: &HeaderMap) -> u64 {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut key = KeyBuf::new();
    key.part(normal_authority(authority(uri, headers)).as_bytes());
    key.part(normal(path).as_bytes());
    key.as_ref().hash_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(part: Option<KeyPart>, own: Option<&Key>) -> Result<Key, Unshared> {
        let mut request = Request::new(());
        part.map(|part| request.extensions_mut().insert(part));
        let mut key = KeyBuf::new();
        match own {
            Some(own) => wrap(&mut key, &request, own),
            None => write(&mut key, &Config::new(), &request, true)?,
        }
        Ok(key.to_key())
    }

    #[test]
    fn requests_with_different_parts_have_different_keys() {
        let mut own = KeyBuf::new();
        own.part(b"a");
        let own = own.to_key();
        for own in [None, Some(&own)] {
            let parts = [None, Some(""), Some("\0"), Some("\x01"), Some("a")];
            let made = parts.map(|part| key(part.map(KeyPart::new), own).expect("a key"));
            for (index, one) in made.iter().enumerate() {
                assert!(!made[..index].contains(one), "{:?}", parts[index]);
            }
            assert_eq!(key(Some(KeyPart::new("a")), own), Ok(made[4].clone()));
        }
        let long = KeyPart::new(vec![b'a'; 1_025]);
        assert_eq!(key(Some(long.clone()), None), Err(Unshared::KeyTooLong));
        let mut request = Request::new(());
        request.extensions_mut().insert(long);
        let open = check_open(&Config::new(), &request, true);
        assert_eq!(open, Err(Unshared::KeyTooLong));
    }

    #[test]
    fn what_else_names_a_host_is_in_the_key_as_it_was_sent() {
        for name in ["forwarded", "origin", "x-forwarded-host"] {
            let values = ["a", "b", "a:80", "http://a", "host=a", "host=b"];
            let made = values.map(|value| {
                let request = Request::builder().header("host", "h").header(name, value);
                let mut key = KeyBuf::new();
                let request = request.body(()).expect("a request");
                write(&mut key, &Config::new(), &request, true).expect("a key");
                key.to_key()
            });
            for (index, one) in made.iter().enumerate() {
                assert!(!made[..index].contains(one), "{name}: {}", values[index]);
            }
        }
    }
}
