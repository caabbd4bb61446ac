//! One background refresh at a time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::Entry;

/// Flag that a refresh of a response is under way.
#[derive(Debug)]
pub(crate) enum RefreshFlag {
    /// Flag of a response that is one object in memory.
    Own(AtomicBool),
    /// Flag of a response that every look-up decodes again; all its copies share it.
    #[cfg(feature = "codec")]
    Shared(Arc<AtomicBool>),
}

/// Guard of the one task that refreshes a response.
#[derive(Debug)]
pub(crate) struct Refreshing(Arc<Entry>);

// === impl RefreshFlag ===

impl RefreshFlag {
    /// Sets the flag. Returns whether it was clear.
    pub(crate) fn take(&self) -> bool {
        self.flag()
            .compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    fn flag(&self) -> &AtomicBool {
        match self {
            Self::Own(flag) => flag,
            #[cfg(feature = "codec")]
            Self::Shared(flag) => flag,
        }
    }
}

impl Default for RefreshFlag {
    fn default() -> Self {
        Self::Own(AtomicBool::new(false))
    }
}

// === impl Refreshing ===

impl Refreshing {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Self(entry)
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.refreshing.flag().store(false, Ordering::Release);
    }
}
