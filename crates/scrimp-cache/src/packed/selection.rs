//! Selections that many responses have in common.

use std::{fmt, hash::BuildHasher, sync::Arc};

use super::pool::Pool;
use crate::policy::Selection;

/// Largest selection that is shared, in bytes on the heap.
const MOST_BYTES: usize = 512;

/// The selections of a layer's responses. Clients of one kind write the same fields, so most
/// responses of a resource kind were selected by one of a few values.
#[derive(Clone, Default)]
pub(crate) struct Selections(Arc<Pool<Selection>>);

// === impl Selections ===

impl Selections {
    /// Forgets the selections that no response has.
    pub(super) fn tidy(&self) {
        self.0.tidy();
    }

    /// Returns a selection that other responses share, if it is a common one. Only preferences are
    /// shared: other fields may tell who asked, and their values go with their response.
    /// Also returns whether it is shared.
    pub(crate) fn share(&self, selection: Selection) -> (Arc<Selection>, bool) {
        if !selection.is_by_preferences() || selection.heap_size() > MOST_BYTES {
            return (Arc::new(selection), false);
        }
        let hash = self.0.hasher().hash_one(&selection);
        let is_it = |known: &Selection| known.is_identical(&selection);
        match self.0.find(hash, is_it, || Some(selection.clone())) {
            Some(shared) => (shared, true),
            None => (Arc::new(selection), false),
        }
    }
}

impl fmt::Debug for Selections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selections").finish_non_exhaustive()
    }
}
