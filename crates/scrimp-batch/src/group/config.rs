//! The settings of a layer.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::KeyBuf;
use tokio::time::Instant;

use crate::BatchWindow;

pub(crate) struct Config<Req> {
    pub(crate) window: BatchWindow,
    pub(crate) items: usize,
    pub(crate) weight: u64,
    pub(crate) concurrency: Option<usize>,
    pub(crate) places: usize,
    /// Lanes that are kept.
    pub(crate) max_lanes: usize,
    pub(crate) timeout: Option<Duration>,
    pub(crate) lane: Option<Arc<LaneFn<Req>>>,
    pub(crate) tenant: Option<Arc<TenantFn<Req>>>,
    pub(crate) weigh: Option<Arc<WeighFn<Req>>>,
    pub(crate) deadline: Option<Arc<DeadlineFn<Req>>>,
}

pub(crate) type LaneFn<Req> = dyn Fn(&Req, &mut KeyBuf) + Send + Sync;
pub(crate) type TenantFn<Req> = dyn Fn(&Req) -> Arc<str> + Send + Sync;
pub(crate) type WeighFn<Req> = dyn Fn(&Req) -> u32 + Send + Sync;
pub(crate) type DeadlineFn<Req> = dyn Fn(&Req) -> Option<Instant> + Send + Sync;

// === impl Config ===

impl<Req> Config<Req> {
    pub(crate) fn new() -> Self {
        Self {
            window: BatchWindow::when_idle(Duration::from_millis(10)),
            items: 100,
            weight: u64::MAX,
            concurrency: None,
            places: 10_000,
            max_lanes: 4_096,
            timeout: Some(Duration::from_secs(5)),
            lane: None,
            tenant: None,
            weigh: None,
            deadline: None,
        }
    }
}

impl<Req> fmt::Debug for Config<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("window", &self.window)
            .field("items", &self.items)
            .field("concurrency", &self.concurrency)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
