//! The builder and its settings.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use governor::Quota;
use scrimp_core::{BoxError, Clock, Governed, Money, RateLimit, SettingError, Settings};

use crate::{Warmer, config::Config, event::WarmEvent, spared::Spared, variants::OWNER};

/// Longest time of a setting.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Settings of a [`Warmer`].
#[derive(Debug)]
#[must_use]
pub struct WarmerBuilder(Settings<Config>);

// === impl Warmer ===

impl Warmer {
    /// Starts a warmer: eight calls at a time, without a limit of rate or money.
    pub fn builder() -> WarmerBuilder {
        WarmerBuilder(Settings::new(OWNER, Config::default()))
    }
}

// === impl WarmerBuilder ===

impl WarmerBuilder {
    /// Sets the highest number of calls in flight. Default: 8. Range: 1 to 1,024.
    pub fn concurrency(self, calls: usize) -> Self {
        let set = |config: &mut Config, value| config.concurrency = value;
        Self(self.0.within("concurrency", calls, 1..=1024, set))
    }

    /// Sends at most this many calls a second, at equal distances. Default: no limit. Range: 1 or more.
    pub fn rate_per_second(self, calls: u32) -> Self {
        let per_second = |config: &mut Config, calls: u32| {
            config.rate = NonZeroU32::new(calls).map(|calls| governed(Quota::per_second(calls)));
        };
        Self(self.0.within("rate_per_second", calls, 1.., per_second))
    }

    /// Sends at most one call in this time. Default: no limit. Range: above zero, up to a day.
    pub fn one_call_per(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| {
            config.rate = Quota::with_period(time).map(governed);
        };
        let least = Duration::from_nanos(1);
        Self(self.0.within("one_call_per", time, least..=LONGEST, set))
    }

    /// Takes each call from this limit, such as a clone of a `LimitLayer` that others share.
    pub fn rate_limit(self, limit: impl RateLimit) -> Self {
        Self(self.0.set(|config| config.rate = Some(Arc::new(limit))))
    }

    /// Sets the highest number of calls: requests that a cache did not answer. Default: no limit. Range: 1 or
    /// more.
    ///
    /// Calls in flight count until a cache is known to have answered them, so it is never exceeded.
    pub fn max_calls(self, calls: u64) -> Self {
        let set = |config: &mut Config, calls| config.max_calls = Some(calls);
        Self(self.0.within("max_calls", calls, 1.., set))
    }

    /// Sets what a call costs where its response has no `Charge` of another layer, such as `"0.002"` or
    /// `"0.002 EUR"`. Default: zero, if there is no [`budget`](Self::budget).
    pub fn price<V>(self, price: V) -> Self
    where
        V: TryInto<Money>,
        V::Error: Into<BoxError>,
    {
        let set = |config: &mut Config, price| config.price = Some(price);
        Self(self.0.amount("price", price, set))
    }

    /// Sets how much all calls of a run may cost. It needs a [`price`](Self::price) in the same currency.
    /// Default: no limit.
    ///
    /// A call begins only if its price is left beside those in flight. A call that turns out to cost more than
    /// the price can exceed the budget by the difference.
    pub fn budget<V>(self, budget: V) -> Self
    where
        V: TryInto<Money>,
        V::Error: Into<BoxError>,
    {
        let set = |config: &mut Config, budget| config.budget = Some(budget);
        Self(self.0.amount("budget", budget, set))
    }

    /// Lets `CacheLayer` cut a random part off the lifetime of each response, up to this percentage, so that
    /// what is warmed together does not expire together. Lifetimes never become longer. Default: 10. Range: 0
    /// to 100.
    pub fn jitter(self, percent: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within 0 and 1,000"
        )]
        let set = |config: &mut Config, percent: f64| config.jitter = (percent * 10.0) as u16;
        Self(self.0.within("jitter", percent, 0.0..=100.0, set))
    }

    /// Adds a field to all requests.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.checked(|config| config.variants.set(name, value))
    }

    /// Adds a value of a field by which responses vary: each URI is asked for with each value. With several
    /// fields, with each combination; 64 at most.
    ///
    /// Take what browsers send, letter by letter: many caches compare `Accept-Encoding` as a text.
    pub fn variant(self, name: &str, value: &str) -> Self {
        self.checked(|config| config.variants.alternative(name, value))
    }

    /// Sets the longest time of a call with its body. Default: 30 s. Range: above zero, up to a day.
    pub fn timeout(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.timeout = time;
        let least = Duration::from_nanos(1);
        Self(self.0.within("timeout", time, least..=LONGEST, set))
    }

    /// Sets the longest pause that a refusal with Retry-After may ask for; if it asks for more, the run stops.
    /// Default: 5 min. Range: 0 to a day.
    pub fn max_pause(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.max_pause = time;
        Self(
            self.0
                .within("max_pause", time, Duration::ZERO..=LONGEST, set),
        )
    }

    /// Sets the number of refusals in a row after which the run stops. Default: 10. Range: 1 or more.
    pub fn max_refusals(self, refusals: u32) -> Self {
        let set = |config: &mut Config, refusals| config.max_refusals = refusals;
        Self(self.0.within("max_refusals", refusals, 1.., set))
    }

    /// Writes what is done to a file, so that a run that was killed goes on where it was: what is done is not
    /// fetched again, and the budget is what was left. After a run that reached its end, the file begins anew.
    pub fn journal(self, path: impl Into<PathBuf>) -> Self {
        Self(self.0.set(|config| config.journal = Some(path.into())))
    }

    /// Notes what is warmed, so that [`Spared`] can tell later what it was good for.
    pub fn spared(self, spared: &Spared) -> Self {
        Self(self.0.set(|config| config.spared = Some(spared.clone())))
    }

    /// Calls a function with each event of a run. It must be quick.
    pub fn on_event(self, tell: impl Fn(&WarmEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(self.0.set(|config| config.on_event = Some(Arc::new(tell))))
    }

    /// Sets the clock that dates in Retry-After are compared with. Default: the clock of the machine.
    pub fn clock(self, clock: Clock) -> Self {
        Self(self.0.set(|config| config.clock = clock))
    }

    /// Builds the warmer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or there is a budget without a price in its currency.
    pub fn build(self) -> Result<Warmer, SettingError> {
        let config = self.0.finish()?;
        if let Some(budget) = config.budget {
            let problem = match config.price {
                None => Some("needs a `price`: an unknown price is never zero".to_owned()),
                Some(price) if price.currency() != budget.currency() => Some(format!(
                    "must be in the currency of the price ({}), not {}",
                    price.currency(),
                    budget.currency()
                )),
                Some(_) => None,
            };
            if let Some(problem) = problem {
                return Err(SettingError::new(OWNER, "budget", problem));
            }
        }
        if let Some(spared) = &config.spared {
            spared.select_by(config.variants.names());
        }
        Ok(Warmer::of(config))
    }

    fn checked(self, change: impl FnOnce(&mut Config) -> Result<(), SettingError>) -> Self {
        let mut config = self.0.values().clone();
        let changed = change(&mut config).map(|()| config);
        Self(self.0.checked(changed, |config, changed| *config = changed))
    }
}

/// Returns a limit without a burst: after a pause, too, calls keep their distance.
fn governed(quota: Quota) -> Arc<dyn RateLimit> {
    Arc::new(Governed::new(quota.allow_burst(NonZeroU32::MIN)))
}
