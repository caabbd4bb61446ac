//! Index of the files: their sizes, and the order of their last use.

use std::collections::{BTreeMap, HashMap};

/// The name of a file: a digest of its key.
pub(crate) type Name = [u8; 32];

/// Files in the folder.
#[derive(Default)]
pub(crate) struct Index {
    files: HashMap<Name, File>,
    /// Files by the time of their last use.
    order: BTreeMap<u64, Name>,
    turn: u64,
    bytes: u64,
}

struct File {
    size: u64,
    used: u64,
}

// === impl Index ===

impl Index {
    /// Returns the number of files.
    pub(crate) fn len(&self) -> u64 {
        self.files.len() as u64
    }

    /// Returns the bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records that a file was read.
    pub(crate) fn used(&mut self, name: &Name) {
        if let Some(size) = self.forget(name) {
            self.insert(*name, size);
        }
    }

    /// Records that a file was written.
    pub(crate) fn insert(&mut self, name: Name, size: u64) {
        self.forget(&name);
        self.turn += 1;
        let used = self.turn;
        self.order.insert(used, name);
        self.files.insert(name, File { size, used });
        self.bytes += size;
    }

    /// Records that a file was removed, and returns its size.
    pub(crate) fn forget(&mut self, name: &Name) -> Option<u64> {
        let file = self.files.remove(name)?;
        self.order.remove(&file.used);
        self.bytes -= file.size;
        Some(file.size)
    }

    /// Removes the least recently used files until the rest fits, and returns them.
    pub(crate) fn shrink_to(&mut self, max_bytes: u64) -> Vec<Name> {
        let mut gone = Vec::new();
        while self.bytes > max_bytes
            && let Some((_, name)) = self.order.pop_first()
        {
            if let Some(file) = self.files.remove(&name) {
                self.bytes -= file.size;
            }
            gone.push(name);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_file_is_removed_first() {
        let mut index = Index::default();
        let name = |n| [n; 32];
        (1..=4).for_each(|n| index.insert(name(n), 10));
        index.used(&name(1));
        index.insert(name(2), 15);
        assert_eq!((index.bytes(), index.len()), (45, 4));
        assert_eq!(index.shrink_to(30), [name(3), name(4)]);
        assert_eq!((index.bytes(), index.len()), (25, 2));
        assert_eq!(index.forget(&name(3)), None);
    }
}
