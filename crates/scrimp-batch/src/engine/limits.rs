//! Limits of a batch.

use std::sync::Arc;

use super::{size::Size, window::BatchWindow};

/// The limits of one lane.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Items in a batch, as learned from the upstream.
    pub(crate) size: Arc<Size>,
    /// Items in a batch, as configured. 1 or more.
    pub(crate) items: usize,
    /// Bytes of all items' bodies.
    pub(crate) bytes: usize,
    /// Sum of the items' weights.
    pub(crate) weight: u64,
    /// Calls of one lane in flight. `None`: any number.
    pub(crate) concurrency: Option<usize>,
    /// Time to collect.
    pub(crate) window: BatchWindow,
}

// === impl Limits ===

impl Limits {
    /// Returns the number of items that the next batch may have. 1 or more.
    pub(crate) fn items(&self) -> usize {
        self.size.limit().min(self.items)
    }
}
