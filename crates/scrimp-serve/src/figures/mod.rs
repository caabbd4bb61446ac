//! The figures of a gateway: one list, from which the live page and `/metrics` are written.
//!
//! - `series`: a list of numbers with names and labels, as text for Prometheus and as JSON;
//! - `collect`: reads the layers;
//! - `mod`: the snapshot of a second, which all readers share.

mod collect;
mod series;

use std::{
    sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::stack::Stack;

pub(crate) use series::Series;

/// Age at which a snapshot is made anew.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// The figures at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) series: Series,
}

/// Counts of reloads.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The latest snapshot. All readers within a second get the same one.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    latest: Mutex<Option<(Instant, Arc<Snapshot>)>>,
    sequence: AtomicU64,
}

// === impl Snapshots ===

impl Snapshots {
    /// Returns the latest snapshot, or a new one if that is too old.
    pub(crate) fn latest(&self, stack: &Stack, reloads: &Reloads) -> Arc<Snapshot> {
        let now = Instant::now();
        let mut latest = self.latest.lock();
        if let Some((at, snapshot)) = &*latest
            && now.duration_since(*at) < PERIOD
        {
            return Arc::clone(snapshot);
        }
        let sequence = self.sequence.fetch_add(1, Relaxed) + 1;
        let snapshot = Arc::new(Snapshot {
            sequence,
            series: collect::collect(stack, reloads, sequence),
        });
        *latest = Some((now, Arc::clone(&snapshot)));
        snapshot
    }
}
