//! What a batch may hold.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::window::BatchWindow;

/// The limits of one lane.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Items a batch may have, as the upstream has taught.
    pub(crate) learned: Arc<AtomicUsize>,
    /// Items a batch may have, as configured. One at least.
    pub(crate) items: usize,
    /// Bytes of all items' bodies.
    pub(crate) bytes: usize,
    /// Sum of the items' weights.
    pub(crate) weight: u64,
    /// Calls of one lane in flight. `None`: any number.
    pub(crate) concurrency: Option<usize>,
    /// How long to collect.
    pub(crate) window: BatchWindow,
}

// === impl Limits ===

impl Limits {
    /// Items the next batch may have.
    pub(crate) fn items(&self) -> usize {
        self.learned.load(Relaxed).clamp(1, self.items.max(1))
    }
}
