//! Where stored responses live.

use std::{future::Future, sync::Arc};

use scrimp_core::{BoxError, Key, KeyRef, extensions::Fence};

use crate::invalidation::epoch::{Epoch, Epochs};

use super::{Entry, MemoryBudget, Variants};
use crate::stats::StoreStats;

/// A place to keep stored responses in.
///
/// A store keeps what it is given and judges nothing: freshness, matching and invalidation
/// are the layer's. It may forget anything at any time, and it may fail: a failure is
/// counted, the request goes to the upstream, and only the operator notices.
///
/// A store on disk or over a network writes responses as bytes with `Codec`, and keeps the
/// invalidations that go with them in a `Journal` (both with the feature `codec`);
/// `examples/disk_store` is one, tests included.
pub trait Store: Clone + Send + Sync + 'static {
    /// A look-up that could not be answered at once.
    type Get: Future<Output = Result<Option<Arc<Variants>>, BoxError>> + Send + 'static;
    /// A change under way.
    type Put: Future<Output = Result<PutOutcome, BoxError>> + Send + 'static;

    /// Looks up the responses stored under a key.
    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get>;

    /// Keeps a response, in place of those that answer the same requests.
    ///
    /// The token is asked at the last moment, under whatever lock the store has for the key:
    /// if it does not allow the entry, the response was invalidated while it was under way,
    /// and the store answers [`PutOutcome::Superseded`].
    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put;

    /// Removes all responses under a key, or one of them: [`Variants::without`] knows it also
    /// where it was read back.
    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>);

    /// Returns the memory for answers that are still coming in.
    fn budget(&self) -> &MemoryBudget;

    /// Returns the size of the largest body worth keeping, in bytes.
    fn max_body(&self) -> u64;

    /// Returns where the store keeps the invalidations, if what it holds outlives the process.
    ///
    /// Without one, nothing that another process has stored is used: it is unknown
    /// what of it has been invalidated. Asked once, when the layer is built.
    #[cfg(feature = "codec")]
    fn journal(&self) -> Option<Arc<dyn crate::invalidation::Journal>> {
        None
    }

    /// Returns what the store holds, as far as it knows.
    fn stats(&self) -> StoreStats {
        StoreStats::default()
    }
}

/// Says whether a response may still enter the store.
///
/// Every fill has one. It knows the invalidations since before the upstream call began.
#[derive(Debug, Clone)]
pub struct FillToken {
    epochs: Arc<Epochs>,
    fence: Option<Fence>,
}

// === impl FillToken ===

impl FillToken {
    pub(crate) fn new(epochs: &Arc<Epochs>, fence: Option<Fence>) -> Self {
        Self {
            epochs: Arc::clone(epochs),
            fence,
        }
    }

    /// Returns false if something the response carries was invalidated while it was under way.
    #[must_use]
    pub fn allows(&self, entry: &Entry) -> bool {
        self.epochs.check(&entry.validity) != Epoch::Gone
    }

    /// Returns the fence of the lock under which the response was fetched, if there was one.
    ///
    /// A store that several processes write to remembers the highest fence of each key, and
    /// answers [`PutOutcome::Superseded`] to a lower one: its holder has lost the lock since.
    #[must_use]
    pub fn fence(&self) -> Option<Fence> {
        self.fence
    }
}

/// The answer to a look-up.
#[derive(Debug)]
pub enum Lookup<F> {
    /// Known at once, as in memory.
    Now(Option<Arc<Variants>>),
    /// Known later, as over a network.
    Later(F),
}

/// Outcome of storing a response that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutOutcome {
    /// It is kept.
    Stored,
    /// It was invalidated while it was under way, and is not kept.
    Superseded,
    /// There was no room for it.
    Rejected,
}
