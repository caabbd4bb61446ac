//! Settings of a layer, and the state that its services share.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use parking_lot::Mutex;
use scrimp_core::{Clock, Ledger, RetryBudget, SettingError};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    Budget, CostRouteStats, Price, QualityGate, Repeats, Usage,
    call_times::CallTimes,
    engine::{Bounds, RouterConfig},
    profile::Profile,
    prompt::Breaks,
    state::State,
};

/// Longest time-out: a longer one could not be added to every instant.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

/// Highest number of answers that are read on at once after their callers have left.
const MOST_DRAINS: usize = 64;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) router: RouterConfig,
    pub(crate) filters: Bounds,
    pub(crate) buffer: usize,
    pub(crate) attempts: usize,
    pub(crate) timeout: Duration,
    pub(crate) quota_wait: Duration,
    pub(crate) retries: RetryBudget,
    pub(crate) gate: Option<Arc<dyn QualityGate>>,
    pub(crate) budget: Option<Budget>,
    pub(crate) strict: Option<Usage>,
    pub(crate) estimate: Option<Arc<EstimateFn>>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) explain: bool,
    /// True if calls with an unknown price are made under caps.
    pub(crate) unknown_prices: bool,
    pub(crate) repeats: Option<Repeats>,
    /// Worth of knowing a cost, as a share of the amount by which it may be off.
    pub(crate) drain: f64,
}

/// Estimate of a request's usage, from its head and the kept part of its body.
pub(crate) type EstimateFn = dyn Fn(&Parts, &[u8]) -> Usage + Send + Sync;

/// State that all services of a layer share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    pub(crate) call_times: CallTimes,
    pub(crate) breaks: Breaks,
    /// Name of the tenant and the route of requests that name none.
    pub(crate) unnamed: Arc<str>,
    /// Places for answers that are read on in the background.
    pub(crate) drains: Arc<Semaphore>,
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            router: RouterConfig::default(),
            filters: Bounds::default(),
            buffer: 1 << 20,
            attempts: 3,
            timeout: Duration::from_secs(60),
            quota_wait: Duration::from_secs(5),
            retries: RetryBudget::default(),
            gate: None,
            budget: None,
            strict: None,
            estimate: None,
            clock: Clock::system(),
            ledger: None,
            explain: false,
            unknown_prices: false,
            repeats: None,
            drain: 0.1,
        }
    }

    /// Checks settings that depend on one another: amounts whose currency needs an exchange
    /// rate.
    ///
    /// # Errors
    ///
    /// If one cannot be used. The error says what it must be.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        self.filters.check(&self.router.exchange)?;
        match (&self.budget, self.strict) {
            (Some(budget), _) => budget.check(),
            (None, None) => Ok(()),
            (None, Some(_)) => {
                let problem = "needs a `budget`, which it is about";
                Err(SettingError::new("CostRouteLayer", "strict", problem))
            }
        }
    }

    /// Checks that a provider's prices are known, and can be compared with the caps that they
    /// count towards.
    ///
    /// # Errors
    ///
    /// If a price is unknown or an exchange rate is missing. The error names the provider, the
    /// model and the cap.
    pub(crate) fn check_prices(&self, profile: &Profile) -> Result<(), SettingError> {
        // A provider of models need not have a price for all others.
        let is_needed = |model: Option<&str>| model.is_some() || profile.models.is_empty();
        for (model, price) in profile.prices() {
            if is_needed(model) || *price != Price::Unknown {
                self.check_price(&profile.name, model, price)?;
            }
        }
        Ok(())
    }

    /// Checks a price of a provider, as [`check_prices`](Self::check_prices) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn check_price(
        &self,
        provider: &str,
        model: Option<&str>,
        price: &Price,
    ) -> Result<(), SettingError> {
        let Some(budget) = &self.budget else {
            return Ok(());
        };
        match (price, price.currency()) {
            (Price::Unknown, _) if !self.unknown_prices => budget.check_known(provider, model),
            (_, Some(currency)) => budget.check_currency(provider, currency),
            (_, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("router", &self.router)
            .field("filters", &self.filters)
            .field("buffer", &self.buffer)
            .field("attempts", &self.attempts)
            .field("timeout", &self.timeout)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(config: Config, state: State) -> Self {
        Self {
            breaks: Breaks::new(config.clock.instant()),
            config,
            state: Mutex::new(state),
            call_times: CallTimes::default(),
            unnamed: Arc::from(""),
            drains: Arc::new(Semaphore::new(MOST_DRAINS)),
        }
    }

    pub(crate) fn stats(&self) -> CostRouteStats {
        let stats = self.state.lock().stats.clone();
        CostRouteStats {
            prompt_breaks: self.breaks.read(),
            ..stats
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.config.clock.instant()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
