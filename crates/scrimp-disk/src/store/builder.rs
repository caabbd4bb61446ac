//! The builder of a store.

use std::{path::PathBuf, sync::Arc, time::Duration};

use scrimp_cache::{Codec, Compression, Journal, MemoryBudget, SharedLog};
#[cfg(feature = "encryption")]
use scrimp_cache::{EncryptedJournal, EncryptionKeys};
use scrimp_core::{Clock, Counter, Ledger, SettingError, Settings};
use tokio::sync::{Semaphore, watch};

use super::{DiskStore, Inner, MAX_WAITING};
use crate::{
    files::{Files, load},
    folder::Folder,
    journal::FileJournal,
};

const OWNER: &str = "DiskStore";

/// The settings of a store.
#[derive(Clone)]
struct Config {
    folder: PathBuf,
    max_bytes: u64,
    clock: Clock,
    codec: Codec,
    log: Option<SharedLog>,
    #[cfg(feature = "encryption")]
    keys: Option<EncryptionKeys>,
    max_body: u64,
    max_lifetime: Duration,
    fill_bytes: u64,
    flush: bool,
}

/// Builds a [`DiskStore`].
#[must_use]
pub struct DiskStoreBuilder(Settings<Config>);

// === impl DiskStoreBuilder ===

impl DiskStoreBuilder {
    pub(super) fn new(folder: PathBuf, max_bytes: u64) -> Self {
        let defaults = Config {
            folder,
            max_bytes: 0,
            clock: Clock::default(),
            codec: Codec::new().compression(Compression::Fast),
            log: None,
            #[cfg(feature = "encryption")]
            keys: None,
            max_body: 16 << 20,
            max_lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            fill_bytes: 64 << 20,
            flush: true,
        };
        let settings = Settings::new(OWNER, defaults);
        Self(
            settings.within("max_bytes", max_bytes, 1 << 20.., |config, bytes| {
                config.max_bytes = bytes;
            }),
        )
    }

    /// Sets the clock. It must be the layer's clock. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| {
            config.codec = config.codec.clone().clock(clock.clone());
            config.clock = clock;
        })
    }

    /// Sets the ledger for hits. It should be the layer's ledger. Default: none.
    pub fn ledger(self, ledger: &Ledger) -> Self {
        let ledger = ledger.clone();
        self.set(|config| config.codec = config.codec.clone().ledger(ledger))
    }

    /// Sets how bodies are compressed. Default: [`Compression::Fast`].
    pub fn compression(self, compression: Compression) -> Self {
        self.set(|config| config.codec = config.codec.clone().compression(compression))
    }

    /// Encrypts responses and invalidations. Default: no encryption.
    #[cfg(feature = "encryption")]
    pub fn encryption(self, keys: EncryptionKeys) -> Self {
        self.set(|config| {
            config.codec = config.codec.clone().encryption(keys.clone());
            config.keys = Some(keys);
        })
    }

    /// Sets the log of invalidations that a fleet shares, which the layer takes from the store.
    /// Invalidations are not kept in the folder then: this log knows them. Default: none.
    pub fn shared_log(self, log: &SharedLog) -> Self {
        let log = log.clone();
        self.set(|config| {
            config.codec = config.codec.clone().shared_log(&log);
            config.log = Some(log);
        })
    }

    /// Sets the size of the largest body that is stored, from 1 byte to 1 GiB. All variants of a response
    /// together take at most four times as much; a further one replaces the others. Default: 16 MiB.
    pub fn max_body(self, bytes: u64) -> Self {
        let range = 1..=1 << 30;
        Self(self.0.within("max_body", bytes, range, |config, bytes| {
            config.max_body = bytes;
        }))
    }

    /// Sets the longest time that a response is stored, from 1 s to 366 days: one that is useful for
    /// longer is fetched again. Default: 30 days.
    pub fn max_lifetime(self, time: Duration) -> Self {
        let range = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
        Self(self.0.within("max_lifetime", time, range, |config, time| {
            config.max_lifetime = time;
        }))
    }

    /// Sets the memory for responses on their way into the store, at least 64 KiB. Default: 64 MiB.
    pub fn fill_bytes(self, bytes: u64) -> Self {
        Self(
            self.0
                .within("fill_bytes", bytes, 64 << 10.., |config, bytes| {
                    config.fill_bytes = bytes;
                }),
        )
    }

    /// Sets whether each invalidation is flushed to the disk before it counts, so that it survives
    /// a failure of the power. It takes a few milliseconds, for which the thread of the request that
    /// invalidates something waits; on a disk that has stopped, it waits 2 s, and once more until it
    /// is known that the journal cannot be emptied either. From then on nothing waits for it.
    /// Default: true.
    ///
    /// Without it, an invalidation survives the end of the process, however it ends. After a
    /// restart of the machine, nothing stored is used. (Where the operating system does not
    /// identify the boot, as Linux does, nothing is used after a restart of the process either.)
    pub fn flush_invalidations(self, flush: bool) -> Self {
        self.set(|config| config.flush = flush)
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or the folder cannot be made or written, or another store has
    /// it open.
    pub fn build(self) -> Result<DiskStore, SettingError> {
        let config = self.0.finish()?;
        let unusable = |error: std::io::Error| {
            let problem = format_args!("must be a folder for this store alone: {error}");
            SettingError::new(OWNER, "folder", problem).with_source(error)
        };
        let folder = Folder::open(config.folder).map_err(unusable)?;
        let journal = folder.join("journal");
        let files = Arc::new(Files::new(
            folder,
            config.codec,
            config.clock,
            config.max_bytes,
            config.max_body,
            config.max_lifetime,
        ));
        let journal = match &config.log {
            Some(_) => None,
            None => {
                let journal = FileJournal::new(journal, config.flush, &files).map_err(unusable)?;
                #[cfg(feature = "encryption")]
                let journal: Arc<dyn Journal> = match config.keys {
                    Some(keys) => Arc::new(EncryptedJournal::new(journal, keys)),
                    None => Arc::new(journal),
                };
                #[cfg(not(feature = "encryption"))]
                let journal: Arc<dyn Journal> = Arc::new(journal);
                Some(journal)
            }
        };
        let (done, counted) = watch::channel(false);
        load(Arc::downgrade(&files), done).map_err(unusable)?;
        Ok(DiskStore(Arc::new(Inner {
            files,
            journal,
            log: config.log,
            budget: MemoryBudget::new(config.fill_bytes),
            max_body: config.max_body,
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            left_out: Counter::default(),
            counted,
        })))
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }
}

impl std::fmt::Debug for DiskStoreBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskStoreBuilder").finish_non_exhaustive()
    }
}
