//! Settings of a layer, and the state that its services share.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use parking_lot::Mutex;
use scrimp_core::{Clock, Ledger, RetryBudget, SettingError};
use tokio::time::Instant;

use crate::{
    Budget, Price, QualityGate, Usage,
    engine::{Bounds, RouterConfig},
    state::State,
};

/// Longest time-out: a longer one could not be added to every instant.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) router: RouterConfig,
    pub(crate) filters: Bounds,
    pub(crate) buffer: usize,
    pub(crate) attempts: usize,
    pub(crate) timeout: Duration,
    pub(crate) retries: RetryBudget,
    pub(crate) gate: Option<Arc<dyn QualityGate>>,
    pub(crate) budget: Option<Budget>,
    pub(crate) strict: Option<Usage>,
    pub(crate) estimate: Option<Arc<EstimateFn>>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) explain: bool,
}

/// Estimate of a request's usage, from its head and the kept part of its body.
pub(crate) type EstimateFn = dyn Fn(&Parts, &[u8]) -> Usage + Send + Sync;

/// State that all services of a layer share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    /// Name of the tenant and the route of requests that name none.
    pub(crate) unnamed: Arc<str>,
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
            retries: RetryBudget::default(),
            gate: None,
            budget: None,
            strict: None,
            estimate: None,
            clock: Clock::system(),
            ledger: None,
            explain: false,
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

    /// Checks that a provider's price can be compared with the caps that it counts towards.
    ///
    /// # Errors
    ///
    /// If an exchange rate is missing; the error names the cap and both currencies.
    pub(crate) fn check_price(&self, provider: &str, price: &Price) -> Result<(), SettingError> {
        let (Some(budget), Some(currency)) = (&self.budget, price.currency()) else {
            return Ok(());
        };
        budget.check_currency(provider, currency)
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
            config,
            state: Mutex::new(state),
            unnamed: Arc::from(""),
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
