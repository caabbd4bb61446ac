//! Counts of the requests of a route.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::StatusCode;

/// Requests of a route, by the class of their status, and those under way.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    classes: [AtomicU64; 5],
    in_flight: AtomicU64,
}

/// Requests by class, from 1xx to 5xx.
pub(crate) type Classes = [(&'static str, u64); 5];

/// A request under way.
pub(super) struct UnderWay(Arc<Counts>);

// === impl Counts ===

impl Counts {
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.in_flight.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Returns the requests whose response has begun.
    pub(crate) fn classes(&self) -> Classes {
        let count = |class: usize| self.classes[class].load(Relaxed);
        [
            ("1xx", count(0)),
            ("2xx", count(1)),
            ("3xx", count(2)),
            ("4xx", count(3)),
            ("5xx", count(4)),
        ]
    }

    /// Returns the requests whose response has not begun.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }
}

// === impl UnderWay ===

impl UnderWay {
    pub(super) fn answered(self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        self.0.classes[class - 1].fetch_add(1, Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
