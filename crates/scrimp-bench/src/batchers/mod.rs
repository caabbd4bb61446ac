//! scrimp's batch layer and its peers, each over a service that responds at once.

mod peers;
mod scrimp;

use std::future::Future;

pub(crate) use peers::{
    BatchAintOne, DataloaderRs, GraphQl, TowerBatch, TowerBatchControl, UltraBatch,
};
pub(crate) use scrimp::{Scrimp, ScrimpFixed};

/// Largest batch of every subject.
pub(crate) const ITEMS: usize = 256;

/// A service that answers one number, together with others.
pub(crate) trait Ask: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    /// Makes the subject inside a runtime. It waits this long for other requests, if it has a
    /// window to set.
    fn make(window: std::time::Duration) -> Self;

    /// Returns the number.
    fn ask(&self, number: u64) -> impl Future<Output = Option<u64>> + Send;
}
