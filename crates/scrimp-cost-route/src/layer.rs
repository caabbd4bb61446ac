//! The layer.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use parking_lot::Mutex;
use scrimp_core::{Clock, Currency, ExchangeRate, Ledger, Money, RetryBudget};
use tower_layer::Layer;

use crate::{
    Budget, CostRoute, Figures, Provider, QualityGate, Usage,
    config::{Config, Shared},
    engine::{Filters, Score},
    providers::Providers,
    service::Targets,
    state::State,
};

/// Sends each request to the cheapest provider that is good enough.
///
/// All services of a layer and of its clones share what is known of the providers, and the
/// set of them. Settings hold for services made after them.
#[derive(Debug, Clone)]
pub struct CostRouteLayer {
    config: Config,
    /// Kept, as some settings make the state anew.
    providers: Vec<Provider>,
    /// Or what is wrong with the settings so far: an exchange rate may come last.
    state: Result<Arc<Mutex<State>>, Arc<str>>,
}

// === impl CostRouteLayer ===

impl CostRouteLayer {
    /// A layer over these providers. More can be added later.
    ///
    /// # Panics
    ///
    /// If two of them have the same name.
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Self {
        let providers: Vec<_> = providers.into_iter().collect();
        for (index, provider) in providers.iter().enumerate() {
            assert!(
                providers[..index]
                    .iter()
                    .all(|other| other.name != provider.name),
                "CostRouteLayer: each of the `providers` must have a name of its own, and two \
                 are named {:?}",
                provider.name
            );
        }
        let layer = Self {
            config: Config::new(),
            providers,
            state: Err("CostRouteLayer: not made yet".into()),
        };
        layer.remade()
    }

    /// How providers are compared. Default: [`Score::Money`] with its default stakes.
    ///
    /// # Panics
    ///
    /// If a weight or an amount is negative or no number.
    #[must_use]
    pub fn score(self, score: Score) -> Self {
        self.engine(|config| config.router.score = score)
    }

    /// What every provider must be like.
    #[must_use]
    pub fn filters(self, filters: Filters) -> Self {
        self.set(|config| config.filters = filters)
    }

    /// Time after which an observation counts half. Default: 15 s, and 60 s for quality.
    ///
    /// # Panics
    ///
    /// If either is below 0.1 s or above a day (100 days for quality).
    #[must_use]
    pub fn half_life(self, time: Duration, of_quality: Duration) -> Self {
        self.engine(|config| {
            config.router.half_life = time;
            config.router.quality_half_life = of_quality;
        })
    }

    /// Share by which another provider must be better to be switched to. Default: 0.05.
    ///
    /// # Panics
    ///
    /// If it is not within 0 and 0.9.
    #[must_use]
    pub fn hysteresis(self, share: f64) -> Self {
        self.engine(|config| config.router.hysteresis = share)
    }

    /// Whether at most one request in a hundred is spent on providers that were not seen
    /// for 15 s, where that is likely to pay. With [`attempts(1)`](Self::attempts) nothing
    /// can be sent again, so nobody is tried out. Default: yes.
    #[must_use]
    pub fn explore(self, explore: bool) -> Self {
        self.engine(|config| config.router.explore = explore)
    }

    /// What exploring may cost per hour. Default: no cap of its own.
    ///
    /// # Panics
    ///
    /// If it is negative.
    #[must_use]
    pub fn explore_cap(self, per_hour: Money) -> Self {
        self.engine(|config| config.router.explore_cap = Some(per_hour))
    }

    /// Most bytes of a request's body that are kept, so that it can be sent again. A longer
    /// one streams, and is sent once. Default: 1 MiB.
    #[must_use]
    pub fn buffer(self, bytes: usize) -> Self {
        self.set(|config| config.buffer = bytes)
    }

