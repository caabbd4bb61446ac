//! A handle on a layer: what it has done, and what it is to forget.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri};

use crate::{CoalesceStats, key::written, shared::common::Common};

/// Tells what a layer does, and takes back what it would give again.
#[derive(Clone)]
pub struct CoalesceHandle(pub(crate) Arc<Common>);

// === impl CoalesceHandle ===

impl CoalesceHandle {
    /// Returns what the layer has done so far, and what is in flight.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.0.stats()
    }

    /// Forgets the answers of this URI that are in the window or under way now, whichever caller
    /// asked for them. Those who wait already still get them.
    ///
    /// The URI has to have an authority: on a server, that of the Host field. The scheme does
    /// not count.
    pub fn forget(&self, uri: &Uri) {
        self.0.marks.write(written(uri, &HeaderMap::new()));
    }

    /// Forgets the answers of all URIs.
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
