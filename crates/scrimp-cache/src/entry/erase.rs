//! Selection of stored responses to remove.

use super::Entry;
use crate::invalidation::Erasure;

// === impl Erasure ===

impl Erasure {
    /// Reports whether a stored response is to be removed.
    #[must_use]
    pub fn selects(&self, entry: &Entry) -> bool {
        self.hits(entry.validity.carried())
    }
}
