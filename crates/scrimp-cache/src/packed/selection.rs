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

/// The selections that were read, by what they are.
#[cfg(feature = "codec")]
#[derive(Default)]
pub(crate) struct KnownSelections(Pool<Selection>);

/// Reports whether other responses may have the same: only preferences are shared.
fn may_be_shared(selection: &Selection) -> bool {
    selection.is_by_preferences() && selection.heap_size() <= MOST_BYTES
}

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
        if !may_be_shared(&selection) {
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

// === impl KnownSelections ===

#[cfg(feature = "codec")]
impl KnownSelections {
    /// Forgets the selections that no response has.
    pub(crate) fn tidy(&self) {
        self.0.tidy();
    }

    /// Returns the selection for which `is_it` holds, whose written form has this hash. If it is not known,
    /// it is the one that `read` returns. Also returns whether it is shared.
    pub(crate) fn of<E>(
        &self,
        hash: u32,
        is_it: impl Fn(&Selection) -> bool,
        read: impl Fn() -> Result<Selection, E>,
    ) -> Result<(Arc<Selection>, bool), E> {
        // One that is read and may not be shared is not read again.
        let mut alone = None;
        let make = || match read() {
            Ok(selection) if may_be_shared(&selection) => Some(selection),
            other => {
                alone = Some(other);
                None
            }
        };
        if let Some(shared) = self.0.find(hash.into(), is_it, make) {
            return Ok((shared, true));
        }
        let selection = alone.unwrap_or_else(read)?;
        Ok((Arc::new(selection), false))
    }
}
