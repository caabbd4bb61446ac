//! The log of invalidations on a medium that outlives the process.
//!
//! Stored responses on disk are safe to serve only if all invalidations since their fetch are
//! known. So every invalidation is handed to the store before it returns to its caller. After a
//! restart the log is read back, and continues under its old number. If anything is wrong with it,
//! a new log begins, and the older stored responses are no longer used.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_core::BoxError;
use serde::{Deserialize, Serialize};

use super::{
    epoch::{Epochs, InvalidationRecord, MAX_MARKS, Recorder, Tag, Target},
    tags::fingerprint,
};

use crate::{pattern::Pattern, stats::Counters};

/// Version of the format.
const FORMAT: u16 = 3;

/// Number of positions skipped at a restart: more than the process can have assigned without
/// recording them before it ended.
const GAP: u64 = 1 << 32;

/// Size above which a journal is rewritten, in addition to twice its initial size.
const SLACK: usize = 1 << 20;

/// Length and checksum in front of each record.
const FRAME: usize = 8;

/// Keeps the log of invalidations for a store whose responses outlive the process.
///
/// An invalidation returns once it is recorded, so that it holds whatever happens next. The
/// journal defines what it survives (the end of the process, or a power failure too). Calls come
/// one at a time, and from inside a runtime: they should not take long.
///
/// The URIs of stored responses are recorded too, when `Codec` encodes the first response of each.
/// A response whose URI has no record is not used after a restart. So a store must not hold a lock
/// that its journal takes while it encodes.
///
/// A record that cannot be kept is counted among
/// [`store_failures`](crate::CacheStats::store_failures). The journal is then emptied and no
/// longer written, so that nothing stored is used after a restart. If even that fails, an error is
/// logged, and the operator has to empty the store before the next start.
pub trait Journal: Send + Sync + 'static {
    /// Reads all records, appended or replaced, in order. A new journal has none.
    ///
    /// # Errors
    ///
    /// If it cannot be read: nothing stored is used then.
    fn read(&self) -> Result<Vec<u8>, BoxError>;

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    fn append(&self, record: &[u8]) -> Result<(), BoxError>;

    /// Replaces all records by these, in one step.
    ///
    /// # Errors
    ///
    /// If they cannot be kept.
    fn replace(&self, records: &[u8]) -> Result<(), BoxError>;
}

/// The first record.
#[derive(Serialize, Deserialize)]
struct Begin {
    format: u16,
    /// Hash of a fixed tag. Builds that differ in it do not agree on tags.
    fingerprint: u64,
    log: u64,
    position: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    position: u64,
    soft: bool,
    target: Written,
}

#[derive(Serialize, Deserialize)]
enum Written {
    Tags(Vec<u64>),
    Version(u64, u64),
    Glob(String),
    Prefix(String),
    Everything,
    Forgotten(Box<[u64]>),
    Writes(Vec<u64>),
    Floors(u64, Box<[u64]>),
    Covers(Box<[(u64, u64)]>, Option<u64>),
}

/// Writes the journal.
struct Writer {
    journal: Arc<dyn Journal>,
    /// Length in bytes; `begun_with` is the length right after a rewrite.
    length: usize,
    begun_with: usize,
    broken: bool,
}

/// Returns the log of a journal, or a new one, which is recorded in the journal from now on.
pub(crate) fn resume(journal: Arc<dyn Journal>, counters: &Arc<Counters>) -> Arc<Epochs> {
    let epochs = Arc::new(read_back(&*journal).unwrap_or_default());
    let mut writer = Writer {
        journal,
        length: 0,
        begun_with: 0,
        broken: false,
    };
    if let Err(error) = writer.begin(&epochs) {
        // The new entries must not count as the old log's once that can be read again.
        counters.store_failures.increment();
        writer.give_up(&*error);
        return Arc::default();
    }
    let (writer, counters) = (Mutex::new(writer), Arc::clone(counters));
    epochs.record(Recorder(Box::new(move |epochs, record| {
        let mut writer = writer.lock();
        // Under this lock, so that no rewrite comes in between.
        for record in epochs.take_covers().iter().chain(&record) {
            if let Err(error) = writer.note(epochs, record) {
                counters.store_failures.increment();
                writer.give_up(&*error);
            }
        }
    })));
    epochs
}

fn read_back(journal: &dyn Journal) -> Option<Epochs> {
    let bytes = match journal.read() {
        Ok(bytes) if bytes.is_empty() => return None,
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(error, "the journal of invalidations cannot be read");
            return None;
        }
    };
    let epochs = parse(&bytes);
    if epochs.is_none() {
        tracing::warn!("the journal of invalidations is damaged, or of another version");
    }
    epochs
}

