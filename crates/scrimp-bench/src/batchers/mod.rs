//! scrimp's batch layer and its peers, each over a service that answers at once.

mod peers;
mod scrimp;

use std::future::Future;

pub(crate) use peers::{
    BatchAintOne, DataloaderRs, GraphQl, TowerBatch, TowerBatchControl, UltraBatch,
};
pub(crate) use scrimp::{Scrimp, ScrimpFixed};

/// The largest batch of every subject.
pub(crate) const ITEMS: usize = 256;

/// Something that answers one number, together with others.
pub(crate) trait Ask: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    /// Made inside a runtime. Waits for company for this long, if it has to be told.
    fn make(window: std::time::Duration) -> Self;

    /// The number, back.
    fn ask(&self, number: u64) -> impl Future<Output = Option<u64>> + Send;
}
