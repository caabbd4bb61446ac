//! Index of the files: their sizes, and the order of their last use.

use hashlink::LinkedHashMap;

/// Unit in which file systems store files, in bytes.
pub(super) const BLOCK: u64 = 4096;

/// The name of a file: the beginning of a digest of its key.
pub(crate) type Name = [u8; 16];

/// The files of a store, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Least recently used first. Files of an earlier process are in no order before their first use.
    files: LinkedHashMap<Name, File>,
    blocks: u64,
    peak: u64,
    /// Flag that all files are known.
    complete: bool,
    /// Blocks that were added and removed before all files were known.
    added: u64,
    freed: u64,
}

#[derive(Debug, Clone, Copy)]
struct File {
    blocks: u32,
    /// Flag that it is removed, though it may still be on the disk.
    removed: bool,
}

// === impl Index ===

impl Index {
    /// Returns the number of files.
    pub(super) fn len(&self) -> u64 {
        self.files.len() as u64
    }

    /// Returns the bytes that all files take.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks * BLOCK
    }

    /// Returns the highest number of bytes so far.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak * BLOCK
    }

    /// Reports whether a file may be there.
    pub(super) fn may_hold(&self, name: &Name) -> bool {
        match self.files.get(name) {
            Some(file) => !file.removed,
            None => !self.complete,
        }
    }

    /// Reports whether a file was removed, and may still be on the disk.
    pub(super) fn is_removed(&self, name: &Name) -> bool {
        self.files.get(name).is_some_and(|file| file.removed)
    }

    /// Notes that a file was read.
    pub(super) fn used(&mut self, name: &Name) {
        if self.files.get(name).is_some_and(|file| !file.removed) {
            self.files.to_back(name);
        }
    }

    /// Notes that a file was written.
    pub(super) fn written(&mut self, name: Name, bytes: u64) {
        let blocks = blocks(bytes);
        let removed = false;
        let old = self.files.insert(name, File { blocks, removed });
        self.free(old);
        self.add(blocks);
    }

    /// Notes a file that an earlier process has left. Returns false if it was removed since.
    pub(super) fn found(&mut self, name: Name, bytes: u64) -> bool {
        match self.files.get(&name) {
            Some(file) => !file.removed,
            None => {
                let blocks = blocks(bytes);
                let removed = false;
                self.files.insert(name, File { blocks, removed });
                self.files.to_front(&name);
                self.blocks += u64::from(blocks);
                self.peak = self.peak.max(self.blocks);
                true
            }
        }
    }

    /// Notes that a file is not to be read any more. It is deleted soon, or as the first to make room.
    pub(super) fn remove(&mut self, name: &Name) {
        match self.files.get_mut(name) {
            Some(file) => file.removed = true,
            None if self.complete => return,
            None => {
                let (blocks, removed) = (0, true);
                self.files.insert(*name, File { blocks, removed });
            }
        }
        self.files.to_front(name);
    }

    /// Notes that a file is not there.
    pub(super) fn forget(&mut self, name: &Name) {
        let old = self.files.remove(name);
        self.free(old);
    }

    /// Removes the least recently used files until the rest fits, and returns their names.
    pub(super) fn shrink_to(&mut self, bytes: u64) -> Vec<Name> {
        let mut gone = Vec::new();
        while self.bytes() > bytes
            && let Some((name, file)) = self.files.pop_front()
        {
            self.free(Some(file));
            gone.push(name);
        }
        gone
    }

    /// Returns how many bytes were added since the start, less those that were removed. None if all
    /// files are known, so that their sum counts.
    pub(super) fn grown(&self) -> Option<u64> {
        let grown = self.added.saturating_sub(self.freed);
        (!self.complete).then_some(grown * BLOCK)
    }

    /// Notes that all files are known.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    fn add(&mut self, blocks: u32) {
        let blocks = u64::from(blocks);
        self.blocks += blocks;
        self.peak = self.peak.max(self.blocks);
        if !self.complete {
            self.added += blocks;
        }
    }

    fn free(&mut self, old: Option<File>) {
        let blocks = old.map_or(0, |file| u64::from(file.blocks));
        self.blocks -= blocks;
        if !self.complete {
            self.freed += blocks;
        }
    }
}

/// Returns the blocks that a file of this length takes.
fn blocks(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> Name {
        let mut name = Name::default();
        name[..4].copy_from_slice(&n.to_le_bytes());
        name
    }

    #[test]
    fn the_least_recently_used_file_makes_room_first() {
        let mut index = Index::default();
        index.complete();
        (1..=4).for_each(|n| index.written(name(n), BLOCK));
        index.used(&name(1));
        index.written(name(2), BLOCK + 1);
        assert_eq!((index.bytes(), index.len()), (5 * BLOCK, 4));
        assert_eq!(index.shrink_to(3 * BLOCK), [name(3), name(4)]);
        assert_eq!((index.bytes(), index.len()), (3 * BLOCK, 2));
        index.forget(&name(3));
        assert_eq!(index.peak_bytes(), 5 * BLOCK);
    }

    #[test]
    fn a_file_that_was_removed_before_it_was_found_stays_removed() {
        let mut index = Index::default();
        assert!(index.may_hold(&name(1)), "not all files are known");
        index.remove(&name(1));
        assert!(!index.may_hold(&name(1)) && index.is_removed(&name(1)));
        assert!(!index.found(name(1), BLOCK));
        index.written(name(1), BLOCK);
        assert!(index.may_hold(&name(1)) && index.found(name(1), BLOCK));
        index.complete();
        assert!(!index.may_hold(&name(2)));
        index.remove(&name(2));
        assert_eq!((index.len(), index.bytes()), (1, BLOCK));
    }

    #[test]
    fn removed_files_make_room_before_all_others() {
        let mut index = Index::default();
        index.complete();
        (1..=3).for_each(|n| index.written(name(n), BLOCK));
        index.remove(&name(3));
        index.used(&name(3));
        assert_eq!(index.shrink_to(2 * BLOCK), [name(3)]);
    }

    #[test]
    fn files_of_an_earlier_process_make_room_before_those_of_this_one() {
        let mut index = Index::default();
        index.written(name(1), BLOCK);
        assert!(index.found(name(2), 3 * BLOCK));
        assert_eq!(index.grown(), Some(BLOCK));
        assert_eq!(index.shrink_to(BLOCK), [name(2)]);
        assert_eq!(index.grown(), Some(0));
        index.complete();
        assert_eq!(index.grown(), None);
    }
}
