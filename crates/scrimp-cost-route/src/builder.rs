//! The builder of a layer, with all its settings.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use scrimp_core::{
    BoxError, Clock, Currency, ExchangeRate, Ledger, Money, RetryBudget, SettingError, Settings,
};

use crate::{
    Budget, CostRouteLayer, Filters, Provider, QualityGate, Usage,
    config::{Config, LONGEST_TIMEOUT, Shared},
    engine::Score,
    price::MONEY,
    profile::Profile,
    state::State,
};

const OWNER: &str = "CostRouteLayer";

/// Collects the settings of a [`CostRouteLayer`].
#[derive(Debug, Clone)]
#[must_use = "builders do nothing until `build` is called"]
pub struct CostRouteLayerBuilder {
    settings: Settings<Config>,
    providers: Vec<Provider>,
}

// === impl CostRouteLayer ===

impl CostRouteLayer {
    /// Starts a layer over these providers. More can be added later.
    pub fn builder(providers: impl IntoIterator<Item = Provider>) -> CostRouteLayerBuilder {
        CostRouteLayerBuilder::new(providers.into_iter().collect())
    }
}

// === impl CostRouteLayerBuilder ===

impl CostRouteLayerBuilder {
    pub(crate) fn new(providers: Vec<Provider>) -> Self {
        Self {
            settings: Settings::new(OWNER, Config::new()),
            providers,
        }
    }

    /// Sets how providers are compared. Default: [`Score::Money`] with its default stakes.
    /// Range of each stake and weight: 0 or more.
    pub fn score(self, score: Score) -> Self {
        self.set(|config| config.router.score = score)
    }

    /// Sets what every provider must be like. Default: anything. Ranges: a quality of 0 to 1,
    /// a latency above zero, a price of nothing or more.
    pub fn filters(self, filters: Filters) -> Self {
        self.map(|settings| {
            settings.checked(filters.checked(), |config, bounds| config.filters = bounds)
        })
    }

    /// Sets the time after which an observation counts half. Default: 15 s, and 60 s for
    /// quality. Range: 0.1 s to a day, and to 100 days for quality.
    pub fn half_life(self, half_life: Duration, quality_half_life: Duration) -> Self {
        self.set(|config| {
            config.router.half_life = half_life;
            config.router.quality_half_life = quality_half_life;
        })
    }

    /// Sets the share by which another provider must be better to be switched to. Default:
    /// 0.05. Range: 0 to 0.9.
    pub fn hysteresis(self, share: f64) -> Self {
        self.set(|config| config.router.hysteresis = share)
    }

    /// Sets whether at most one request in a hundred is spent on providers that were not seen
    /// for 15 s, where that is likely to pay. With [`attempts(1)`](Self::attempts) nothing
    /// can be sent again, so no provider is tried out. Default: yes.
    pub fn explore(self, explore: bool) -> Self {
        self.set(|config| config.router.explore = explore)
    }

    /// Sets what exploring may cost per hour: `explore_cap("0.50")`. Default: no cap of its
    /// own. Range: nothing or more.
    pub fn explore_cap(self, cap: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        self.map(|settings| {
            settings.read("explore_cap", cap, MONEY, |config, cap| {
                config.router.explore_cap = Some(cap);
            })
        })
    }

    /// Sets how many bytes of a request's body are kept at most, so that it can be sent
    /// again. A longer one streams, and is sent once. Default: 1 MiB. Any number will do.
    pub fn buffer(self, bytes: usize) -> Self {
        self.set(|config| config.buffer = bytes)
    }

    /// Sets how many providers are tried for a request at most. Default: 3. Range: 1 or more.
    pub fn attempts(self, attempts: usize) -> Self {
        self.map(|settings| {
            settings.within("attempts", attempts, 1.., |config, attempts| {
                config.attempts = attempts;
            })
        })
    }

    /// Sets how long to wait for the first byte of an answer's body. Default: 60 s. Range:
    /// above zero and at most a year.
    pub fn timeout(self, timeout: Duration) -> Self {
        let range = Duration::from_nanos(1)..=LONGEST_TIMEOUT;
        self.map(|settings| {
            settings.within("timeout", timeout, range, |config, timeout| {
                config.timeout = timeout;
            })
        })
    }

