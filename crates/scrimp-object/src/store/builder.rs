//! The builder of a store.

use std::{sync::Arc, time::Duration};

use object_store::{ObjectStore, path::Path};
use scrimp_cache::{Codec, Compression, SharedLog};
use scrimp_core::{SettingError, Settings};

use super::BucketStore;

const OWNER: &str = "BucketStore";

/// Longest prefix of names, in bytes.
const MAX_PREFIX: usize = 200;

/// The settings of a store.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) prefix: String,
    pub(super) codec: Codec,
    pub(super) log: Option<SharedLog>,
    pub(super) max_body: u64,
    pub(super) max_lifetime: Duration,
    pub(super) lookup_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) fill_bytes: u64,
}

/// Builds a [`BucketStore`].
#[must_use]
pub struct BucketStoreBuilder {
    objects: Arc<dyn ObjectStore>,
    settings: Settings<Config>,
}

// === impl BucketStoreBuilder ===

impl BucketStoreBuilder {
    pub(super) fn new(objects: Arc<dyn ObjectStore>) -> Self {
        let defaults = Config {
            prefix: "scrimp".to_owned(),
            codec: Codec::new().compression(Compression::Fast),
            log: None,
            max_body: 16 << 20,
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            lookup_timeout: Duration::from_millis(500),
            write_timeout: Duration::from_secs(10),
            fill_bytes: 64 << 20,
        };
        Self {
            objects,
            settings: Settings::new(OWNER, defaults),
        }
    }

    /// Sets the beginning of all names, of 1 to 200 bytes, such as `cache/api`: layers with the same one
    /// share what they store. The version of the format follows it, so that processes of two
    /// versions share a bucket, and neither reads what the other one has written. Default: `scrimp`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let length = SettingError::within(OWNER, "prefix", prefix.len(), 1..=MAX_PREFIX);
        let prefix = length.and_then(|_| match Path::parse(&prefix) {
            Ok(path) => Ok(String::from(path)),
            Err(error) => {
                let problem = format_args!("must be a path such as cache/api: {error}");
                Err(SettingError::new(OWNER, "prefix", problem).with_source(error))
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

    /// Sets the size of the largest body that is stored or read, from 1 byte to 256 MiB. All variants of
    /// a response together take at most four times as much. Default: 16 MiB.
    pub fn max_body(self, bytes: u64) -> Self {
        let range = 1..=256 << 20;
        self.map(|settings| {
            settings.within("max_body", bytes, range, |config, bytes| {
                config.max_body = bytes;
            })
        })
    }

    /// Sets the longest time that a response is stored, at least 1 min: one that is useful for longer
    /// is fetched again. Default: 24 h.
    pub fn max_lifetime(self, time: Duration) -> Self {
        let range = Duration::from_secs(60)..=Duration::from_secs(366 * 24 * 60 * 60);
        self.map(|settings| {
            settings.within("max_lifetime", time, range, |config, time| {
                config.max_lifetime = time;
            })
        })
    }

    /// Sets the longest time of a look-up, from 1 ms to 1 min. The time-outs of the layer and of
    /// `Tiered` come first, if they are shorter; what they give up before half of this time does not
    /// count as a failure of the object store. Default: 500 ms.
    pub fn lookup_timeout(self, time: Duration) -> Self {
        let range = Duration::from_millis(1)..=Duration::from_secs(60);
        self.map(|settings| {
            settings.within("lookup_timeout", time, range, |config, time| {
                config.lookup_timeout = time;
            })
        })
    }

    /// Sets the longest time of a write or a removal, from 1 ms to 5 min. No request waits for it.
    /// A write that it cuts off may reach the object store even so: what it stores may count as younger
    /// than it is by this time, if no later write or removal takes its place. Default: 10 s.
    pub fn write_timeout(self, time: Duration) -> Self {
        let range = Duration::from_millis(1)..=Duration::from_secs(300);
        self.map(|settings| {
            settings.within("write_timeout", time, range, |config, time| {
                config.write_timeout = time;
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

    /// Builds the store. Nothing is requested from the object store yet.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub fn build(self) -> Result<BucketStore, SettingError> {
        let config = self.settings.finish()?;
        if config.log.is_none() {
            tracing::warn!("without a shared log, responses of other processes are not used");
        }
        Ok(BucketStore::with(self.objects, config))
    }

    fn map(self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        Self {
            objects: self.objects,
            settings: change(self.settings),
        }
    }
}

impl std::fmt::Debug for BucketStoreBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketStoreBuilder").finish_non_exhaustive()
    }
}
