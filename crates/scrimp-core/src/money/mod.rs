//! Money as an integer.

mod currency;
mod exchange;
#[cfg(feature = "serde")]
mod serde;
mod split;
mod text;
mod totals;

use std::{cmp::Ordering, fmt};

pub use self::{
    currency::Currency,
    exchange::{ExchangeRate, ExchangeRateError, ExchangeRates, NoExchangeRate},
    text::ParseMoneyError,
    totals::Totals,
};

/// Pico-dollars (10⁻¹²) in one unit of a currency.
const PICO: i128 = 1_000_000_000_000;

/// An amount of money: a whole number of 10⁻¹² units of a currency.
///
/// A thousandth of a cent per token is still exact, sums never drift, and the range is
/// ±1.7·10²⁶ units. Arithmetic saturates at the ends of that range. Amounts of different currencies
/// are never added or compared: see [`Money::checked_add`], [`Totals`] and [`ExchangeRates`].
///
/// Parses plain decimals with an optional currency code (dollars without one):
///
/// ```
/// use scrimp_core::Money;
///
/// let per_call: Money = "0.0005".parse()?;
/// assert_eq!((per_call * 1_000_000).to_string(), "$500.00");
/// assert_eq!("12.5 EUR".parse::<Money>()?.to_string(), "12.50 EUR");
/// # Ok::<(), scrimp_core::ParseMoneyError>(())
/// ```
///
/// With the feature `serde` it is a string in the form of `{:#}`, such as `"0.01 USD"`, and is read
/// from any text that parses. A number is refused: as a float it would already be rounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pico: i128,
    currency: Currency,
}

/// The error of an operation on two currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyMismatch(Currency, Currency);

// === impl Money ===

impl Money {
    /// Zero dollars.
    pub const ZERO: Self = Self::zero(Currency::USD);

    /// Makes an amount from a number of 10⁻¹² units of a currency.
    #[must_use]
    pub const fn from_pico(pico: i128, currency: Currency) -> Self {
        Self { pico, currency }
    }

    /// Returns zero in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::from_pico(0, currency)
    }

    /// Returns the amount in 10⁻¹² units.
    #[must_use]
    pub const fn pico(self) -> i128 {
        self.pico
    }

    /// Returns the currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Reports whether the amount is zero, in any currency.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.pico == 0
    }

    /// Reports whether the amount is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.pico < 0
    }

    /// Returns the amount as a float, for charts, ratios and metrics: never for sums.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the edge where floats begin")]
    pub fn as_f64(self) -> f64 {
        // The conversion is dear in 128 bits, and most amounts fit into 64.
        let pico = match i64::try_from(self.pico) {
            Ok(small) => small as f64,
            Err(_) => self.wide_as_f64(),
        };
        pico / PICO as f64
    }

    /// Converts the pico-units. By itself, so that no conversion is made ahead of the branch to it.
    #[cold]
    #[expect(clippy::cast_precision_loss, reason = "the edge where floats begin")]
    fn wide_as_f64(self) -> f64 {
        self.pico as f64
    }

    /// Adds two amounts of one currency.
    ///
    /// # Errors
    ///
    /// [`CurrencyMismatch`] if the currencies differ.
    pub fn checked_add(self, other: Self) -> Result<Self, CurrencyMismatch> {
        self.with(other, i128::saturating_add)
    }

    /// Subtracts an amount of the same currency.
    ///
    /// # Errors
    ///
    /// [`CurrencyMismatch`] if the currencies differ.
    pub fn checked_sub(self, other: Self) -> Result<Self, CurrencyMismatch> {
        self.with(other, i128::saturating_sub)
    }

    fn with(self, other: Self, of: fn(i128, i128) -> i128) -> Result<Self, CurrencyMismatch> {
        if self.currency != other.currency {
            return Err(CurrencyMismatch(self.currency, other.currency));
        }
        Ok(Self::from_pico(of(self.pico, other.pico), self.currency))
    }
}

impl Default for Money {
    fn default() -> Self {
        Self::ZERO
    }
}

impl PartialOrd for Money {
    /// Compares two amounts of one currency. Amounts of two currencies have no order, even if one
    /// is zero: convert one of them first.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.currency == other.currency).then(|| self.pico.cmp(&other.pico))
    }
}

impl std::ops::Mul<u64> for Money {
    type Output = Self;

    fn mul(self, count: u64) -> Self {
        Self::from_pico(self.pico.saturating_mul(i128::from(count)), self.currency)
    }
}

impl std::ops::Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self::from_pico(self.pico.saturating_neg(), self.currency)
    }
}

// === impl CurrencyMismatch ===

impl fmt::Display for CurrencyMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {} have no common sum: convert one of them first",
            self.0, self.1
        )
    }
}

impl std::error::Error for CurrencyMismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn currencies_do_not_mix() {
        assert!(money("1 USD").checked_add(money("1 EUR")).is_err());
        assert!(money("1 USD").checked_sub(money("0 EUR")).is_err());
    }

    #[test]
    fn amounts_of_two_currencies_have_no_order() {
        let (dollar, yen) = (money("1 USD"), money("1 JPY"));
        assert_eq!(dollar.partial_cmp(&yen), None);
        assert_eq!(Money::ZERO.partial_cmp(&money("0 JPY")), None);
        assert!(money("-1") < Money::ZERO && dollar > Money::ZERO && dollar <= dollar);
    }

    #[test]
    fn an_amount_subtracted_and_added_again_is_the_same() {
        let (two, three) = (money("2 EUR"), money("3 EUR"));
        let less = two.checked_sub(three).unwrap();
        assert_eq!(less, -money("1 EUR"));
        assert_eq!(less.checked_add(three), Ok(two));
    }

    #[test]
    fn the_default_is_zero_dollars() {
        assert_eq!(Money::default(), money("0 USD"));
        assert!(Money::ZERO.is_zero() && !Money::ZERO.is_negative());
    }

    #[test]
    fn a_multiple_and_the_negative_of_the_lowest_amount_saturate() {
        assert_eq!(money("2.5 EUR") * 3, money("7.5 EUR"));
        assert_eq!(-money("2.5 EUR"), money("-2.5 EUR"));
        let lowest = Money::from_pico(i128::MIN, Currency::USD);
        assert_eq!((lowest * 2, (-lowest).pico()), (lowest, i128::MAX));
        assert_eq!(lowest.checked_sub(money("1")), Ok(lowest));
    }

    #[test]
    fn as_a_float_an_amount_is_a_number_of_units() {
        for (text, float) in [("0.25", 0.25), ("-3", -3.0), ("1234567", 1_234_567.0)] {
            assert_eq!(money(text).as_f64(), float, "{text}");
        }
        let large = Money::from_pico(1 << 100, Currency::USD).as_f64();
        assert!(
            (large / (2.0_f64.powi(100) / 1e12) - 1.0).abs() < 1e-12,
            "{large}"
        );
    }

    #[test]
    fn amounts_and_mismatches_are_written_for_people() {
        let amount = money("-1234.5");
        assert_eq!(
            format!("{amount} {amount:?} {amount:#?}"),
            "-$1,234.50 -$1,234.50 -$1,234.50"
        );
        let mismatch = money("1").checked_add(money("1 EUR")).unwrap_err();
        let text = "USD and EUR have no common sum: convert one of them first";
        assert_eq!(mismatch.to_string(), text);
    }
}
