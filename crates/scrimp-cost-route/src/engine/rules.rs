//! Settings in the form that the inner loop needs.

use std::borrow::Cow;

use scrimp_core::{
    Currency, ExchangeRates, Money, NoExchangeRate, SettingError, extensions::Priority,
};

use super::{config::RouterConfig, score::Formula};

/// Settings of a [`RouterConfig`], converted once: amounts in dollars, times in seconds.
#[derive(Debug)]
pub(super) struct Rules {
    formulas: [Formula; 3],
    pub(super) exchange: ExchangeRates,
    pub(super) hysteresis: f64,
    pub(super) explore: bool,
    pub(super) eject: bool,
    /// Limit on the cost of exploration, in dollars per hour.
    pub(super) hourly: Option<f64>,
}

// === impl Rules ===

impl Rules {
    /// Converts settings.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or lacks an exchange rate.
    pub(super) fn new(config: RouterConfig) -> Result<Self, SettingError> {
        config.check()?;
        let exchange = config.exchange;
        let backoff = config.backoff.as_secs_f64();
        let formula = |priority| config.score.formula(priority, backoff, &exchange);
        let amount = |setting: &'static str, amount: Option<Money>| {
            let in_dollars = amount.map(|amount| {
                let missing = |error| rate_missing("CostRouteLayer", setting, amount, error);
                dollars(&exchange, amount).map_err(missing)
            });
            in_dollars.transpose()
        };
        let hourly = amount("explore_cap", config.explore_cap)?;
        amount("hedge", config.hedge)?;
        Ok(Self {
            formulas: [
                formula(Priority::Low)?,
                formula(Priority::Default)?,
                formula(Priority::High)?,
            ],
            hourly,
            hysteresis: config.hysteresis,
            explore: config.explore,
            eject: config.eject,
            exchange,
        })
    }

    pub(super) fn formula(&self, priority: Priority) -> Formula {
        self.formulas[priority as usize]
    }

    /// Converts an amount to dollars. An amount in a currency without a rate counts as unknown.
    pub(super) fn dollars(&self, amount: Option<Money>) -> Option<f64> {
        dollars(&self.exchange, amount?).ok()
    }
}

/// Converts an amount to dollars, in which all amounts are compared.
pub(super) fn dollars(rates: &ExchangeRates, amount: Money) -> Result<f64, NoExchangeRate> {
    Ok(rates.convert(amount, Currency::USD)?.as_f64())
}

/// Makes the error of a setting that lacks an exchange rate, which names the remedy.
pub(super) fn rate_missing(
    owner: &'static str,
    setting: impl Into<Cow<'static, str>>,
    amount: Money,
    error: NoExchangeRate,
) -> SettingError {
    let NoExchangeRate { from, to } = error;
    let problem = format!(
        "is {amount}, and {error}: set what one {from} is worth by `exchange_rate`, or give \
         the amount in {to}"
    );
    SettingError::new(owner, setting, problem).with_source(error)
}
