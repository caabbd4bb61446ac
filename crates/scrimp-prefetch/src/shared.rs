//! State that the worker shares with the services.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{
    PrefetchStats,
    config::Config,
    request::Names,
    stats::{Counters, Present},
};

/// State that the worker shares with the services.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) names: Names,
    pub(crate) counters: Counters,
    pub(crate) gauges: Gauges,
    /// Number of services that were made.
    pub(crate) services: AtomicUsize,
}

/// Present numbers, as the worker last wrote them.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) sessions: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) is_shut: AtomicBool,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn stats(&self) -> PrefetchStats {
        let gauges = &self.gauges;
        let present = Present {
            sessions: gauges.sessions.load(Relaxed),
            entries: gauges.entries.load(Relaxed),
            in_flight: gauges.in_flight.load(Relaxed),
            is_shut: gauges.is_shut.load(Relaxed),
        };
        self.counters.read(present, self.config.stakes())
    }
}
