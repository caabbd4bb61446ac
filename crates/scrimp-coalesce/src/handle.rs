//! A handle on a layer: what it has done, and what it is to forget.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri};

use crate::{CoalesceStats, common::Common, key::written};

/// Tells what a layer does, and takes back what it would give again.
#[derive(Clone)]
pub struct CoalesceHandle(pub(crate) Arc<Common>);

// === impl CoalesceHandle ===

impl CoalesceHandle {
    /// What the layer has done so far, and what is in flight.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.0.stats()
    }

    /// Gives nobody an answer of this URI that is in the window or under way now, whoever
    /// asked for it. Those who wait already still get it.
    ///
    /// The URI has to have an authority: on a server, that of the Host field. The scheme does
    /// not count.
    pub fn forget(&self, uri: &Uri) {
        self.0.state.marks.write(written(uri, &HeaderMap::new()));
    }

    /// The same for all URIs.
    pub fn forget_all(&self) {
        self.0.state.marks.write_all();
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
