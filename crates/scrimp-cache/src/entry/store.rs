//! The store of responses.

use std::{future::Future, sync::Arc, time::Duration};

use scrimp_core::{BoxError, Key, KeyRef, extensions::Fence};
use tokio::time::Instant;

use crate::invalidation::{
    Erased, Erasing, Erasure,
    epoch::{Epoch, Epochs},
};

use super::{Entry, MemoryBudget, Variants};
use crate::stats::StoreStats;

/// Stores responses.
///
/// A store does not judge: the layer decides on freshness, matching and invalidation. A store may
/// forget anything at any time, and it may fail. A failure is counted and the request goes to the
/// upstream; the caller does not see it.
///
/// A store on disk or over a network encodes responses with `Codec`, and keeps their invalidations
/// in a `Journal` (both with the feature `codec`). The crate `scrimp-disk` is a store on disk, and
/// `scrimp-redis` one over a network.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of responses",
    note = "take `MemoryStore::new(mib(256))`, `Tiered::new(upper, lower)`, or a store of `scrimp-redis`, `scrimp-disk` or \
            `scrimp-object`; a store of your own implements `Store`"
)]
pub trait Store: Clone + Send + Sync + 'static {
    /// A look-up that was not answered at once.
    type Get: Future<Output = Result<Option<Arc<Variants>>, BoxError>> + Send + 'static;
    /// A change in progress.
    type Put: Future<Output = Result<PutOutcome, BoxError>> + Send + 'static;

    /// Looks up the responses stored under a key.
    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get>;

    /// Returns the longest time for which a look-up waits before it wakes its task, whatever happens. If it is
    /// at most half of the layer's time for a store, the layer measures that time from the end of the first wait,
    /// less that wait: a look-up that is answered at the first attempt needs no timer of the layer. Default:
    /// unknown.
    fn longest_wait(&self) -> Option<Duration> {
        None
    }

    /// Looks up the responses stored under a key, for a request that is made ahead of time. A store that
    /// keeps what is used most does not count it as a use. Default: as [`get`](Self::get) does.
    fn peek(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.get(key)
    }

    /// Looks a key up once more, after an invalidation turned out to have hit a response that the last
    /// look-up brought. A store of several tiers may have a newer one below. `None`: there is nothing
    /// else. Default.
    fn get_behind(&self, key: KeyRef<'_>, hit: &Arc<Entry>) -> Option<Lookup<Self::Get>> {
        let _ = (key, hit);
        None
    }

    /// Stores a response, in place of those that answer the same requests.
    ///
    /// The store asks the token last, under its lock for the key, if it has one. If the token does
    /// not allow the entry, it was invalidated during the call, and the store returns
    /// [`PutOutcome::Superseded`].
    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put;

    /// Removes all responses under a key, or one of them. [`Variants::without`] also finds one
    /// that was decoded again.
    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>);

    /// Returns the memory for responses still being received.
    fn budget(&self) -> &MemoryBudget;

    /// Returns the memory for long bodies that are stored, or were and are still read. If it is used
    /// up, no more of them are stored. Default: they are not counted.
    fn bodies(&self) -> Option<&MemoryBudget> {
        None
    }

    /// Returns the size of the largest body that is stored, in bytes.
    fn max_body(&self) -> u64;

    /// Returns the journal of invalidations, if the contents of the store outlive the process.
    ///
    /// Without a journal, the responses of another process are not used, because their
    /// invalidations are unknown. The layer calls this once, when it is built.
    #[cfg(feature = "codec")]
    fn journal(&self) -> Option<Arc<dyn crate::invalidation::Journal>> {
        None
    }

    /// Returns the log of invalidations that a fleet shares, if other processes write to the store.
    ///
    /// The layer calls this once, when it is built. A log in the layer's settings comes first.
    #[cfg(feature = "codec")]
    fn shared_log(&self) -> Option<crate::SharedLog> {
        None
    }

    /// Reports whether the part of the store that a key is in does not answer at present. A request that
    /// finds nothing then, and goes to the upstream, counts as degraded. Default: it always answers.
    fn is_degraded(&self, key: KeyRef<'_>) -> bool {
        let _ = key;
        false
    }

    /// Counts the responses that `is_meant` selects. `None` if the store cannot tell.
    ///
    /// Only an operator's purge asks, so it may take time in proportion to the contents.
    fn count(&self, is_meant: &mut dyn FnMut(&Entry) -> bool) -> Option<u64> {
        let _ = is_meant;
        None
    }

    /// Removes the bytes of all stored responses that an erasure selects, and of those that cannot be read.
    /// Writes that began before this call end first, or are looked at too. Default: fails, as the
    /// store cannot do it.
    ///
    /// It may take time in proportion to the contents.
    fn erase(&self, erasure: &Erasure) -> Erasing {
        let _ = erasure;
        let problem = format!("{} cannot erase", std::any::type_name::<Self>());
        Box::pin(std::future::ready(Err(problem.into())))
    }

    /// Removes the bytes of responses that the origin has sent or confirmed longer ago than this, as of now on
    /// the layer's clock. Default: nothing, as the store does it by itself.
    fn sweep(&self, retention: Duration, now: Instant) -> Erasing {
        let _ = (retention, now);
        Box::pin(std::future::ready(Ok(Erased::default())))
    }

    /// Returns the contents of the store in numbers, as far as they are known.
    fn stats(&self) -> StoreStats {
        StoreStats::default()
    }
}

