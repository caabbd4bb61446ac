//! The cache over any of its stores.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use scrimp_audit::AuditLog;
use scrimp_cache::{
    Admin, CacheLayer, CacheLayerBuilder, CacheStats, MemoryStore, SettingError, Store, TierStats,
    Tiered,
};
use scrimp_core::Ledger;
use scrimp_disk::DiskStore;
use scrimp_gateway::GatewayBuilder;
use scrimp_redis::RedisStore;

use crate::config::{Cache, Tier};

use super::fleet::Fleet;

/// A cache whose store is of a type that the configuration decides.
pub(crate) trait AnyCache: Send + Sync {
    /// Puts the cache into a gateway.
    fn around_gateway(&self, gateway: GatewayBuilder) -> GatewayBuilder;

    fn stats(&self) -> CacheStats;

    /// Returns the counts of the tiers, if there is one below memory.
    fn tiers(&self) -> Option<TierStats>;

    /// Returns the service that purges, for requests that are authorised already.
    fn admin(&self) -> Admin;

    /// Makes a cache with other settings over the same store and log of invalidations.
    fn successor(
        &self,
        settings: &Cache,
        ledger: &Ledger,
    ) -> Result<Arc<dyn AnyCache>, SettingError>;
}

struct Over<St> {
    layer: CacheLayer<St>,
    tiers: fn(&St) -> Option<TierStats>,
    audit: Option<AuditLog>,
}

/// Makes the cache of a configuration.
pub(crate) fn open(
    settings: &Cache,
    ledger: &Ledger,
    fleet: Option<&Fleet>,
    audit: Option<&AuditLog>,
) -> Result<Arc<dyn AnyCache>, SettingError> {
    let memory = MemoryStore::new(settings.memory);
    match (&settings.tier, fleet) {
        (
            Tier::Redis {
                prefix, timeout, ..
            },
            Some(fleet),
        ) => {
            let below = RedisStore::builder(&fleet.client)
                .prefix(prefix.as_str())
                .shared_log(fleet.log.shared())
                .build()?;
            let tiers = Tiered::builder(memory, below)
                // A look-up in Redis is one command.
                .soft_timeout((*timeout).min(Duration::from_millis(10)))
                .hard_timeout(*timeout)
                .build()?;
            over(settings, (ledger, audit), tiers, |store| {
                Some(store.tiers())
            })
        }
        (Tier::Disk { folder, size }, _) => {
            let below = DiskStore::builder(folder, *size).build()?;
            let tiers = Tiered::new(memory, below);
            over(settings, (ledger, audit), tiers, |store| {
                Some(store.tiers())
            })
        }
        _ => over(settings, (ledger, audit), memory, |_| None),
    }
}

fn over<St: Store>(
    settings: &Cache,
    (ledger, audit): (&Ledger, Option<&AuditLog>),
    store: St,
    tiers: fn(&St) -> Option<TierStats>,
) -> Result<Arc<dyn AnyCache>, SettingError> {
    let layer = settings
        .set(CacheLayer::builder(store))
        .ledger(ledger.clone());
    let audit = audit.cloned();
    Ok(Arc::new(Over {
        layer: audited(layer, audit.as_ref()).build()?,
        tiers,
        audit,
    }))
}

/// Records the invalidations of a cache, if there is a log.
fn audited<St: Store>(
    layer: CacheLayerBuilder<St>,
    audit: Option<&AuditLog>,
) -> CacheLayerBuilder<St> {
    match audit {
        Some(audit) => layer.purger(audit.clone()),
        None => layer,
    }
}

impl<St: Store> AnyCache for Over<St> {
    fn around_gateway(&self, gateway: GatewayBuilder) -> GatewayBuilder {
        gateway.cache(self.layer.clone())
    }

    fn stats(&self) -> CacheStats {
        self.layer.stats()
    }

    fn tiers(&self) -> Option<TierStats> {
        (self.tiers)(self.layer.store())
    }

    fn admin(&self) -> Admin {
        self.layer.admin(|_: &Parts| true)
    }

    fn successor(
        &self,
        settings: &Cache,
        ledger: &Ledger,
    ) -> Result<Arc<dyn AnyCache>, SettingError> {
        let layer = settings.set(self.layer.successor()).ledger(ledger.clone());
        Ok(Arc::new(Self {
            layer: audited(layer, self.audit.as_ref()).build()?,
            tiers: self.tiers,
            audit: self.audit.clone(),
        }))
    }
}
