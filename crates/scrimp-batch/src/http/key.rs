//! Who may share a batch.

use http::{HeaderName, HeaderValue, header::HOST, request::Parts};
use scrimp_core::{Key, KeyBuf, extensions::Tenant};
use scrimp_http::{
    credentials::Credentials,
    target::{self, Target},
};
use smallvec::SmallVec;

use crate::config::Config;

/// A lane's key in the making, and that of its upstream.
pub(crate) struct LaneKey {
    pub(crate) lane: KeyBuf,
    pub(crate) upstream: Key,
}

/// What a request's fields say of who is asking. Most have one credential or two.
struct Caller<'a> {
    credentials: SmallVec<[(&'a HeaderName, &'a HeaderValue); 4]>,
    host: Option<&'a HeaderValue>,
}

// === impl LaneKey ===

impl LaneKey {
    /// Scheme and authority; then tenant, unless tenants share, credentials, and where in
    /// nested routers the service stands.
    pub(crate) fn new(head: &Parts, config: &Config) -> Self {
        let caller = Caller::of(head, &config.credentials);
        let mut lane = upstream(head, caller.host);
        let upstream = lane.to_key();
        let tenant = head
            .extensions
            .get::<Tenant>()
            .filter(|_| !config.share_tenants);
        lane.part(tenant.map_or("", |tenant| &tenant.0).as_bytes());
        lane.part_with(|write| caller.write(write));
        lane.part_with(|write| {
            // A name and a password in the URI are on the envelope's URI too.
            if target::has_userinfo(&head.uri) {
                let authority = head.uri.authority().map_or("", |it| it.as_str());
                tagged(write, b"u", authority.as_bytes());
            }
            // Upstreams may go by either, and the envelope has the Host of its first item.
            if let Some(host) = caller.host
                && target::names_another_host(&head.uri, &head.headers)
            {
                tagged(write, b"h", host.as_bytes());
            }
            let target = config.target_uri.of(&head.extensions, &head.uri);
            if target.uri != &head.uri {
                write_target(write, target, head);
            }
        });
        Self { lane, upstream }
    }

    /// Returns the key of the upstream alone.
    pub(crate) fn upstream(head: &Parts) -> Key {
        upstream(head, head.headers.get(HOST)).to_key()
    }
}

fn upstream(head: &Parts, host: Option<&HeaderValue>) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.part(head.uri.scheme_str().unwrap_or_default().as_bytes());
    let authority = target::authority_of(&head.uri, host);
    match authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => key.part(authority.to_ascii_lowercase().as_bytes()),
        false => key.part(authority.as_bytes()),
    };
    key
}

/// Writes where the service of the layer stands in its routers. Those who are sent a batch know
/// the shown URIs of its items only, so what was asked of another router shares none.
fn write_target(write: &mut dyn FnMut(&[u8]), target: Target<'_>, head: &Parts) {
    let authority = target::authority(target.uri, &head.headers);
    tagged(write, b"a", authority.to_ascii_lowercase().as_bytes());
    match target::mount(target.uri, &head.uri).filter(|_| target.rewritten.is_none()) {
        Some(mount) => tagged(write, b"m", mount.as_bytes()),
        None => {
            let whole = target.uri.path_and_query();
            tagged(
                write,
                b"t",
                whole.map_or("", |whole| whole.as_str()).as_bytes(),
            );
        }
    }
}

/// Writes bytes so that they are no part of what stands before or behind them.
fn tagged(write: &mut dyn FnMut(&[u8]), tag: &[u8], bytes: &[u8]) {
    write(tag);
    write(&(bytes.len() as u64).to_le_bytes());
    write(bytes);
}

// === impl Caller ===

impl<'a> Caller<'a> {
    /// Finds the credentials. Names are sorted, so that their order in the request does not
    /// count; the lines of one name keep theirs.
    fn of(head: &'a Parts, credentials: &Credentials) -> Self {
        let mut caller = Self {
            credentials: SmallVec::new(),
            host: None,
        };
        for (name, value) in &head.headers {
            if *name == HOST {
                caller.host.get_or_insert(value);
            } else if credentials.contains(name) {
                caller.credentials.push((name, value));
            }
        }
        if caller.credentials.len() > 1 {
            let found = &mut caller.credentials;
            found.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        }
        caller
    }

    /// Writes each line with its name: two lines `a` and `b` are not one line `ab`.
    fn write(&self, write: &mut dyn FnMut(&[u8])) {
        for (name, value) in &self.credentials {
            tagged(write, b"", name.as_str().as_bytes());
            tagged(write, b"", value.as_bytes());
        }
    }
}
