//! The builder of a log.

use std::{path::PathBuf, sync::Arc, time::Duration};

use scrimp_core::{Clock, SettingError, Settings};

use crate::{
    chain::AuditKey,
    files::Files,
    log::{AuditLog, Inner},
    writer::{self, AuditSync, Queue, Writing},
};

const OWNER: &str = "AuditLog";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone)]
struct Config {
    folder: PathBuf,
    writing: Writing,
    queue: usize,
}

/// Builds an [`AuditLog`].
#[derive(Debug)]
#[must_use]
pub struct AuditLogBuilder(Settings<Config>);

// === impl AuditLog ===

impl AuditLog {
    /// Starts a builder for a log in a folder, which is made if needed, with the default settings.
    pub fn builder(folder: impl Into<PathBuf>) -> AuditLogBuilder {
        AuditLogBuilder::new(folder.into())
    }
}

// === impl AuditLogBuilder ===

impl AuditLogBuilder {
    fn new(folder: PathBuf) -> Self {
        let writing = Writing {
            clock: Clock::default(),
            key: None,
            pseudonyms: None,
            sync: AuditSync::Every(Duration::from_secs(1)),
            max_file: 64 << 20,
            max_age: DAY,
            retention: None,
        };
        Self(Settings::new(
            OWNER,
            Config {
                folder,
                writing,
                queue: 8192,
            },
        ))
    }

    /// Sets the key of the hashes. Without it, the chain shows an accident, and a change by a person who
    /// does not compute the rest again; with it, also one by a person who would, but does not have
    /// the key. A folder has one key, from its first record on. Default: none.
    pub fn key(self, key: AuditKey) -> Self {
        self.set(|config| config.writing.key = Some(key))
    }

    /// Sets the key of the pseudonyms that stand for subjects. It should not be the key of the hashes:
    /// when it is destroyed, pseudonyms belong to no person any more, and the chain can still be
    /// verified. Without it, the word `withheld` stands for every subject. Default: none.
    pub fn pseudonyms(self, key: AuditKey) -> Self {
        self.set(|config| config.writing.pseudonyms = Some(key))
    }

    /// Sets when records are written to the disk itself. Default: at most a second after they were written to
    /// the file.
    pub fn sync(self, sync: AuditSync) -> Self {
        self.set(|config| config.writing.sync = sync)
    }

    /// Sets the number of records that may wait for the disk, from 1 to 1,000,000. Each takes at most about
    /// 20 KiB, and most take less than 1 KiB. Default: 8,192.
    pub fn queue(self, records: usize) -> Self {
        Self(
            self.0
                .within("queue", records, 1..=1_000_000, |config, records| {
                    config.queue = records;
                }),
        )
    }

    /// Sets the size beyond which the next file begins, from 64 KiB. Default: 64 MiB.
    pub fn max_file(self, bytes: u64) -> Self {
        Self(
            self.0
                .within("max_file", bytes, 64 << 10.., |config, bytes| {
                    config.writing.max_file = bytes;
                }),
        )
    }

    /// Sets the time after which the next file begins, from 1 s. Default: 24 h.
    pub fn max_file_age(self, time: Duration) -> Self {
        let range = Duration::from_secs(1)..;
        Self(self.0.within("max_file_age", time, range, |config, time| {
            config.writing.max_age = time;
        }))
    }

    /// Sets the time after which records are deleted, from 1 s: a file as a whole, once its last record is
    /// older. So a record stays for at most this time, the [age of a file](Self::max_file_age), and an
    /// hour, as long as there are new ones. What the deleted files ended with is recorded first, so
    /// that the rest can be verified. Default: they are never deleted.
    pub fn retention(self, time: Duration) -> Self {
        let range = Duration::from_secs(1)..;
        Self(self.0.within("retention", time, range, |config, time| {
            config.writing.retention = Some(time);
        }))
    }

    /// Sets the clock. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.writing.clock = clock)
    }

    /// Opens the log, and starts its thread.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, the folder cannot be opened, or another log has it open.
    pub fn build(self) -> Result<AuditLog, SettingError> {
        let Config {
            folder,
            writing,
            queue,
        } = self.0.finish()?;
        let failed = |error: std::io::Error| {
            let problem = format!("cannot be used: {}: {error}", folder.display());
            SettingError::new(OWNER, "folder", problem).with_source(error)
        };
        let (files, left) = Files::open(&folder).map_err(failed)?;
        let queue = Arc::new(Queue::new(queue, left.last));
        let (clock, pseudonyms) = (writing.clock.clone(), writing.pseudonyms.clone());
        let ended = writer::start(writing, Arc::clone(&queue), (files, left)).map_err(failed)?;
        Ok(AuditLog::from_parts(Inner {
            folder,
            clock,
            pseudonyms,
            queue,
            ended,
        }))
    }

    fn set(self, set: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(set))
    }
}