/// Parses a journal. `None` if anything is wrong: a missing record may be the decisive one.
fn parse(mut bytes: &[u8]) -> Option<Epochs> {
    let begin: Begin = postcard::from_bytes(unframe(&mut bytes)?).ok()?;
    if begin.format != FORMAT || begin.fingerprint != fingerprint() {
        return None;
    }
    let mut hits = Vec::new();
    while !bytes.is_empty() {
        let record: Record = postcard::from_bytes(unframe(&mut bytes)?).ok()?;
        hits.push(InvalidationRecord::from(record));
    }
    hits.sort_by_key(|record| record.position);
    let last = hits.last().map_or(0, |record| record.position);
    let position = begin.position.max(last).checked_add(GAP)?;
    Some(Epochs::resume(MAX_MARKS, begin.log, hits, position))
}

fn frame(record: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
    let record = postcard::to_allocvec(record)?;
    let length = u32::try_from(record.len())?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&record).to_le_bytes());
    bytes.extend_from_slice(&record);
    Ok(())
}

fn unframe<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(FRAME)?;
    let (length, sum) = head.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    (crc32fast::hash(record).to_le_bytes() == *sum).then_some(record)
}

// === impl Writer ===

impl Writer {
    /// Rewrites the whole log.
    fn begin(&mut self, epochs: &Epochs) -> Result<(), BoxError> {
        let (hits, now) = epochs.dump();
        let begin = Begin {
            format: FORMAT,
            fingerprint: fingerprint(),
            log: now.log,
            position: now.at,
        };
        let mut records = Vec::new();
        frame(&begin, &mut records)?;
        for record in &hits {
            frame(&Record::from(record), &mut records)?;
        }
        self.journal.replace(&records)?;
        (self.length, self.begun_with) = (records.len(), records.len());
        Ok(())
    }

    fn note(&mut self, epochs: &Epochs, record: &InvalidationRecord) -> Result<(), BoxError> {
        if self.broken {
            return Ok(());
        }
        let mut bytes = Vec::new();
        frame(&Record::from(record), &mut bytes)?;
        if self.length + bytes.len() > 2 * self.begun_with + SLACK {
            return self.begin(epochs);
        }
        self.journal.append(&bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    /// Empties the journal: without one record, it is of no use.
    fn give_up(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.broken = true;
        match self.journal.replace(&[]) {
            Ok(()) => tracing::warn!(
                error,
                "the journal of invalidations failed; responses stored now are lost at a restart"
            ),
            Err(second) => tracing::error!(
                error,
                second,
                "the journal of invalidations can be neither written nor emptied; \
                 empty the store before the next start"
            ),
        }
    }
}

// === impl Record ===

impl From<&InvalidationRecord> for Record {
    fn from(record: &InvalidationRecord) -> Self {
        Self {
            position: record.position,
            soft: record.soft,
            target: match &record.target {
                Target::Tags(tags) => Written::Tags(tags.iter().map(|tag| tag.0).collect()),
                Target::Version(tag, version) => Written::Version(tag.0, *version),
                Target::Glob(pattern) => match pattern.as_literal_prefix() {
                    Some(prefix) => Written::Prefix(prefix.to_owned()),
                    None => Written::Glob(pattern.as_str().to_owned()),
                },
                Target::Everything => Written::Everything,
                Target::Forgotten(versions) => Written::Forgotten(versions.clone()),
                Target::Written(tags) => Written::Writes(tags.iter().map(|tag| tag.0).collect()),
                Target::Floors(secret, floors) => Written::Floors(*secret, floors.clone()),
                Target::Covers((uris, floor)) => {
                    Written::Covers(uris.iter().map(|(tag, at)| (tag.0, *at)).collect(), *floor)
                }
            },
        }
    }
}

impl From<Record> for InvalidationRecord {
    fn from(record: Record) -> Self {
        Self {
            position: record.position,
            soft: record.soft,
            target: match record.target {
                Written::Tags(tags) => Target::Tags(tags.into_iter().map(Tag).collect()),
                Written::Version(tag, version) => Target::Version(Tag(tag), version),
                Written::Glob(text) => Target::Glob(Pattern::name(&text)),
                Written::Prefix(prefix) => Target::Glob(Pattern::literal_prefix(&prefix)),
                Written::Everything => Target::Everything,
                Written::Forgotten(versions) => Target::Forgotten(versions),
                Written::Writes(tags) => Target::Written(tags.into_iter().map(Tag).collect()),
                Written::Floors(secret, floors) => Target::Floors(secret, floors),
                Written::Covers(uris, floor) => {
                    let uris = uris.iter().map(|(tag, at)| (Tag(*tag), *at));
                    Target::Covers((uris.collect(), floor))
                }
            },
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
