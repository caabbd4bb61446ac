//! Keys of lanes: requests share a batch only if their keys are equal.

use http::{HeaderName, HeaderValue, header::HOST, request::Parts};
use scrimp_core::{KeyBuf, extensions::Tenant};
use scrimp_http::{
    credentials::Credentials,
    target::{self, Target, TargetUri},
};
use smallvec::SmallVec;

use crate::config::Config;

/// The header fields that identify a caller. Most requests have one or two credentials.
struct Caller<'a> {
    credentials: SmallVec<[(&'a HeaderName, &'a HeaderValue); 4]>,
    host: Option<&'a HeaderValue>,
}

/// Returns the key of a request's lane, to which a codec may add parts: scheme, authority, tenant
/// (unless tenants share), credentials, and the mount of the service in nested routers.
pub(crate) fn lane_key(head: &Parts, config: &Config) -> KeyBuf {
    let caller = Caller::of(head, &config.credentials);
    let mut lane = KeyBuf::new();
    lane.part(head.uri.scheme_str().unwrap_or_default().as_bytes());
    lane.part(target::lower_authority(&head.uri, caller.host).as_bytes());
    let tenant = head
        .extensions
        .get::<Tenant>()
        .filter(|_| !config.share_tenants);
    lane.part(tenant.map_or("", |tenant| &tenant.0).as_bytes());
    caller.add(&mut lane);
    add_odds(&mut lane, head, caller.host, config.target_uri);
    lane
}

/// Adds the parts that few requests have, after three bytes that say which of them follow.
fn add_odds(lane: &mut KeyBuf, head: &Parts, host: Option<&HeaderValue>, target_uri: TargetUri) {
    let target = target_uri.of(&head.extensions, &head.uri);
    // The envelope's URI has the user name and password of its first item's URI.
    let userinfo = head
        .uri
        .authority()
        .filter(|_| target::has_userinfo(&head.uri));
    // An upstream may route by URI or by Host, and the envelope has the Host of its first item.
    let host = host.filter(|_| target::names_another_host(&head.uri, &head.headers));
    let nested = !std::ptr::eq(target.uri, &raw const head.uri);
    let odds = [userinfo.is_some(), host.is_some(), nested].map(u8::from);
    lane.part(&odds);
    if let Some(userinfo) = userinfo {
        lane.part(userinfo.as_str().as_bytes());
    }
    if let Some(host) = host {
        lane.part(host.as_bytes());
    }
    if nested {
        add_target(lane, target, head);
    }
}

/// Adds the mount of the layer's service in its routers. An inner service sees only the shown URIs
/// of a batch's items, so requests to two mounts share no batch.
fn add_target(lane: &mut KeyBuf, target: Target<'_>, head: &Parts) {
    lane.part(target::lower_authority(target.uri, head.headers.get(HOST)).as_bytes());
    match target::mount(target.uri, &head.uri).filter(|_| target.rewritten.is_none()) {
        Some(mount) => lane.part(b"mount").part(mount.as_bytes()),
        None => {
            let whole = target
                .uri
                .path_and_query()
                .map_or("", |whole| whole.as_str());
            lane.part(b"whole").part(whole.as_bytes())
        }
    };
}

// === impl Caller ===

impl<'a> Caller<'a> {
    /// Finds the credentials. Names are sorted, so that their order in the request does not
    /// matter. Lines of one name keep their order.
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

    /// Adds the number of lines, and each line with its name: two lines `a` and `b` differ from
    /// one line `ab`, and no line is taken for a part that a codec adds.
    fn add(&self, lane: &mut KeyBuf) {
        lane.part(&self.credentials.len().to_le_bytes());
        for (name, value) in &self.credentials {
            lane.part(name.as_str().as_bytes()).part(value.as_bytes());
        }
    }
}
