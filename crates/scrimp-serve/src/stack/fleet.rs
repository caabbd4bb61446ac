//! The place of a gateway among others over one Redis, which share purges, fills, budgets and rates.

use std::time::Duration;

use scrimp_core::SettingError;
use scrimp_redis::{RedisAllowance, RedisClient, RedisFillLock, RedisLog, RedisRate};
use tokio::time::timeout;

use crate::config::{Cache, Tier};

/// Time for which one gateway may fill a key, unless it goes on and says so.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// Longest wait for Redis at the start, and at the end. Without it, a gateway works on its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place in a fleet.
#[derive(Clone)]
pub(crate) struct Fleet {
    prefix: String,
    pub(crate) client: RedisClient,
    pub(crate) log: RedisLog,
    pub(crate) allowance: RedisAllowance,
}

// === impl Fleet ===

impl Fleet {
    /// Takes a place in the fleet of a configuration, if there is one.
    pub(crate) fn of(settings: &Cache) -> Result<Option<Self>, SettingError> {
        let Tier::Redis {
            server,
            prefix,
            timeout,
        } = &settings.tier
        else {
            return Ok(None);
        };
        let client = server.client().command_timeout(*timeout);
        let client = client
            .notify_degraded(|change| tracing::warn!("{change}"))
            .build()?;
        Ok(Some(Self {
            log: RedisLog::builder(&client).name(prefix).build()?,
            allowance: RedisAllowance::builder(&client).prefix(prefix).build()?,
            prefix: prefix.clone(),
            client,
        }))
    }

    pub(crate) fn fill_lock(&self) -> RedisFillLock {
        RedisFillLock::with_prefix(&self.client, &self.prefix)
    }

    pub(crate) fn rate(&self, upstream: &str) -> RedisRate {
        RedisRate::new(&self.client, &format!("{}:{upstream}", self.prefix))
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

    /// Leaves the fleet: others hear of the last purges, and get what is left of the budgets.
    pub(crate) async fn leave(&self) {
        let left = async {
            self.log.settled().await;
            self.allowance.give_back().await;
        };
        if timeout(PATIENCE, left).await.is_err() {
            tracing::warn!("Redis does not answer; its lease of the budgets ends later");
        }
    }
}
