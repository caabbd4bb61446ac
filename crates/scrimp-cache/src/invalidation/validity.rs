//! The state of one entry towards the log of invalidations.

pub(crate) use super::carried::Carried;
#[cfg(feature = "codec")]
use super::epoch::Stamp;
use super::{
    epoch::{CallStart, Position},
    sync::{AtomicU64, Ordering},
};

/// The position of one entry in the log, and what it carries.
#[derive(Debug)]
pub(crate) struct Validity {
    pub(super) fetched_at: Position,
    pub(super) carried: Carried,
    /// Position up to which the entry is known to be valid.
    pub(super) checked: AtomicU64,
}

// === impl Validity ===

impl Validity {
    /// Returns the validity of an entry that is the response to this call.
    pub(crate) fn of_call(call: &CallStart, mut carried: Carried) -> Self {
        carried.watch(&call.watch);
        let validity = Self::new(call.position, carried);
        #[cfg(feature = "codec")]
        let validity = validity.stamped(call.stamp);
        validity
    }

    /// Returns the validity of an entry whose upstream call began at `fetched_at`.
    pub(super) fn new(fetched_at: Position, carried: Carried) -> Self {
        // An entry with a version may be outdated on arrival, so it is checked once.
        let checked = if carried.versions().is_empty() {
            fetched_at.at
        } else {
            0
        };
        Self {
            fetched_at,
            carried,
            checked: AtomicU64::new(checked),
        }
    }

    /// Returns everything that can invalidate it.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Returns its log, its position there, and what it carries: everything to encode.
    #[cfg(feature = "codec")]
    pub(crate) fn parts(&self) -> (u64, u64, &Carried) {
        (self.fetched_at.log, self.fetched_at.at, &self.carried)
    }

    /// Restores it from the result of [`parts`](Self::parts).
    #[cfg(feature = "codec")]
    pub(crate) fn from_parts(log: u64, fetched_at: u64, carried: Carried) -> Self {
        Self::new(
            Position {
                log,
                at: fetched_at,
            },
            carried,
        )
    }

    /// Returns its position in the log that a fleet shares.
    #[cfg(feature = "codec")]
    pub(crate) fn stamp(&self) -> Stamp {
        self.carried.stamp()
    }

    /// Sets its position in the log that a fleet shares.
    #[cfg(feature = "codec")]
    pub(crate) fn stamped(mut self, stamp: Stamp) -> Self {
        self.carried.set_stamp(stamp);
        self
    }

    pub(crate) fn heap_size(&self) -> usize {
        self.carried.heap_size()
    }

    /// Returns the bytes of the key that it shares.
    pub(crate) fn key_size(&self) -> usize {
        self.carried.key_size()
    }

    /// Prepares for a copy of the entry that is not in memory: its URIs are covered.
    #[cfg(feature = "codec")]
    pub(crate) fn cover(&self) {
        let watches = self.carried.watches();
        watches.for_each(|watch| watch.keep(self.fetched_at.at));
    }

    /// Notes that no invalidation up to `position` hit it.
    pub(super) fn note_checked(&self, position: u64) {
        self.checked.fetch_max(position, Ordering::Relaxed);
    }
}
