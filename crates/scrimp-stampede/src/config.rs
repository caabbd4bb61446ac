//! Settings of a layer, and the state that its services share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize},
    },
    time::Duration,
};

use scrimp_core::{Clock, FillLock, KeyBy};

use crate::{
    Strategy, XFetch, fingerprint::Selection, gate::Gate, records::Records, secret::Secret,
    stats::Counters,
};

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) strategy: Arc<dyn Strategy>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) wait_limit: Duration,
    pub(crate) read_ahead: usize,
    pub(crate) max_refreshes: usize,
    pub(crate) refresh_timeout: Duration,
    /// Hits since the last fill that pay for one refresh.
    pub(crate) hits_per_refresh: u32,
    pub(crate) give_up_after: u32,
    pub(crate) rest: Duration,
    pub(crate) stale_if_failing: Duration,
    pub(crate) remember: Duration,
    pub(crate) select: Selection,
    pub(crate) key_by: KeyBy,
    pub(crate) records: usize,
    pub(crate) lock: Option<Lock>,
}

/// A lock that processes share, and how it is used.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    pub(crate) service: Arc<dyn FillLock>,
    pub(crate) lease: Duration,
    pub(crate) timeout: Duration,
}

/// A source of random numbers.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) Arc<dyn Fn() -> f64 + Send + Sync>);

/// State that all services of a layer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) records: Records,
    pub(crate) gate: Gate,
    pub(crate) counters: Counters,
    pub(crate) secret: Secret,
    /// Number of refreshes in flight.
    pub(crate) refreshing: AtomicUsize,
    /// Time until which the lock service is left alone.
    pub(crate) lock_rest: AtomicU64,
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            strategy: Arc::new(XFetch::default()),
            clock: Clock::system(),
            random: Random(Arc::new(fastrand::f64)),
            wait_limit: Duration::from_secs(5),
            read_ahead: 1 << 20,
            max_refreshes: 64,
            refresh_timeout: Duration::from_secs(30),
            hits_per_refresh: 2,
            give_up_after: 3,
            rest: Duration::from_secs(30),
            stale_if_failing: Duration::from_secs(3600),
            remember: Duration::from_secs(60),
            select: Selection::default(),
            key_by: KeyBy::default(),
            records: 1 << 15,
            lock: None,
        }
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            records: Records::new(config.records, config.clock.instant()),
            config,
            gate: Gate::default(),
            counters: Counters::default(),
            secret: Secret::new(),
            refreshing: AtomicUsize::new(0),
            lock_rest: AtomicU64::new(0),
        }
    }

    /// Returns a draw from (0, 1]. A value out of this range becomes 1.
    pub(crate) fn draw(&self) -> f64 {
        let uniform = 1.0 - (self.config.random.0)();
        match uniform > 0.0 && uniform <= 1.0 {
            true => uniform,
            false => 1.0,
        }
    }
}

// === impl Random ===

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
