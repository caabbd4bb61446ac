//! Who may share a batch.

use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION},
    request::Parts,
};
use scrimp_core::{Key, KeyBuf, extensions::Tenant};

/// Fields that say who is asking, unless others are named: requests with different ones never
/// share a batch.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];

/// A lane's key in the making, and that of its upstream.
pub(crate) struct LaneKey {
    pub(crate) lane: KeyBuf,
    pub(crate) upstream: Key,
}

// === impl LaneKey ===

impl LaneKey {
    /// Scheme and authority; then tenant, unless tenants share, and credentials.
    pub(crate) fn new(head: &Parts, credentials: &[HeaderName], share_tenants: bool) -> Self {
        let mut lane = KeyBuf::new();
        lane.part(head.uri.scheme_str().unwrap_or_default().as_bytes());
        lane.part(authority(head));
        let upstream = lane.to_key();
        let tenant = head.extensions.get::<Tenant>().filter(|_| !share_tenants);
        lane.part(tenant.map_or("", |tenant| &tenant.0).as_bytes());
        for name in credentials {
            let mut values = head.headers.get_all(name).iter();
            lane.part_with(|write| {
                values.by_ref().for_each(|value| {
                    // Two fields `a` and `b` are not one field `ab`.
                    write(&(value.len() as u64).to_le_bytes());
                    write(value.as_bytes());
                });
            });
        }
        Self { lane, upstream }
    }
}

fn authority(head: &Parts) -> &[u8] {
    match head.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => head.headers.get(HOST).map_or(b"", |host| host.as_bytes()),
    }
}