    /// Bounds failing over, together with all else that draws on this budget. Default: one
    /// retry in five requests.
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.set(|config| config.retries = budget)
    }

    /// Judges answers before they are handed on. Answers above the limit of
    /// [`buffer`](Self::buffer) are not judged. Default: no answer is judged.
    pub fn quality_gate(self, gate: impl QualityGate) -> Self {
        self.set(|config| config.gate = Some(Arc::new(gate)))
    }

    /// Caps spending. Default: no caps.
    pub fn budget(self, budget: Budget) -> Self {
        self.set(|config| config.budget = Some(budget))
    }

    /// Never overspends: every call is reserved at what it would cost if it used `max_usage`.
    /// Calls whose price is not known are refused. A provider that lets a call use more
    /// than `max_usage` breaks the bound, not the books: what it did cost is booked. Default: calls
    /// are reserved at what they are expected to cost. Needs a [`budget`](Self::budget).
    pub fn strict(self, max_usage: Usage) -> Self {
        self.set(|config| config.strict = Some(max_usage))
    }

    /// Sets what one unit of a currency is worth in another, in place of what was said of the
    /// two before: `exchange_rate(yen, "0.0067 USD")`. Range: more than nothing.
    ///
    /// All amounts are compared in dollars. What the layer is set to (stakes, limits on
    /// prices, the cap on exploring) is converted once, and caps of budgets are compared in
    /// their own currency; none of them is taken without the rate it needs. Prices in
    /// currencies without a rate rank as unknown.
    pub fn exchange_rate(
        self,
        currency: Currency,
        worth: impl TryInto<Money, Error: Into<BoxError>>,
    ) -> Self {
        const SETTING: &str = "exchange_rate";
        let rate = SettingError::read(OWNER, SETTING, worth, MONEY);
        let rate = rate.and_then(|worth: Money| {
            ExchangeRate::new(currency, worth).map_err(|error| {
                let problem = format!("cannot hold: {error}");
                SettingError::new(OWNER, SETTING, problem).with_source(error)
            })
        });
        self.map(|settings| {
            settings.checked(rate, |config, rate| {
                let rates = std::mem::take(&mut config.router.exchange);
                config.router.exchange = rates.with(rate);
            })
        })
    }

    /// Sets what a request will use, by its head and as much of its body as is kept. Default:
    /// its bytes; and where a provider has token prices, a token per four bytes, and as many
    /// tokens of answer as its answers usually have.
    pub fn estimate(
        self,
        estimate: impl Fn(&Parts, &[u8]) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.estimate = Some(Arc::new(estimate)))
    }

    /// Sets where the time comes from. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Books calls and what they cost, per tenant and route. Default: nothing is booked.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// Puts every candidate's terms into every [`RouteDecision`](crate::RouteDecision), not
    /// only where the request carries [`Explain`](scrimp_core::extensions::Explain). Default:
    /// no.
    pub fn explain(self, always: bool) -> Self {
        self.set(|config| config.explain = always)
    }

    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// If a setting of the layer, its budget or one of its providers cannot be used, if two
    /// providers have the same name, or if an amount is in a currency that needs an
    /// [exchange rate](Self::exchange_rate) which was not given. The error names the setting
    /// and what it must be: of several, the first of the layer's.
    pub fn build(self) -> Result<CostRouteLayer, SettingError> {
        let mut config = self.settings.finish()?;
        let profiles = checked(self.providers)?;
        config.check()?;
        let rates = &config.router.exchange;
        config.budget = config.budget.map(|budget| budget.at(rates));
        let mut state = State::new(config.router.clone(), config.clock.instant())?;
        for profile in profiles {
            config.check_price(&profile.name, &profile.price)?;
            state.put(profile, &config.clock);
        }
        Ok(CostRouteLayer::of(Shared::new(config, state)))
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        self.map(|settings| settings.set(change))
    }

    fn map(mut self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        self.settings = change(self.settings);
        self
    }
}

/// Checks the providers.
///
/// # Errors
///
/// If a setting of a provider cannot be used, or two of them have the same name.
fn checked(providers: Vec<Provider>) -> Result<Vec<Profile>, SettingError> {
    let mut profiles: Vec<Profile> = Vec::with_capacity(providers.len());
    for provider in providers {
        let profile = provider.checked()?;
        if profiles.iter().any(|other| other.name == profile.name) {
            let problem = format!(
                "must have names of their own, and two are named {:?}",
                profile.name
            );
            return Err(SettingError::new(OWNER, "providers", problem));
        }
        profiles.push(profile);
    }
    Ok(profiles)
}
