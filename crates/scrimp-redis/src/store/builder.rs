//! The builder of a store.

use std::time::Duration;

use scrimp_cache::{Codec, Compression, SharedLog};
use scrimp_core::{SettingError, Settings};

use super::RedisStore;
use crate::RedisClient;

const OWNER: &str = "RedisStore";

/// Longest prefix of keys, in bytes.
const MAX_PREFIX: usize = 200;

/// The settings of a store.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) prefix: String,
    pub(super) codec: Codec,
    pub(super) log: Option<SharedLog>,
    pub(super) max_body: u64,
    pub(super) max_lifetime: Duration,
    pub(super) fill_bytes: u64,
}

/// Builds a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    client: RedisClient,
    settings: Settings<Config>,
}

// === impl RedisStoreBuilder ===

impl RedisStoreBuilder {
    pub(super) fn new(client: RedisClient) -> Self {
        let defaults = Config {
            prefix: "scrimp".to_owned(),
            codec: Codec::new().compression(Compression::Fast),
            log: None,
            max_body: 1 << 20,
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            fill_bytes: 64 << 20,
        };
        Self {
            client,
            settings: Settings::new(OWNER, defaults),
        }
    }

    /// Sets the beginning of all keys, of 1 to 200 bytes: layers with the same one share what they
    /// store. The version of the format follows it, so that processes of two versions share a
    /// Redis, and neither reads what the other one has written. Default: `scrimp`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let length = SettingError::within(OWNER, "prefix", prefix.len(), 1..=MAX_PREFIX);
        let prefix = length.and_then(|_| match prefix.contains(['{', '}']) {
            false => Ok(prefix),
            true => {
                let problem = "must have no braces, which choose the slot in a cluster";
                Err(SettingError::new(OWNER, "prefix", problem))
            }
        });
        self.map(|settings| settings.checked(prefix, |config, prefix| config.prefix = prefix))
    }

    /// Sets the codec: its clock, ledger, encryption and compression. Default: a codec that
    /// [compresses](Compression::Fast) bodies.
    pub fn codec(self, codec: Codec) -> Self {
        self.map(|settings| settings.set(|config| config.codec = codec))
    }

    /// Sets the log of invalidations that the fleet shares, which the layer takes from the store.
    /// Without it, a process uses no response that another one has stored, because it does not know
    /// the invalidations, and each replaces those of the others. Default: none.
    pub fn shared_log(self, log: &SharedLog) -> Self {
        let log = log.clone();
        self.map(|settings| settings.set(|config| config.log = Some(log)))
    }

    /// Sets the size of the largest body that is stored or read, from 1 byte to 256 MiB. Default:
    /// 1 MiB.
    ///
    /// A look-up reads all variants of a response. A command reads at most 128 KiB of them, within the
    /// [command time-out](crate::RedisClientBuilder::command_timeout): more comes in pieces, one after
    /// the other. So a response that takes long because of its size is no failure of the server. The
    /// layer's `store_timeout` limits the whole look-up, and has to allow for it.
    pub fn max_body(self, bytes: u64) -> Self {
        let range = 1..=256 << 20;
        self.map(|settings| {
            settings.within("max_body", bytes, range, |config, bytes| {
                config.max_body = bytes;
            })
        })
    }

    /// Sets the longest time that a response is stored, at least 1 s: one that is useful for longer
    /// is fetched again. Default: 24 h.
    pub fn max_lifetime(self, time: Duration) -> Self {
        let range = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
        self.map(|settings| {
            settings.within("max_lifetime", time, range, |config, time| {
                config.max_lifetime = time;
            })
        })
    }

    /// Sets the memory for responses on their way into the store, at least 64 KiB. Default: 64 MiB.
    pub fn fill_bytes(self, bytes: u64) -> Self {
        self.map(|settings| {
            settings.within("fill_bytes", bytes, 64 << 10.., |config, bytes| {
                config.fill_bytes = bytes;
            })
        })
    }

    /// Builds the store.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub fn build(self) -> Result<RedisStore, SettingError> {
        let config = self.settings.finish()?;
        if config.log.is_none() {
            tracing::warn!("without a shared log, responses of other processes are not used");
        }
        Ok(RedisStore::with(self.client, config))
    }

    fn map(self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        Self {
            client: self.client,
            settings: change(self.settings),
        }
    }
}

impl std::fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStoreBuilder").finish_non_exhaustive()
    }
}
