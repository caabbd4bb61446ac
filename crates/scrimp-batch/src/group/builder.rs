//! The builder.

use std::{fmt, ops::Bound, sync::Arc, time::Duration};

use scrimp_core::{KeyBuf, SettingError, Settings};
use tokio::time::Instant;

use super::{GroupLayer, config::Config};
use crate::settings::lane_setters;

/// Builds a [`GroupLayer`]. Made by [`GroupLayer::builder`].
///
/// Setters can be chained and do not fail. [`build`](Self::build) reports the first setting that
/// is out of its range.
#[must_use = "a builder does nothing until `build` is called"]
pub struct GroupLayerBuilder<Req> {
    settings: Settings<Config<Req>>,
}

// === impl GroupLayerBuilder ===

impl<Req> GroupLayerBuilder<Req> {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::new("GroupLayer", Config::new()),
        }
    }

    lane_setters! {
        Config<Req>,
        window: "Sets the time to collect. Default: \
            [`BatchWindow::when_idle`](crate::BatchWindow::when_idle), 10 ms at most.",
        concurrency: "Limits the calls in flight for one lane. Range: 1 or more. Default: no limit.",
        max_lanes: "Limits the lanes that are kept beside those with requests in line or in \
            flight, for each service. The one unused for longest is dropped. Range: 1 or more. \
            Default: 4,096."
    }

    /// Limits the requests in a batch. Range: 1 or more. Default: 100.
    pub fn max_items(self, items: usize) -> Self {
        self.within("max_items", items, 1.., |config, items| {
            config.items = items;
        })
    }

    /// Limits the weight of all requests in a batch. `weigh` returns the weight of one request. A
    /// request above the limit is sent alone. Range: 1 or more. Default: no limit, and a weight of
    /// 1 for each request.
    pub fn max_weight(
        self,
        weight: u64,
        weigh: impl Fn(&Req) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.within("max_weight", weight, 1.., |config, weight| {
            config.weight = weight;
            config.weigh = Some(Arc::new(weigh));
        })
    }

    /// Limits the time of a call. `None` sets no limit. Range: above 0. Default: 5 s.
    pub fn timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        let Some(limit) = limit.into() else {
            return self.setting(|config| config.timeout = None);
        };
        let range = (Bound::Excluded(Duration::ZERO), Bound::Unbounded);
        self.within("timeout", limit, range, |config, limit| {
            config.timeout = Some(limit);
        })
    }

    /// Sets the lane of a request: only requests for which `lane` writes equal keys share a batch.
    /// Default: one lane for all requests.
    pub fn lane(self, lane: impl Fn(&Req, &mut KeyBuf) + Send + Sync + 'static) -> Self {
        self.setting(|config| config.lane = Some(Arc::new(lane)))
    }

    /// Sets the tenant of a request. Tenants share batches, and each gets an equal share if there
    /// are more requests than fit. Default: no tenant.
    pub fn tenant(self, tenant: impl Fn(&Req) -> Arc<str> + Send + Sync + 'static) -> Self {
        self.setting(|config| config.tenant = Some(Arc::new(tenant)))
    }

    /// Sets the time at which the caller of a request stops waiting. The request is sent early
    /// enough for one call. Default: no deadline.
    pub fn deadline(
        self,
        deadline: impl Fn(&Req) -> Option<Instant> + Send + Sync + 'static,
    ) -> Self {
        self.setting(|config| config.deadline = Some(Arc::new(deadline)))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub fn build(self) -> Result<GroupLayer<Req>, SettingError> {
        self.settings.finish().map(GroupLayer::from_config)
    }
}

impl<Req> fmt::Debug for GroupLayerBuilder<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLayerBuilder")
            .field("settings", &self.settings)
            .finish()
    }
}
