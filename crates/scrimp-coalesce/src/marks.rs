//! What has been written, so that nobody is given what was read before.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;
use scrimp_core::KeyHashBuilder;

/// Targets remembered one by one. Past it, all of them count as written.
const MOST: usize = 4096;

/// When which target was written last, in a count of writes.
///
/// A call that began before a write of its target, or before everything was forgotten, may
/// bring what was true before: nobody who comes after the write may join it, and its answer
/// is not given again.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    now: AtomicU64,
    written: RwLock<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// By hash alone: a collision costs a call.
    targets: HashMap<u64, u64, KeyHashBuilder>,
    /// Everything was written here.
    floor: u64,
}

// === impl Marks ===

impl Marks {
    /// The count now, to be noted before a call begins.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// Notes that a target has been written.
    pub(crate) fn write(&self, target: u64) {
        let mut written = self.written.write();
        let now = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        if written.targets.len() >= MOST {
            written.targets.clear();
            written.floor = now;
        }
        written.targets.insert(target, now);
    }

    /// Notes that everything may have been written.
    pub(crate) fn write_all(&self) {
        let mut written = self.written.write();
        written.floor = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        written.targets.clear();
    }

    /// Whether what was born then is not older than the last write of its target.
    pub(crate) fn hold(&self, born: u64, target: impl FnOnce() -> u64) -> bool {
        if self.now() <= born {
            return true;
        }
        let written = self.written.read();
        if written.floor > born {
            return false;
        }
        let last = written.targets.get(&target());
        last.is_none_or(|&last| last <= born)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_born_before_a_write_of_its_target_does_not_hold() {
        let marks = Marks::default();
        let before = marks.now();
        marks.write(7);
        assert!(!marks.hold(before, || 7));
        assert!(marks.hold(before, || 8));
        assert!(marks.hold(marks.now(), || 7));
        marks.write_all();
        assert!(!marks.hold(before, || 8));
    }

    #[test]
    fn what_is_forgotten_counts_as_written() {
        let marks = Marks::default();
        let before = marks.now();
        for target in 0..=MOST as u64 {
            marks.write(target);
        }
        assert!(!marks.hold(before, || u64::MAX));
        assert!(marks.written.read().targets.len() <= MOST);
    }
}
