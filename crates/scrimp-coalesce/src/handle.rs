//! A handle to a layer, which reads its counters and removes responses.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri};

use crate::{CoalesceStats, key::written, shared::common::Common};

/// A handle that reads a layer's counters and forgets its responses.
#[derive(Clone)]
pub struct CoalesceHandle(pub(crate) Arc<Common>);

// === impl CoalesceHandle ===

impl CoalesceHandle {
    /// Returns the layer's counters so far and its current state.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.0.stats()
    }

    /// Forgets the responses of this URI that are in the window or in flight now, for all
    /// callers. Callers that already wait still get them.
    ///
    /// The URI must have an authority: on a server, that of the Host field. The scheme does not
    /// count.
    pub fn forget(&self, uri: &Uri) {
        self.0.marks.write(written(uri, &HeaderMap::new()));
    }

    /// Forgets the responses of all URIs.
    pub fn forget_all(&self) {
        self.0.marks.write_all();
        if let Some(recent) = &self.0.recent {
            recent.clear();
        }
    }
}

impl fmt::Debug for CoalesceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoalesceHandle")
            .field(&self.stats())
            .finish()
    }
}
