//! Price of one unit of something.

use std::{fmt, str::FromStr};

use scrimp_core::{BoxError, Money, SettingError};

use super::{MONEY, keep, unit_price::UnitPrice};

/// Price of one token, one request or one KiB, as an exact decimal.
///
/// Parses plain and scientific decimals (`"0.0000025"`, `"2.5e-6"`). Such a rate is in the
/// currency of the tariff it is put into; one that is made of money is in that money's, and a
/// tariff in another refuses it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Rate {
    price: UnitPrice,
    error: Option<SettingError>,
}

/// Error of a text that is not a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseRateError(pub(super) String);

// === impl Rate ===

impl Rate {
    /// No money.
    pub const ZERO: Self = Self::of(UnitPrice::ZERO);

    /// Divides an amount of money by a number of units: `Rate::per("3", 1_000_000)` is three
    /// dollars for a million. Range of `units`: 1 or more.
    #[must_use]
    pub fn per(price: impl TryInto<Money, Error: Into<BoxError>>, units: u64) -> Self {
        let mut rate = Self::ZERO;
        let price = SettingError::read("Rate", "price", price, MONEY);
        let units = SettingError::within("Rate", "units", units, 1..);
        let pair = price.and_then(|price: Money| units.map(|units| (price, units)));
        if let Some((price, units)) = keep(&mut rate.error, pair) {
            rate.price = UnitPrice::per(price, units);
        }
        rate
    }

    /// Returns a share of the rate, in thousandths.
    #[must_use]
    pub fn permille(mut self, share: u32) -> Self {
        self.price = self.price.permille(share);
        self
    }

    pub(crate) const fn of(price: UnitPrice) -> Self {
        Self { price, error: None }
    }

    pub(crate) fn checked(self) -> Result<UnitPrice, SettingError> {
        self.error.map_or(Ok(self.price), Err)
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        text.parse().map(Self::of)
    }
}

impl TryFrom<&str> for Rate {
    type Error = ParseRateError;

    fn try_from(text: &str) -> Result<Self, ParseRateError> {
        text.parse()
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<String> for Rate {
    type Error = ParseRateError;

    fn try_from(text: String) -> Result<Self, ParseRateError> {
        Self::try_from(text.as_str())
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<&String> for Rate {
    type Error = ParseRateError;

    fn try_from(text: &String) -> Result<Self, ParseRateError> {
        Self::try_from(text.as_str())
    }
}

impl fmt::Display for Rate {
    /// Writes all the digits it has, without the currency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.price, f)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => fmt::Debug::fmt(error, f),
            None => fmt::Display::fmt(self, f),
        }
    }
}

// === impl ParseRateError ===

impl fmt::Display for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a rate: write a decimal with at most eighteen digits behind the point, \
             such as \"0.0000025\" or \"2.5e-6\"",
            self.0
        )
    }
}

impl std::error::Error for ParseRateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_per_million_is_a_price_each() {
        assert_eq!(Rate::per("3", 1_000_000).to_string(), "0.000003");
    }

    #[test]
    fn a_rate_and_what_is_wrong_with_one_are_written_for_people() {
        let rate = Rate::per("3", 1_000_000).permille(500);
        assert_eq!(
            (rate.to_string(), format!("{rate:?}")),
            ("0.0000015".into(), "0.0000015".into())
        );
        let wrong = format!("{:?}", Rate::per("3", 0));
        assert!(wrong.contains("units"), "{wrong}");
        let error = "three".parse::<Rate>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"three\" is not a rate: write a decimal"),
            "{error}"
        );
    }
}
