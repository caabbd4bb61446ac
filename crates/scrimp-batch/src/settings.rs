//! Settings that all layers of this crate have.

use crate::BatchWindow;

/// Settings of lanes.
#[derive(Debug, Clone)]
pub(crate) struct LaneSettings {
    /// `None`: the layer's default.
    pub(crate) window: Option<BatchWindow>,
    /// Calls of one lane in flight. `None`: any number.
    pub(crate) concurrency: Option<usize>,
    /// Requests in line or in flight.
    pub(crate) places: usize,
    /// Lanes that are kept.
    pub(crate) max_lanes: usize,
}

// === impl LaneSettings ===

impl LaneSettings {
    pub(crate) const fn new() -> Self {
        Self {
            window: None,
            concurrency: None,
            places: 10_000,
            max_lanes: 4_096,
        }
    }
}

/// Adds the setters of [`LaneSettings`] to a builder with the field `settings`, and the helpers
/// that its other setters need. The documentation of the setters is that of the builder.
macro_rules! lane_setters {
    ($config:ty, window: $window:literal, concurrency: $concurrency:literal, max_lanes: $lanes:literal) => {
        #[doc = $window]
        pub fn window(self, window: $crate::BatchWindow) -> Self {
            self.checked(window.check().map(|()| window), |config, window| {
                config.lanes.window = Some(window);
            })
        }

        #[doc = $concurrency]
        pub fn concurrency(self, calls: usize) -> Self {
            self.within("concurrency", calls, 1.., |config, calls| {
                config.lanes.concurrency = Some(calls);
            })
        }

        /// Limits the requests in line or in flight, over all services of this layer. Requests
        /// above the limit wait before they get in line. Range: 1 to
        /// [`Semaphore::MAX_PERMITS`](tokio::sync::Semaphore::MAX_PERMITS). Default: 10,000.
        pub fn max_waiting(self, requests: usize) -> Self {
            let range = 1..=tokio::sync::Semaphore::MAX_PERMITS;
            self.within("max_waiting", requests, range, |config, requests| {
                config.lanes.places = requests;
            })
        }

        #[doc = $lanes]
        pub fn max_lanes(self, lanes: usize) -> Self {
            self.within("max_lanes", lanes, 1.., |config, lanes| {
                config.lanes.max_lanes = lanes;
            })
        }

        fn setting(mut self, change: impl FnOnce(&mut $config)) -> Self {
            self.settings = self.settings.set(change);
            self
        }

        fn within<T: PartialOrd + std::fmt::Debug>(
            mut self,
            setting: &'static str,
            value: T,
            range: impl std::ops::RangeBounds<T>,
            change: impl FnOnce(&mut $config, T),
        ) -> Self {
            self.settings = self.settings.within(setting, value, range, change);
            self
        }

        fn checked<T>(
            mut self,
            value: Result<T, scrimp_core::SettingError>,
            change: impl FnOnce(&mut $config, T),
        ) -> Self {
            self.settings = self.settings.checked(value, change);
            self
        }
    };
}
pub(crate) use lane_setters;
