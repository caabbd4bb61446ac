//! Where stored responses live.

mod budget;
mod entry;
mod memory;

use std::{future::Future, sync::Arc};

use scrimp_core::{BoxError, Key, KeyRef};

pub use budget::{Budget, Held};
pub(crate) use entry::{Booking, CACHE_STATUS, Refreshing, compact};
pub use entry::{Entry, Variants};
pub use memory::{MemoryStore, StoreStats};

/// A place to keep stored responses in.
///
/// A store keeps what it is given and judges nothing: freshness, matching and invalidation
/// are the layer's. It may forget anything at any time, and it may fail: a failure is
/// counted, the request goes to the upstream, and nobody but the operator notices.
pub trait Store: Clone + Send + Sync + 'static {
    /// A look-up that could not be answered at once.
    type Get: Future<Output = Result<Option<Arc<Variants>>, BoxError>> + Send + 'static;
    /// A change under way.
    type Put: Future<Output = Result<PutOutcome, BoxError>> + Send + 'static;

    /// Looks up the responses stored under a key.
    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get>;

    /// Keeps a response, in place of those that answer the same requests.
    ///
    /// `still_valid` is asked at the last moment, under whatever lock the store has for the
    /// key: if it says no, the response was invalidated while it was under way, and the
    /// store answers [`PutOutcome::Superseded`].
    fn put(
        &self,
        key: Key,
        entry: Arc<Entry>,
        still_valid: Box<dyn FnOnce(&Entry) -> bool + Send>,
    ) -> Self::Put;

    /// Removes all responses under a key, or one of them.
    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>);

    /// Memory for answers that are still coming in.
    fn budget(&self) -> &Budget;

    /// Largest body worth keeping, in bytes.
    fn max_body(&self) -> u64;
}

/// The answer to a look-up.
#[derive(Debug)]
pub enum Lookup<F> {
    /// Known at once, as in memory.
    Now(Option<Arc<Variants>>),
    /// Known later, as over a network.
    Later(F),
}

/// What became of a response that was to be stored.
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
