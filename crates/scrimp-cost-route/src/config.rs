//! What a layer was set to, and what its services share.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use parking_lot::Mutex;
use scrimp_core::{Clock, Ledger, RetryBudget};
use tokio::time::Instant;

use crate::{
    Budget, Provider, QualityGate, Usage,
    engine::{Filters, RouterConfig},
    state::State,
};

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) router: RouterConfig,
    pub(crate) filters: Filters,
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

/// What a request will use, by its head and its body as far as that is kept.
pub(crate) type EstimateFn = dyn Fn(&Parts, &[u8]) -> Usage + Send + Sync;

/// What all services of a layer share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Arc<Mutex<State>>,
    /// The tenant and the route of requests that name none.
    pub(crate) nobody: Arc<str>,
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            router: RouterConfig::default(),
            filters: Filters::default(),
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

    /// Checks what can be checked only when all is set: amounts whose currency needs an
    /// exchange rate.
    ///
    /// # Errors
    ///
    /// A message that names the setting, its currency and what would do.
    pub(crate) fn check(&self, providers: &[Provider]) -> Result<(), String> {
        self.filters.check(&self.router.exchange)?;
        let Some(budget) = &self.budget else {
            return Ok(());
        };
        budget.check(providers, &self.router.exchange)
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
