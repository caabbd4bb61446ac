//! Memory that all bodies under way have together.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes held in the logs of a layer, and how many there may be.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    most: usize,
}

/// What one log has on the books.
#[derive(Debug, Default)]
pub(crate) struct Booked(usize);

// === impl Budget ===

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            most,
        }
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// How long a log may grow that may be `most` long by itself: with nothing left, it keeps
    /// no more than what its readers have not read yet.
    pub(crate) fn limit(&self, most: usize) -> usize {
        if self.held() < self.most { most } else { 1 }
    }

    /// Notes how much a log holds now.
    pub(crate) fn book(&self, booked: &mut Booked, held: usize) {
        let before = std::mem::replace(&mut booked.0, held);
        if held > before {
            self.held.fetch_add(held - before, Relaxed);
        } else if before > held {
            self.held.fetch_sub(before - held, Relaxed);
        }
    }
}
