//! The marks and the memory of a node as a model: the rules of `SharedLog` for a few documents.

use std::collections::BTreeMap;

use bytes::Bytes;
use scrimp_cache::OutgoingRecord;

use crate::log::protocol::{Entry, Id, Replica};

/// Number of documents.
pub(crate) const DOCUMENTS: usize = 16;

/// Number of records whose names are remembered.
const NAMES: usize = 64;

type Positions = [u64; DOCUMENTS];

/// A position in a log; log 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    log: u64,
    last: Id,
}

/// A stored version of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) stamp: Stamp,
    /// Local position.
    pub(crate) fetched_at: u64,
}

/// The state of a node without the protocol.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    now: Stamp,
    /// The records that were applied.
    names: Vec<Id>,
    floor: u64,
    marks: Positions,
    own: Positions,
    last: u64,
    placed: u64,
    outbox: BTreeMap<usize, u64>,
    /// Own ones without a position, those that were not told, and those of others, while the server takes no
    /// writes.
    unlisted: Option<[BTreeMap<usize, u64>; 3]>,
    local: u64,
    local_floor: u64,
    local_marks: Positions,
    pub(crate) complete: bool,
    memory: [Option<Stored>; DOCUMENTS],
}

/// Returns the invalidation of a document by a version.
pub(crate) fn written((document, version): (usize, u64)) -> [u8; 9] {
    let mut bytes = [document as u8; 9];
    bytes[1..].copy_from_slice(&version.to_le_bytes());
    bytes
}

/// Returns the invalidations of a record.
pub(crate) fn read(record: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    record.chunks_exact(9).map(|bytes| {
        let version = bytes[1..].try_into().expect("eight bytes");
        (usize::from(bytes[0]), u64::from_le_bytes(version))
    })
}

// === impl Marks ===

impl Marks {
    pub(crate) fn invalidate(&mut self, document: usize, version: u64) {
        self.last += 1;
        self.own[document] = self.last;
        self.outbox.insert(document, version);
        if let Some([all, fresh, _]) = &mut self.unlisted {
            all.insert(document, version);
            fresh.insert(document, version);
        }
        self.enter(document);
    }

    fn enter(&mut self, document: usize) {
        self.local += 1;
        self.local_marks[document] = self.local;
    }

    /// Returns the state at the beginning of an upstream call.
    pub(crate) fn begin_call(&self, version: u64) -> Stored {
        Stored {
            version,
            stamp: self.now,
            fetched_at: self.local,
        }
    }

    fn is_valid(&self, document: usize, stored: Stored) -> bool {
        stored.fetched_at >= self.local_floor.max(self.local_marks[document])
    }

    /// Keeps a response in memory.
    pub(crate) fn keep(&mut self, document: usize, stored: Stored) {
        if self.is_valid(document, stored) {
            self.memory[document] = Some(stored);
        }
    }

    /// Returns the version that is served from memory or from the shared tier.
    pub(crate) fn look_up(&mut self, document: usize, tier: Option<Stored>) -> Option<u64> {
        if !self.complete {
            return None;
        }
        if let Some(stored) = self.memory[document] {
            if self.is_valid(document, stored) {
                return Some(stored.version);
            }
            self.memory[document] = None;
        }
        let stored = tier?;
        let Stamp { log, last } = stored.stamp;
        let at = last.at;
        let lost = self.names.iter().any(|name| name.at == at && *name != last);
        let later = at > self.now.last.at;
        let unknown = log == 0 || log != self.now.log || later || at < self.floor || lost;
        let own = self.own[document] > self.placed;
        if unknown || own || self.marks[document] > at {
            return None;
        }
        let fetched_at = self.local;
        self.memory[document] = Some(Stored {
            fetched_at,
            ..stored
        });
        Some(stored.version)
    }
}

impl Replica for Marks {
    fn take(&mut self) -> Option<OutgoingRecord> {
        let documents = std::mem::take(&mut self.outbox);
        let bytes: Vec<u8> = documents.into_iter().flat_map(written).collect();
        let through = self.last;
        (!bytes.is_empty()).then(|| OutgoingRecord {
            through,
            bytes: Bytes::from(bytes),
        })
    }

    fn begin(&mut self, log: u64, last: Id) {
        if self.now.log != log {
            self.marks = Positions::default();
        }
        self.floor = last.at;
        self.now = Stamp { log, last };
        self.names.clear();
        self.local += 1;
        self.local_floor = self.local;
    }

    fn apply(&mut self, entry: &Entry, own: Option<u64>) {
        for (document, _) in read(&entry.bytes) {
            self.marks[document] = entry.id.at;
            if own.is_none() {
                self.enter(document);
            }
        }
        self.now.last = entry.id;
        self.names.push(entry.id);
        if self.names.len() > NAMES {
            self.names.remove(0);
        }
        if let Some(through) = own {
            self.placed = self.placed.max(through);
        }
    }

    fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    fn begin_refusal<'a>(&mut self, taken: impl Iterator<Item = &'a Bytes>) {
        let mut all: BTreeMap<_, _> = taken.flat_map(|bytes| read(bytes)).collect();
        all.extend(&self.outbox);
        self.unlisted = Some([all.clone(), all, BTreeMap::new()]);
    }

    fn end_refusal(&mut self) {
        self.unlisted = None;
    }

    fn unlisted(&mut self, again: bool) -> Vec<Bytes> {
        let Some([all, fresh, _]) = &mut self.unlisted else {
            return Vec::new();
        };
        let told = match again {
            true => all.clone(),
            false => std::mem::take(fresh),
        };
        let bytes: Vec<u8> = told.into_iter().flat_map(written).collect();
        let bytes = (!bytes.is_empty()).then(|| Bytes::from(bytes));
        bytes.into_iter().collect()
    }

    fn forget_adopted(&mut self) {
        if let Some([_, _, adopted]) = &mut self.unlisted {
            adopted.clear();
        }
    }

    fn adopt(&mut self, bytes: &Bytes, again: bool) {
        for (document, version) in read(bytes) {
            let [_, _, adopted] = self.unlisted.as_mut().expect("a refusal has begun");
            let known = adopted.insert(document, version);
            if again && known.is_some() {
                continue;
            }
            self.last += 1;
            self.own[document] = self.last;
            self.outbox
                .entry(document)
                .and_modify(|known| *known = version.max(*known))
                .or_insert(version);
            self.enter(document);
        }
    }
}