/// Decides whether a response may still be stored.
///
/// Every fill has a token. It knows the invalidations since the upstream call began.
#[derive(Debug, Clone)]
pub struct FillToken {
    /// The log that knows the invalidations; none for a response that was stored before.
    epochs: Option<Arc<Epochs>>,
    fence: Option<Fence>,
    stay: Option<Stay>,
}

/// The time that a response stays in a tier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stay {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

// === impl FillToken ===

impl FillToken {
    pub(crate) fn new(epochs: &Arc<Epochs>, fence: Option<Fence>) -> Self {
        Self {
            epochs: Some(Arc::clone(epochs)),
            fence,
            stay: None,
        }
    }

    /// Returns the token of a response that moves from one tier to another. Its invalidations are
    /// checked when it is used.
    pub(crate) fn promotion() -> Self {
        Self {
            epochs: None,
            fence: None,
            stay: None,
        }
    }

    /// Limits the time in the tier that it is for. A shorter one that is set already stays.
    pub(crate) fn staying(self, from: Instant, time: Duration) -> Self {
        let Some(until) = from.checked_add(time) else {
            return self;
        };
        let until = self.stay.map_or(until, |stay| stay.until.min(until));
        let stay = Some(Stay { from, until });
        Self { stay, ..self }
    }

    pub(crate) fn stay(&self) -> Option<Stay> {
        self.stay
    }

    /// Returns the longest time to store the response for, if the store is a tier of
    /// [`Tiered`](crate::Tiered) and its policy has set one.
    #[must_use]
    pub fn keep_for(&self) -> Option<Duration> {
        self.stay
            .map(|Stay { from, until }| until.saturating_duration_since(from))
    }

    /// Returns false if something the response carries was invalidated during the call.
    #[must_use]
    pub fn allows(&self, entry: &Entry) -> bool {
        let epochs = self.epochs.as_ref();
        epochs.is_none_or(|epochs| epochs.check(&entry.validity) != Epoch::Gone)
    }

    /// Returns the fence of the lock under which the response was fetched, if there was one.
    ///
    /// A store that several processes write to remembers the highest fence of each key, and
    /// returns [`PutOutcome::Superseded`] for a lower one: its holder has lost the lock since.
    #[must_use]
    pub fn fence(&self) -> Option<Fence> {
        self.fence
    }
}

/// The result of a look-up.
#[derive(Debug)]
pub enum Lookup<F> {
    /// Result that is known at once, as in memory.
    Now(Option<Arc<Variants>>),
    /// Result that is known later, as over a network.
    Later(F),
}

/// Outcome of storing a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutOutcome {
    /// The response is stored.
    Stored,
    /// The response was invalidated during the call, and is not stored.
    Superseded,
    /// There was no room for the response.
    Rejected,
}