    /// Providers that are tried for a request at most. Default: 3.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn attempts(self, attempts: usize) -> Self {
        assert!(
            attempts > 0,
            "CostRouteLayer: `attempts` must be at least 1, not 0"
        );
        self.set(|config| config.attempts = attempts)
    }

    /// How long to wait for the first byte of an answer's body. Default: 60 s.
    #[must_use]
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|config| config.timeout = time)
    }

    /// Bounds failing over, together with whatever else draws on it. Default: one retry in
    /// five requests.
    #[must_use]
    pub fn retry_budget(self, retries: RetryBudget) -> Self {
        self.set(|config| config.retries = retries)
    }

    /// Judges answers before they are handed on. Answers above the limit of
    /// [`buffer`](Self::buffer) are not judged.
    #[must_use]
    pub fn quality_gate(self, gate: impl QualityGate) -> Self {
        self.set(|config| config.gate = Some(Arc::new(gate)))
    }

    /// Caps on spending.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        self.set(|config| config.budget = Some(budget))
    }

    /// Never overspends: every call is reserved at what it would cost if it used `most`.
    /// Calls whose price is not known are refused. A provider that lets a call use more
    /// than `most` breaks the bound, not the books: what it did cost is booked.
    #[must_use]
    pub fn strict(self, most: Usage) -> Self {
        self.set(|config| config.strict = Some(most))
    }

    /// Says what one unit of a currency is worth in another, in place of what was said of the
    /// two before: `exchange_rate(yen, "0.0067 USD".parse()?)`.
    ///
    /// All amounts are compared in dollars. What the layer is set to (stakes, limits on
    /// prices, the cap on exploring) is converted once, and caps of budgets are compared in
    /// their own currency; none of them is taken without the rate it needs. Prices in
    /// currencies without a rate rank as unknown.
    ///
    /// # Panics
    ///
    /// If it is not above zero, or of the same currency.
    #[must_use]
    pub fn exchange_rate(self, currency: Currency, worth: Money) -> Self {
        let rate = match ExchangeRate::new(currency, worth) {
            Ok(rate) => rate,
            Err(error) => panic!("CostRouteLayer: `exchange_rate`: {error}"),
        };
        self.engine(|config| {
            let rates = std::mem::take(&mut config.router.exchange);
            config.router.exchange = rates.with(rate);
        })
    }

    /// What a request will use, by its head and as much of its body as is kept. Default:
    /// its bytes; and where a provider has token prices, a token per four bytes, and as many
    /// tokens of answer as its answers usually have.
    #[must_use]
    pub fn estimate(
        self,
        estimate: impl Fn(&Parts, &[u8]) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.estimate = Some(Arc::new(estimate)))
    }

    /// Where the time comes from. Default: the machine's clocks.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.engine(|config| config.clock = clock)
    }

    /// Books calls and what they cost, per tenant and route.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// Puts every candidate's terms into every [`RouteDecision`](crate::RouteDecision), not
    /// only where the request carries [`Explain`](scrimp_core::extensions::Explain).
    #[must_use]
    pub fn explain(self, always: bool) -> Self {
        self.set(|config| config.explain = always)
    }

    /// A handle to change the set of providers with, while requests are under way.
    ///
    /// # Panics
    ///
    /// If an amount that was set is in a currency that needs an
    /// [exchange rate](Self::exchange_rate) which was not given; the message names both.
    #[must_use]
    pub fn providers(&self) -> Providers {
        Providers {
            state: self.shared().state.clone(),
            clock: self.config.clock.clone(),
        }
    }

    /// A service that tells the figures.
    ///
    /// # Panics
    ///
    /// As [`providers`](Self::providers).
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            shared: self.shared(),
        }
    }

    /// A service with one inner service per provider in place of one for all whose requests
    /// are rewritten. `make` is asked for a provider's service, by name, at each call to it:
    /// let it clone.
    ///
    /// # Panics
    ///
    /// As [`providers`](Self::providers).
    pub fn services<S>(&self, make: impl Fn(&str) -> S + Send + 'static) -> CostRoute<S> {
        CostRoute::new(self.shared(), Targets::Each(Arc::new(Mutex::new(make))))
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// A setting of the engine, which is made anew: what was learnt by services so far
    /// stays with them.
    fn engine(self, change: impl FnOnce(&mut Config)) -> Self {
        self.set(change).remade()
    }

    fn remade(mut self) -> Self {
        // What is out of its range now stays so, whatever is set later.
        if let Err(message) = self.config.router.check() {
            panic!("{message}");
        }
        let clock = &self.config.clock;
        let state = State::new(self.config.router.clone(), clock.instant());
        let state = state.map(|mut state| {
            for provider in &self.providers {
                state.put(provider.clone(), clock);
            }
            Arc::new(Mutex::new(state))
        });
        self.state = state.map_err(Arc::from);
        self
    }

    /// What the services share, now that all is set.
    fn shared(&self) -> Arc<Shared> {
        self.made().unwrap_or_else(|message| panic!("{message}"))
    }

    /// # Errors
    ///
    /// A message that names the setting that lacks an exchange rate.
    fn made(&self) -> Result<Arc<Shared>, String> {
        let state = self.state.as_ref().map_err(ToString::to_string)?;
        self.config.check(&self.providers)?;
        let mut config = self.config.clone();
        let rates = &config.router.exchange;
        config.budget = config.budget.map(|budget| budget.at(rates));
        Ok(Arc::new(Shared {
            config,
            state: Arc::clone(state),
            nobody: Arc::from(""),
        }))
    }
}

impl<S> Layer<S> for CostRouteLayer {
    type Service = CostRoute<S>;

    /// # Panics
    ///
    /// As [`providers`](CostRouteLayer::providers).
    fn layer(&self, inner: S) -> CostRoute<S> {
        CostRoute::new(self.shared(), Targets::One(inner))
    }
}
