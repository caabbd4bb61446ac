//! The builder of pre-computation, and its settings.

use std::{fmt, future::Future, ops::RangeInclusive, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use scrimp_core::{
    BoxError, Clock, Money, SettingError, Settings,
    extensions::{Directive, Explain, Priority},
};
use tower_service::Service;

use super::{
    model::{ActivityPredictor, ActivityPredictorBuilder},
    precompute::Precompute,
};
use crate::{
    fetch::{Fetched, run},
    fetching::{Fetching, fetching_setters},
};

/// The name of the built type, for errors.
const OWNER: &str = "Precompute";

/// Longest time of a setting.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Makes the response of a user. `None`: nothing is made for this one.
pub(super) type Make = dyn Fn(&str) -> Option<Call> + Send + Sync;

/// A call of the inner service.
type Call = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// Settings of a [`Precompute`].
#[must_use]
pub struct PrecomputeBuilder {
    settings: Settings<Config>,
    model: ActivityPredictorBuilder,
    make: Arc<Make>,
}

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) fetching: Fetching,
    pub(super) offset: i32,
    pub(super) threshold: f64,
    pub(super) peak: RangeInclusive<u8>,
    pub(super) peak_threshold: f64,
    pub(super) keep: Duration,
}

// === impl Precompute ===

impl Precompute {
    /// Starts pre-computation through an inner service, with a function that makes the request of a user: with
    /// the user's credentials, if the response is personal, and with a cache in the service that keeps such
    /// responses apart.
    pub fn builder<S, ReqB, ResB>(
        inner: S,
        request: impl Fn(&str) -> Option<Request<ReqB>> + Send + Sync + 'static,
    ) -> PrecomputeBuilder
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        ReqB: Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
    {
        // A service need not be `Sync`. It is locked only to be cloned.
        let inner = Mutex::new(inner);
        let make = move |user: &str| {
            let mut request = request(user)?;
            let extensions = request.extensions_mut();
            extensions.insert(Directive::Prefetch);
            extensions.insert(Priority::Low);
            extensions.insert(Explain);
            let inner = inner.lock().clone();
            Some(Box::pin(run(inner, request)) as Call)
        };
        PrecomputeBuilder {
            settings: Settings::new(OWNER, Config::default()),
            model: ActivityPredictor::builder(),
            make: Arc::new(make),
        }
    }
}

// === impl PrecomputeBuilder ===

impl PrecomputeBuilder {
    /// Sets the least calibrated probability that a user comes within the hour. Default: 0.95. Range: 0 to 1.
    pub fn threshold(self, probability: f64) -> Self {
        let set = |config: &mut Config, value| config.threshold = value;
        self.change(|settings| settings.within("threshold", probability, 0.0..=1.0, set))
    }

    /// Sets the hours of the day, by the users' clocks, in which most of them come, with the least probability
    /// in these: `7..=9` is from 7:00 to 9:59. Default: 0.8 in these hours. Range: hours 0 to 23, probability
    /// 0 to 1.
    pub fn peak(self, hours: RangeInclusive<u8>, probability: f64) -> Self {
        let set = |config: &mut Config, value| config.peak_threshold = value;
        let last = *hours.end();
        self.change(|settings| {
            settings.within("peak", probability, 0.0..=1.0, set).within(
                "peak",
                last,
                ..=23,
                |config, _| config.peak = hours,
            )
        })
    }

    /// Sets the users' distance from UTC, in minutes to the east: 60 for Central European Time. Default: 0.
    /// Range: 14 h in both directions.
    pub fn utc_offset(mut self, minutes: i32) -> Self {
        self.model = self.model.utc_offset(minutes);
        self.change(|settings| settings.set(|config| config.offset = minutes))
    }

    /// Sets how many users are known, half a kilobyte each. The one who was away for longest makes room.
    /// Default: 10,000. Range: 1 or more.
    pub fn max_users(mut self, count: usize) -> Self {
        self.model = self.model.max_users(count);
        self
    }

    fetching_setters!(4);

    /// Sets for how long a response is of use, unless the cache says that it is fresh for less. Default: 1 h.
    /// Range: 1 s to an hour.
    pub fn keep(self, keep: Duration) -> Self {
        let range = Duration::from_secs(1)..=LONGEST;
        let set = |config: &mut Config, keep| config.keep = keep;
        self.change(|settings| settings.within("keep", keep, range, set))
    }

    /// Builds it.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one. If there is a budget, and no price in
    /// its currency.
    pub fn build(self) -> Result<Precompute, SettingError> {
        let config = self.settings.finish()?;
        if config.peak.is_empty() {
            let problem = "must begin before it ends".to_owned();
            return Err(SettingError::new(OWNER, "peak", problem));
        }
        if let Some(budget) = config.fetching.per_hour {
            let price = config.fetching.price;
            if price.is_none_or(|price| price.currency() != budget.currency()) {
                let problem = format!(
                    "must be set beside `budget_per_hour`, in {}",
                    budget.currency()
                );
                return Err(SettingError::new(OWNER, "price", problem));
            }
        }
        let model = ActivityPredictor::of(self.model.sizes()?);
        Ok(Precompute::of(config, model, self.make))
    }

    fn change(mut self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        self.settings = change(self.settings);
        self
    }
}

impl fmt::Debug for PrecomputeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrecomputeBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            fetching: Fetching::new(4),
            offset: 0,
            threshold: 0.95,
            peak: 7..=9,
            peak_threshold: 0.8,
            keep: LONGEST,
        }
    }
}

impl Config {
    /// Returns the threshold of an hour of the day.
    pub(super) fn threshold(&self, hour: usize) -> f64 {
        let is_peak = u8::try_from(hour).is_ok_and(|hour| self.peak.contains(&hour));
        if is_peak {
            self.peak_threshold
        } else {
            self.threshold
        }
    }
}
