//! States of background refreshes: one at a time for each response.

use std::sync::atomic::{AtomicU8, Ordering};
#[cfg(feature = "codec")]
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

#[cfg(feature = "codec")]
use parking_lot::Mutex;

/// State of the background refresh of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RefreshState {
    /// No refresh is under way.
    Idle,
    /// A refresh is under way.
    Busy,
    /// No refresh is under way, and the upstream refused the last one.
    Refused,
}

/// State of the background refresh of a response that stays in memory.
#[derive(Debug, Default)]
pub(crate) struct RefreshFlag(AtomicU8);

/// A response that each look-up decodes again, among the [`Refreshes`] of its codec.
#[cfg(feature = "codec")]
pub(crate) struct CopiedResponse {
    refreshes: Arc<Refreshes>,
    id: u64,
}

/// States of the background refreshes of responses that each look-up decodes again: all copies of one
/// share it. A response without a refresh has no entry here, so a look-up need not ask.
#[cfg(feature = "codec")]
#[derive(Debug, Default)]
pub(crate) struct Refreshes(Mutex<Known>);

/// Number of refusals that are remembered. The oldest are forgotten first.
#[cfg(feature = "codec")]
const MAX_REFUSALS: usize = 1024;

#[cfg(feature = "codec")]
#[derive(Debug, Default)]
struct Known {
    /// The states of responses that are not idle.
    states: HashMap<u64, RefreshState>,
    /// The responses whose refreshes were refused, oldest first; some more than once, or idle again.
    refused: VecDeque<u64>,
}

// === impl RefreshFlag ===

impl RefreshFlag {
    /// Marks a refresh as under way. Returns whether none was.
    pub(super) fn begin(&self) -> bool {
        let busy = RefreshState::Busy as u8;
        self.0.swap(busy, Ordering::AcqRel) != busy
    }

    /// Notes the end of a refresh.
    pub(super) fn end(&self, after: RefreshState) {
        self.0.store(after as u8, Ordering::Release);
    }

    /// Reports whether the upstream refused the last refresh.
    pub(super) fn was_refused(&self) -> bool {
        self.0.load(Ordering::Acquire) == RefreshState::Refused as u8
    }
}

// === impl CopiedResponse ===

#[cfg(feature = "codec")]
impl CopiedResponse {
    /// Returns the response with this number.
    pub(super) fn new(refreshes: &Arc<Refreshes>, id: u64) -> Self {
        Self {
            refreshes: Arc::clone(refreshes),
            id,
        }
    }

    /// Marks a refresh as under way. Returns whether none was.
    pub(super) fn begin(&self) -> bool {
        let mut known = self.refreshes.0.lock();
        let before = known.states.insert(self.id, RefreshState::Busy);
        before != Some(RefreshState::Busy)
    }

    /// Notes the end of a refresh.
    pub(super) fn end(&self, after: RefreshState) {
        self.refreshes.0.lock().end(self.id, after);
    }

    /// Reports whether the upstream refused the last refresh.
    pub(super) fn was_refused(&self) -> bool {
        let known = self.refreshes.0.lock();
        known.states.get(&self.id) == Some(&RefreshState::Refused)
    }
}

// === impl Known ===

#[cfg(feature = "codec")]
impl Known {
    fn end(&mut self, id: u64, after: RefreshState) {
        if after != RefreshState::Refused {
            self.states.remove(&id);
            return;
        }
        self.states.insert(id, after);
        self.refused.push_back(id);
        if self.refused.len() > MAX_REFUSALS
            && let Some(oldest) = self.refused.pop_front()
            && self.states.get(&oldest) == Some(&RefreshState::Refused)
        {
            self.states.remove(&oldest);
        }
    }
}

#[cfg(all(test, feature = "codec"))]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_refusals_take_no_more_room() {
        let refreshes = Arc::<Refreshes>::default();
        let response = |id| CopiedResponse::new(&refreshes, id);
        let held = response(u64::MAX);
        assert!(held.begin());
        for id in 0..100 * MAX_REFUSALS as u64 {
            assert!(response(id).begin() && !response(id).begin());
            response(id).end(RefreshState::Refused);
            assert!(response(id).was_refused());
        }
        let known = refreshes.0.lock();
        assert_eq!(known.states.len(), MAX_REFUSALS + 1);
        assert_eq!(known.refused.len(), MAX_REFUSALS);
        drop(known);
        assert!(!response(0).was_refused(), "the oldest is forgotten");
        assert!(!held.begin(), "one is under way");
    }

    #[test]
    fn a_response_that_is_idle_again_takes_no_room() {
        let refreshes = Arc::<Refreshes>::default();
        for id in 0..10_000 {
            let response = CopiedResponse::new(&refreshes, id);
            assert!(response.begin());
            response.end(RefreshState::Idle);
            assert!(!response.was_refused());
        }
        assert!(refreshes.0.lock().states.is_empty());
    }
}
