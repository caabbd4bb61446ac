//! What a layer was set to, and what its services share.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::request::Parts;
use parking_lot::Mutex;
use scrimp_core::{Clock, Currency, Ledger, Money, RetryBudget};
use tokio::time::Instant;

use crate::{
    Budget, Price, QualityGate, Usage,
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
    pub(crate) exchange: Vec<(Currency, f64)>,
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
    pub(crate) start: Instant,
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
            exchange: Vec::new(),
            estimate: None,
            clock: Clock::system(),
            ledger: None,
            explain: false,
        }
    }

    /// Dollars, as candidates are compared in. An amount in a currency whose rate was not
    /// given is as good as unknown.
    pub(crate) fn dollars(&self, amount: Money) -> Option<f64> {
        if amount.currency() == Currency::USD {
            return Some(amount.as_f64());
        }
        let rate = self.exchange.iter().find(|(c, _)| *c == amount.currency());
        rate.map(|(_, rate)| rate * amount.as_f64())
    }

    pub(crate) fn cost(
        &self,
        price: &Price,
        usage: &Usage,
        now: SystemTime,
        used: u64,
    ) -> Option<f64> {
        price
            .cost(usage, now, used)
            .and_then(|cost| self.dollars(cost))
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
    /// Seconds on the router's clock.
    pub(crate) fn now(&self) -> f64 {
        let now = self.config.clock.instant();
        now.saturating_duration_since(self.start).as_secs_f64()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
