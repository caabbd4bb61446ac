//! Room for files, within the limit and on the disk.

use std::{fs, io};

use super::{Files, index::BLOCK};

/// Share of the limit, as a divisor, by which the store may grow before all files are known.
const UNCOUNTED: u64 = 16;

// === impl Files ===

impl Files {
    /// Deletes least recently used files until the rest takes no more bytes than this.
    pub(crate) fn make_room(&self, max_bytes: u64) {
        let gone = self.index.lock().shrink_to(max_bytes);
        for name in gone {
            self.counts.evicted.increment();
            // A remaining file is found again at the next start.
            let _ = fs::remove_file(self.path(&name));
        }
    }

    /// Deletes least recently used files because the disk has no room for these bytes.
    pub(crate) fn give_room(&self, bytes: u64) {
        self.counts.disk_full.increment();
        let used = self.index.lock().bytes();
        self.make_room(used.saturating_sub(2 * bytes.next_multiple_of(BLOCK)));
    }

    /// Reports whether a file of this length may be written. Before all files are known, there is a
    /// limit on the sum of new ones.
    pub(super) fn takes(&self, bytes: u64) -> bool {
        let grown = self.index.lock().grown();
        let room = grown.map_or(self.max_bytes, |grown| {
            (self.max_bytes / UNCOUNTED).saturating_sub(grown)
        });
        bytes <= self.max_file && bytes.next_multiple_of(BLOCK) <= room
    }
}

/// Reports whether a write failed for want of room on the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded
}
