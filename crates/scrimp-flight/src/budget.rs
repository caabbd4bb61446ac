//! Memory that many broadcasts share.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A limit on the bytes that all broadcasts of one owner hold together.
#[derive(Debug)]
pub struct MemoryBudget {
    held: AtomicUsize,
    most: usize,
}

/// The bytes that one broadcast has booked.
#[derive(Debug, Default)]
pub(crate) struct Booked(usize);

// === impl MemoryBudget ===

impl MemoryBudget {
    /// Returns a budget of this many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            most: bytes,
        }
    }

    /// Returns the number of bytes that are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Returns how far a log may grow whose own limit is `most`. With nothing left, it holds only
    /// the chunks that its readers have not read yet.
    pub(crate) fn limit(&self, most: usize) -> usize {
        if self.held() < self.most { most } else { 1 }
    }

    /// Books the number of bytes that a log holds now.
    pub(crate) fn book(&self, booked: &mut Booked, held: usize) {
        let before = std::mem::replace(&mut booked.0, held);
        if held > before {
            self.held.fetch_add(held - before, Relaxed);
        } else if before > held {
            self.held.fetch_sub(before - held, Relaxed);
        }
    }
}
