//! Settings in the form that the inner loop wants.

use scrimp_core::{Currency, ExchangeRates, Money, NoExchangeRate, extensions::Priority};

use super::{config::RouterConfig, score::Formula};

/// What a [`RouterConfig`] comes to: amounts in dollars, times in seconds, converted once.
#[derive(Debug)]
pub(super) struct Rules {
    formulas: [Formula; 3],
    pub(super) exchange: ExchangeRates,
    pub(super) hysteresis: f64,
    pub(super) explore: bool,
    pub(super) eject: bool,
    /// Dollars per hour that trying out may cost.
    pub(super) hourly: Option<f64>,
}

// === impl Rules ===

impl Rules {
    /// # Errors
    ///
    /// A message that names the setting and its range, or the exchange rate that is missing.
    pub(super) fn new(config: RouterConfig) -> Result<Self, String> {
        config.check()?;
        let exchange = config.exchange;
        let backoff = config.backoff.as_secs_f64();
        let formula = |priority| config.score.formula(priority, backoff, &exchange);
        let hourly = config.explore_cap.map(|cap| {
            dollars(&exchange, cap).map_err(|error| rate_missing("`explore_cap`", cap, error))
        });
        Ok(Self {
            formulas: [
                formula(Priority::Low)?,
                formula(Priority::Default)?,
                formula(Priority::High)?,
            ],
            hourly: hourly.transpose()?,
            hysteresis: config.hysteresis,
            explore: config.explore,
            eject: config.eject,
            exchange,
        })
    }

    pub(super) fn formula(&self, priority: Priority) -> Formula {
        self.formulas[priority as usize]
    }

    /// An amount in a currency whose rate was not given is as good as unknown.
    pub(super) fn dollars(&self, amount: Option<Money>) -> Option<f64> {
        dollars(&self.exchange, amount?).ok()
    }
}

/// What amounts are compared in.
pub(super) fn dollars(rates: &ExchangeRates, amount: Money) -> Result<f64, NoExchangeRate> {
    Ok(rates.convert(amount, Currency::USD)?.as_f64())
}

/// Says which setting lacks an exchange rate, and what would do.
pub(crate) fn rate_missing(setting: &str, amount: Money, error: NoExchangeRate) -> String {
    let NoExchangeRate { from, to } = error;
    format!(
        "CostRouteLayer: {setting} is {amount}, and no exchange rate leads from {from} to {to}: \
         say what one {from} is worth by `exchange_rate`, or give the amount in {to}"
    )
}
