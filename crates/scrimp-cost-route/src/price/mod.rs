//! Prices, in integers.

mod calendar;
pub mod litellm;
mod rate;
mod rates;
mod tariff;
pub(crate) mod unit_price;
mod usage;
mod window;

use std::{sync::Arc, time::SystemTime};

use scrimp_core::{Currency, Money, ParseMoneyError, SettingError};

pub(crate) use self::calendar::since_epoch;
pub use self::{
    calendar::Period,
    rate::{ParseRateError, Rate},
    rates::TokenRates,
    tariff::{Tariff, Tiering},
    usage::{TokenClass, Usage},
    window::PriceWindow,
};

/// Description of an amount of money, for errors. The text's own error describes the format.
pub(crate) const MONEY: &str = "an amount";

/// Price of a provider, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Price {
    /// The price is not known. It is never taken for free: it ranks behind every known price.
    #[default]
    Unknown,
    /// The provider costs nothing.
    Free,
    /// The price by a tariff.
    Known(Arc<Tariff>),
}

// === impl Price ===

impl Price {
    /// Returns the cost of a call. `None` if it is unknown.
    #[must_use]
    pub fn cost(&self, usage: &Usage, now: SystemTime, used: u64) -> Option<Money> {
        match self {
            Self::Unknown => None,
            Self::Free => Some(Money::ZERO),
            Self::Known(tariff) => tariff.cost(usage, now, used),
        }
    }

    /// Reports whether the price depends on tokens.
    pub(crate) fn depends_on_tokens(&self) -> bool {
        match self {
            Self::Known(tariff) => tariff.prices_tokens(),
            Self::Unknown | Self::Free => false,
        }
    }

    /// Returns the rate of a class of tokens as a multiple of that of the prompt's text. 1 if there is
    /// none.
    pub(crate) fn multiple(&self, class: TokenClass) -> f32 {
        match self {
            Self::Known(tariff) => tariff.multiple(class),
            Self::Unknown | Self::Free => 1.0,
        }
    }

    /// Reports whether answers with an error status are paid.
    pub(crate) fn charges_errors(&self) -> bool {
        match self {
            Self::Known(tariff) => tariff.charges_errors(),
            Self::Unknown | Self::Free => false,
        }
    }

    /// Checks the tariff.
    ///
    /// # Errors
    ///
    /// If a setting of its tariff cannot be used: the first one.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Known(tariff) => tariff.check(),
            Self::Unknown | Self::Free => Ok(()),
        }
    }

    /// Returns the currency, if there is one.
    pub(crate) fn currency(&self) -> Option<Currency> {
        match self {
            Self::Unknown | Self::Free => None,
            Self::Known(tariff) => Some(tariff.currency()),
        }
    }
}

impl From<Tariff> for Price {
    /// Makes a price of a tariff: [`Price::Free`] if all its prices are 0.
    fn from(tariff: Tariff) -> Self {
        if tariff.is_free() {
            Self::Free
        } else {
            Self::Known(Arc::new(tariff))
        }
    }
}

impl From<Money> for Price {
    /// Makes an amount the price of each request.
    fn from(price: Money) -> Self {
        Tariff::new(price.currency()).per_request(price).into()
    }
}

impl TryFrom<&str> for Price {
    type Error = ParseMoneyError;

    /// Reads the price of each request, such as `"0.01"` or `"0.01 EUR"`.
    fn try_from(text: &str) -> Result<Self, ParseMoneyError> {
        text.parse::<Money>().map(Self::from)
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<String> for Price {
    type Error = ParseMoneyError;

    fn try_from(text: String) -> Result<Self, ParseMoneyError> {
        Self::try_from(text.as_str())
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<&String> for Price {
    type Error = ParseMoneyError;

    fn try_from(text: &String) -> Result<Self, ParseMoneyError> {
        Self::try_from(text.as_str())
    }
}

/// Keeps the first error of a value that is checked when it is used.
pub(crate) fn keep<T>(
    first: &mut Option<SettingError>,
    value: Result<T, SettingError>,
) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(error) => {
            first.get_or_insert(error);
            None
        }
    }
}
