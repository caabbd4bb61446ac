//! The builder of a layer, with all its settings.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use scrimp_core::{
    BoxError, Clock, Currency, ExchangeRate, Ledger, Money, RetryBudget, SettingError, Settings,
};

use crate::{
    Budget, CostRouteLayer, Filters, Provider, QualityGate, Repeats, Usage,
    config::{Config, LONGEST_TIMEOUT, Shared},
    engine::Score,
    price::MONEY,
    profile::Profile,
    state::State,
};

const OWNER: &str = "CostRouteLayer";

/// Builder of a [`CostRouteLayer`], with all its settings.
#[derive(Debug, Clone)]
#[must_use = "builders do nothing until `build` is called"]
pub struct CostRouteLayerBuilder {
    settings: Settings<Config>,
    providers: Vec<Provider>,
}

scrimp_core::unbuilt!(CostRouteLayerBuilder);

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

    /// Sets the filters that every provider must pass. Default: none. Ranges: a quality of 0 to
    /// 1, a latency above zero, a price of 0 or more.
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

    /// Sets whether at most one request in a hundred explores providers without observations
    /// for 15 s, where that is likely to pay. With [`attempts(1)`](Self::attempts) no request
    /// can be sent again, so no provider is explored. Default: yes.
    pub fn explore(self, explore: bool) -> Self {
        self.set(|config| config.router.explore = explore)
    }

    /// Sets the cap on the cost of exploring, per hour: `explore_cap("0.50")`. Default: no cap
    /// of its own. Range: 0 or more.
    pub fn explore_cap(self, cap: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        self.map(|settings| {
            settings.read("explore_cap", cap, MONEY, |config, cap| {
                config.router.explore_cap = Some(cap);
            })
        })
    }

    /// Sets the highest number of bytes of a request's body that are kept, so that it can be
    /// sent again. A body above the limit streams, and is sent once. Default: 1 MiB. Range: any
    /// number.
    pub fn buffer(self, bytes: usize) -> Self {
        self.set(|config| config.buffer = bytes)
    }

    /// Sets the highest number of providers that a request tries. Default: 3. Range: 1 or more.
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

    /// Sets how long a request may wait until there is room for it in the [quotas](crate::Provider::account)
    /// of a provider. The wait counts as latency, so a provider that is free is chosen if that is cheaper.
    /// If all providers would take longer, the request is refused with 429 (`quota`). Requests that are
    /// made ahead of time never wait. Default: 5 s. Range: at most an hour.
    pub fn quota_wait(self, longest: Duration) -> Self {
        self.map(|settings| {
            let range = ..=Duration::from_secs(3_600);
            settings.within("quota_wait", longest, range, |config, longest| {
                config.quota_wait = longest;
            })
        })
    }

    /// Makes a second call beside a slow one, to another provider, where the time that it is expected to
    /// save is worth more than it costs. A second of waiting is worth this much: `hedge("0.005")`, or what
    /// [`Hints::hedge`](crate::Hints::hedge) of the request says. The first answer is taken, and the other
    /// call is cancelled; what it has cost is part of the request's charge. Only requests that may be
    /// repeated and whose body is kept have second calls, none that is made ahead of time, and only while
    /// both providers are up, caps and quotas have room, and the retry budget lasts. Default: no second
    /// calls. Range: 0 or more.
    pub fn hedge(self, second: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        self.map(|settings| {
            settings.read("hedge", second, MONEY, |config, second| {
                config.router.hedge = Some(second);
            })
        })
    }

    /// Limits failing over and hedging by this budget, which other layers may share. Default: one retry in
    /// five requests.
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.set(|config| config.retries = budget)
    }

    /// Judges answers before the caller gets them. Answers above the limit of
    /// [`buffer`](Self::buffer) are not judged, nor are event streams and the like
    /// ([`scrimp_http::media_type::is_stream`]), which pass as they come. Default: no answer is judged.
    pub fn quality_gate(self, gate: impl QualityGate) -> Self {
        self.set(|config| config.gate = Some(Arc::new(gate)))
    }

    /// Sets what it is worth to know the cost of a stream whose caller has left, as a share of the
    /// amount by which the estimate may be off. The rest of the stream is read in the background where that
    /// is worth more than the tokens that the provider goes on to bill for it: near the end of an answer,
    /// or where [the provider goes on anyway](crate::Provider::bills_to_end). With
    /// [`strict`](Self::strict) caps it is worth the whole amount at least. At most 64 streams are read
    /// at once, each for two minutes and 4 MiB; what cannot be read is estimated. Default: 0.1. Range: 0
    /// (no stream is read on) to 1,000.
    pub fn drain(self, worth: f64) -> Self {
        self.map(|settings| {
            settings.within("drain", worth, 0.0..=1_000.0, |config, worth| {
                config.drain = worth;
            })
        })
    }

    /// Caps spending. Default: no caps.
    pub fn budget(self, budget: Budget) -> Self {
        self.set(|config| config.budget = Some(budget))
    }

    /// Reserves for every call the cost of `max_usage`, so that caps are not exceeded. Calls
    /// with an unknown price are refused. If a call uses more than `max_usage`, the cap may be
    /// exceeded, and the actual cost is booked. Default: the expected cost is reserved. Needs a
    /// [`budget`](Self::budget).
    pub fn strict(self, max_usage: Usage) -> Self {
        self.set(|config| config.strict = Some(max_usage))
    }

    /// Sets whether calls with an unknown price are made although a cap counts them. Such a call
    /// reserves nothing, and what it costs is not booked: the cap does not hold for it. Default: no:
    /// `build` refuses a provider with an unknown price that a cap counts, and a request whose
    /// price turns out to be unknown is refused with 402.
    pub fn unknown_prices(self, allow: bool) -> Self {
        self.set(|config| config.unknown_prices = allow)
    }

    /// Sets which requests may be sent to a second provider although their method is not
    /// idempotent, because doing them twice does no harm but the cost: chat completions, say.
    /// Paths, or a function of the head; see [`Repeats`]. Default: those with an
    /// `Idempotency-Key`, and those that a layer marks as
    /// [`Repeatable`](scrimp_core::extensions::Repeatable).
    ///
    /// ```
    /// # use scrimp_cost_route::{CostRouteLayer, Provider};
    /// # let providers = [Provider::new("a"), Provider::new("b")];
    /// let layer = CostRouteLayer::builder(providers)
    ///     .repeatable(["/v1/chat/completions", "/v1/embeddings"])
    ///     .build()?;
    /// # Ok::<(), scrimp_cost_route::SettingError>(())
    /// ```
    pub fn repeatable(self, requests: impl Into<Repeats>) -> Self {
        let repeats = requests.into();
        self.set(|config| config.repeats = Some(repeats))
    }

    /// Sets the value of one unit of a currency in another, and replaces an earlier rate of the
    /// two: `exchange_rate(yen, "0.0067 USD")`. Range: above 0.
    ///
    /// All amounts are compared in dollars. Settings of the layer (stakes, limits on prices,
    /// the cap on exploring) are converted once, and caps of budgets are compared in their own
    /// currency. A setting without the rate it needs is refused. Prices in currencies without a
    /// rate rank as unknown.
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

    /// Sets the estimate of a request's usage, from its head and the kept part of its body.
    /// Default: its bytes. If a provider has token prices: also one token per four bytes, and
    /// the usual number of answer tokens of that provider.
    pub fn estimate(
        self,
        estimate: impl Fn(&Parts, &[u8]) -> Usage + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.estimate = Some(Arc::new(estimate)))
    }

    /// Sets the clock. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Books calls and their costs, per tenant and route. Default: nothing is booked.
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
    /// providers have the same name, if a cap counts a provider whose price is unknown, or if an
    /// amount is in a currency that needs an
    /// [exchange rate](Self::exchange_rate) which is missing. The error names the first such
    /// setting and what it must be.
    pub fn build(self) -> Result<CostRouteLayer, SettingError> {
        let mut config = self.settings.finish()?;
        let profiles = checked(self.providers)?;
        config.check()?;
        let rates = &config.router.exchange;
        config.budget = config.budget.map(|budget| budget.at(rates));
        let now = config.clock.instant();
        let mut state = State::new(config.router.clone(), now)?;
        for profile in profiles {
            config.check_prices(&profile)?;
            state.put(profile, now);
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
