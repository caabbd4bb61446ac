//! The settings of a layer.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::KeyBuf;
use tokio::time::Instant;

use crate::{BatchWindow, settings::LaneSettings};

pub(crate) struct Config<Req> {
    pub(crate) lanes: LaneSettings,
    pub(crate) items: usize,
    pub(crate) weight: u64,
    pub(crate) timeout: Option<Duration>,
    pub(crate) lane: Option<Arc<LaneFn<Req>>>,
    pub(crate) tenant: Option<Arc<TenantFn<Req>>>,
    pub(crate) weigh: Option<Arc<WeighFn<Req>>>,
    pub(crate) deadline: Option<Arc<DeadlineFn<Req>>>,
}

/// Writes the identity of a request.
pub(crate) type IdentityFn<Req> = dyn Fn(&Req, &mut KeyBuf) + Send + Sync;

pub(crate) type LaneFn<Req> = dyn Fn(&Req, &mut KeyBuf) + Send + Sync;
pub(crate) type TenantFn<Req> = dyn Fn(&Req) -> Arc<str> + Send + Sync;
pub(crate) type WeighFn<Req> = dyn Fn(&Req) -> u32 + Send + Sync;
pub(crate) type DeadlineFn<Req> = dyn Fn(&Req) -> Option<Instant> + Send + Sync;

// === impl Config ===

impl<Req> Config<Req> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: LaneSettings::new(),
            items: 100,
            weight: u64::MAX,
            timeout: Some(Duration::from_secs(5)),
            lane: None,
            tenant: None,
            weigh: None,
            deadline: None,
        }
    }

    pub(crate) fn window(&self) -> BatchWindow {
        let default = BatchWindow::when_idle(Duration::from_millis(10));
        self.lanes.window.unwrap_or(default)
    }
}

impl<Req> fmt::Debug for Config<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("lanes", &self.lanes)
            .field("items", &self.items)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
