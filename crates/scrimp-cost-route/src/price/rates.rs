//! Rates by token class.

use scrimp_core::{BoxError, Currency, SettingError};

use super::{
    keep,
    rate::Rate,
    unit_price::{Sum, UnitPrice},
    usage::{TokenClass, Usage},
};

/// Rates of tokens, by class. A class without a rate of its own has its parent's: cached and other
/// media's input tokens cost what input does, thoughts what output does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenRates {
    table: RateTable,
    error: Option<SettingError>,
}

/// Rates that were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RateTable([Option<UnitPrice>; TokenClass::COUNT]);

/// Description of a rate, for errors. The text's own error describes the format.
const RATE: &str = "a rate";

// === impl TokenRates ===

impl TokenRates {
    /// Returns no rates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a token of the prompt's text costs, and one of the answer's:
    /// `TokenRates::text("3e-6", "15e-6")`.
    #[must_use]
    pub fn text(
        input: impl TryInto<Rate, Error: Into<BoxError>>,
        output: impl TryInto<Rate, Error: Into<BoxError>>,
    ) -> Self {
        Self::new()
            .with(TokenClass::Input, input)
            .with(TokenClass::Output, output)
    }

    /// Sets the rate of a class.
    #[must_use]
    pub fn with(
        mut self,
        class: TokenClass,
        rate: impl TryInto<Rate, Error: Into<BoxError>>,
    ) -> Self {
        let rate = SettingError::read("TokenRates", class.name(), rate, RATE);
        let rate = rate.and_then(Rate::checked);
        if let Some(rate) = keep(&mut self.error, rate) {
            self.table.set(class, Some(rate));
        }
        self
    }

    pub(crate) fn checked(self) -> Result<RateTable, SettingError> {
        self.error.map_or(Ok(self.table), Err)
    }
}

impl From<RateTable> for TokenRates {
    fn from(table: RateTable) -> Self {
        Self { table, error: None }
    }
}

// === impl RateTable ===

impl RateTable {
    pub(crate) fn set(&mut self, class: TokenClass, rate: Option<UnitPrice>) {
        self.0[class.index()] = rate;
    }

    pub(crate) fn own(&self, class: TokenClass) -> Option<UnitPrice> {
        self.0[class.index()]
    }

    pub(crate) fn rate(&self, class: TokenClass) -> Option<UnitPrice> {
        self.own(class)
            .or_else(|| class.parent().and_then(|parent| self.rate(parent)))
    }

    /// Fills in the rates of `base` where these have none.
    #[must_use]
    pub(crate) fn or(mut self, base: &Self) -> Self {
        for (own, base) in self.0.iter_mut().zip(base.0) {
            *own = own.or(base);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(crate) fn all_zero(&self) -> bool {
        self.0.iter().flatten().all(|rate| rate.is_zero())
    }

    /// Returns a negative rate, if there is one.
    pub(crate) fn negative(&self) -> Option<UnitPrice> {
        let mut rates = self.0.iter().flatten();
        rates.find(|rate| rate.is_negative()).copied()
    }

    /// Returns a currency of the rates that is not this one.
    pub(crate) fn foreign(&self, currency: Currency) -> Option<Currency> {
        let own = self.0.iter().flatten().filter_map(|rate| rate.currency());
        own.into_iter().find(|own| *own != currency)
    }

    /// Sums up over all classes. `None` if tokens were used that have no price.
    pub(crate) fn sum(&self, usage: &Usage) -> Option<Sum> {
        let mut sum = Sum::default();
        for class in TokenClass::ALL {
            let count = usage.tokens(class);
            if count > 0 {
                sum.add(self.rate(class)?, count);
            }
        }
        Some(sum)
    }
}
