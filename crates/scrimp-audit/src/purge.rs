//! Invalidations of a cache.

use scrimp_core::{Purge, PurgeTarget, Purger};
use scrimp_http::redact;

use crate::{
    event::{AuditEvent, AuditKind},
    log::AuditLog,
};

/// Records each invalidation of a cache, after it holds: `CacheLayer::builder(store).purger(log.clone())`.
///
/// Names of tags and patterns may be those of persons: the log holds pseudonyms. Of a URI, it holds what
/// [`redact::uri`] leaves.
impl Purger for AuditLog {
    fn purge(&self, purge: &Purge) {
        let kind = purge.target.kind();
        let event = AuditEvent::new(AuditKind::Invalidation);
        let event = match &purge.target {
            PurgeTarget::Tag(name) | PurgeTarget::TagPrefix(name) | PurgeTarget::Glob(name) => {
                event.hidden_target(kind, &**name)
            }
            PurgeTarget::Uri(uri) | PurgeTarget::UriPrefix(uri) => {
                event.target(format!("{kind}:{}", redact::uri(uri)))
            }
            PurgeTarget::Authority(authority) => event.target(format!("{kind}:{authority}")),
            PurgeTarget::Group { authority, group } => {
                let event = event.detail("authority", authority);
                event.hidden_target(kind, &**group)
            }
            _ => event.target(kind),
        };
        self.record(match purge.soft {
            true => event.detail("soft", "true"),
            false => event,
        });
    }
}
