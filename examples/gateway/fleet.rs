//! Shares of gateways over one Redis: stored responses, purges, fills, a budget and a rate.

use std::time::Duration;

use scrimp::{
    cache::{MemoryStore, SettingError, Tiered},
    cost_route::{Budget, Cap},
    limit::LimitLayerBuilder,
    redis::{RedisAllowance, RedisClient, RedisFillLock, RedisLog, RedisRate, RedisStore},
    stampede::StampedeLayer,
};
use tokio::time::timeout;

use crate::args::FleetArgs;

/// Time for which one gateway may fill a key, unless it goes on and says so.
const LEASE: Duration = Duration::from_secs(10);

/// Longest wait for Redis at the start, and at the end. Without it, a gateway works on its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place in a fleet.
pub(crate) struct Fleet {
    name: String,
    patience: Duration,
    client: RedisClient,
    log: RedisLog,
    allowance: RedisAllowance,
}

// === impl Fleet ===

impl Fleet {
    /// Takes a place in the fleet that is named, if there is one.
    pub(crate) fn of(args: &FleetArgs) -> Result<Option<Self>, SettingError> {
        let Some(redis) = &args.redis else {
            return Ok(None);
        };
        let (name, patience) = (args.name.clone(), args.redis_timeout);
        let client = RedisClient::builder([redis]).command_timeout(patience);
        let client = client
            .notify_degraded(|change| tracing::warn!("{change}"))
            .build()?;
        let log = RedisLog::builder(&client).name(&name).build()?;
        let allowance = RedisAllowance::builder(&client).prefix(&name).build()?;
        Ok(Some(Self {
            name,
            patience,
            client,
            log,
            allowance,
        }))
    }

    /// Returns a store of this much memory above Redis.
    pub(crate) fn store(
        &self,
        bytes: u64,
    ) -> Result<Tiered<MemoryStore, RedisStore>, SettingError> {
        let below = RedisStore::builder(&self.client)
            .prefix(&self.name)
            .shared_log(self.log.shared())
            .build()?;
        // A look-up in Redis is one command.
        Tiered::builder(MemoryStore::new(bytes), below)
            .soft_timeout(self.patience.min(Duration::from_millis(10)))
            .hard_timeout(self.patience)
            .build()
    }

    /// Returns the layer that lets one gateway fill a key.
    pub(crate) fn fills(&self) -> Result<StampedeLayer, SettingError> {
        let lock = RedisFillLock::with_prefix(&self.client, &self.name);
        StampedeLayer::builder().lock(lock, LEASE).build()
    }

    /// Returns a budget of all gateways.
    pub(crate) fn budget(&self, cap: Cap) -> Budget {
        Budget::shared([cap], self.allowance.clone())
    }

    /// Makes a limit that of all gateways.
    pub(crate) fn share(&self, limit: LimitLayerBuilder) -> LimitLayerBuilder {
        limit.shared(RedisRate::new(&self.client, &self.name))
    }

    /// Waits for Redis.
    pub(crate) async fn joined(&self) {
        let joined = async {
            self.client.connected().await;
            self.log.caught_up().await;
        };
        if timeout(PATIENCE, joined).await.is_err() {
            tracing::warn!("Redis does not answer; going on without it");
        }
    }

    /// Leaves the fleet: others hear of the last purges, and get what is left of the budget.
    pub(crate) async fn leave(self) {
        let left = async {
            self.log.settled().await;
            self.allowance.give_back().await;
        };
        if timeout(PATIENCE, left).await.is_err() {
            tracing::warn!("Redis does not answer; its lease of the budget ends later");
        }
    }
}
