//! Conversion between currencies, by given rates.

use std::{fmt, sync::Arc};

use super::{Currency, Money, PICO};

/// Value of one unit of a currency in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeRate {
    unit: Currency,
    worth: Money,
}

/// A set of exchange rates. Cloning is cheap.
///
/// A rate holds in both directions. Two currencies that have rates with a common third one are
/// converted through it. Rates are exact; amounts are converted in integers and rounded to the
/// nearest 10⁻¹² unit, halves away from zero. Through a third currency this happens twice.
///
/// ```
/// use scrimp_core::{Currency, ExchangeRate, ExchangeRates, Money};
///
/// let [yen, euro] = ["JPY", "EUR"].map(|code| Currency::new(code).expect("a code"));
/// let rates = ExchangeRates::new()
///     .with(ExchangeRate::new(yen, "0.0067 USD".parse()?)?)
///     .with(ExchangeRate::new(Currency::USD, "0.9 EUR".parse()?)?);
/// let price: Money = "1000 JPY".parse()?;
/// assert_eq!(rates.convert(price, Currency::USD)?, "6.70 USD".parse()?);
/// assert_eq!(rates.convert(price, euro)?, "6.03 EUR".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ExchangeRates(Arc<[ExchangeRate]>);

/// An exchange rate that is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRateError(ExchangeRate);

/// The error if no rate leads from one currency to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoExchangeRate {
    /// The currency of the amount.
    pub from: Currency,
    /// The requested currency.
    pub to: Currency,
}

/// A factor: a numerator and a denominator, both above zero.
type Factor = (i128, i128);

// === impl ExchangeRate ===

impl ExchangeRate {
    /// Sets the value of one unit of a currency: `ExchangeRate::new(yen, "0.0067 USD".parse()?)`.
    ///
    /// # Errors
    ///
    /// [`ExchangeRateError`] if `worth` is not above zero, or has the same currency.
    pub fn new(unit: Currency, worth: Money) -> Result<Self, ExchangeRateError> {
        let rate = Self { unit, worth };
        if worth.pico() <= 0 || worth.currency() == unit {
            return Err(ExchangeRateError(rate));
        }
        Ok(rate)
    }

    fn factor(&self, from: Currency, to: Currency) -> Option<Factor> {
        let ends = (self.unit, self.worth.currency());
        if ends == (from, to) {
            Some((self.worth.pico(), PICO))
        } else if ends == (to, from) {
            Some((PICO, self.worth.pico()))
        } else {
            None
        }
    }

    /// Returns the other currency, if `currency` is one of the two.
    fn partner(&self, currency: Currency) -> Option<Currency> {
        match (self.unit, self.worth.currency()) {
            (unit, other) if unit == currency => Some(other),
            (unit, other) if other == currency => Some(unit),
            _ => None,
        }
    }
}

// === impl ExchangeRates ===

impl ExchangeRates {
    /// Makes an empty set: nothing can be converted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rate. It replaces a rate between the same two currencies.
    #[must_use]
    pub fn with(self, rate: ExchangeRate) -> Self {
        let (from, to) = (rate.unit, rate.worth.currency());
        let others = self.0.iter().filter(|old| old.factor(from, to).is_none());
        Self(others.copied().chain([rate]).collect())
    }

    /// Converts an amount. An amount in the requested currency stays unchanged.
    ///
    /// # Errors
    ///
    /// [`NoExchangeRate`] if neither one rate nor two lead from one currency to the other, even
    /// for a zero amount.
    #[inline]
    pub fn convert(&self, amount: Money, to: Currency) -> Result<Money, NoExchangeRate> {
        match amount.currency() == to {
            true => Ok(amount),
            false => self.exchange(amount, to),
        }
    }

    fn exchange(&self, amount: Money, to: Currency) -> Result<Money, NoExchangeRate> {
        let from = amount.currency();
        if let Some(factor) = self.factor(from, to) {
            return Ok(scaled(amount, factor, to));
        }
        let over = |rate: &ExchangeRate| {
            let third = rate.partner(from)?;
            let factors = (self.factor(from, third)?, self.factor(third, to)?);
            Some(scaled(scaled(amount, factors.0, third), factors.1, to))
        };
        let found = self.0.iter().find_map(over);
        found.ok_or(NoExchangeRate { from, to })
    }

    fn factor(&self, from: Currency, to: Currency) -> Option<Factor> {
        self.0.iter().find_map(|rate| rate.factor(from, to))
    }
}

impl FromIterator<ExchangeRate> for ExchangeRates {
    fn from_iter<I: IntoIterator<Item = ExchangeRate>>(rates: I) -> Self {
        rates.into_iter().fold(Self::new(), Self::with)
    }
}

impl fmt::Debug for ExchangeRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|rate| (rate.unit, rate.worth)))
            .finish()
    }
}

/// Returns the amount times a factor, to the nearest 10⁻¹² unit; saturates.
fn scaled(amount: Money, (numerator, denominator): Factor, to: Currency) -> Money {
    let size = amount.pico().unsigned_abs();
    let (numerator, divisor) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let (quotient, rest) = match size.checked_mul(numerator) {
        Some(product) => (product / divisor, product % divisor),
        None => divide(multiply(size, numerator), divisor),
    };
    let rounded = quotient.saturating_add(u128::from(rest >= divisor - rest));
    let pico = i128::try_from(rounded).unwrap_or(i128::MAX);
    let pico = if amount.is_negative() { -pico } else { pico };
    Money::from_pico(pico, to)
}

/// Returns the product in 256 bits, high half first.
fn multiply(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let [(a1, a0), (b1, b0)] = [a, b].map(|n| (n >> 64, n & LOW));
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let other = a0 * b1 + (middle & LOW);
    let high = a1 * b1 + (middle >> 64) + (other >> 64);
    (high, (other << 64) | (low & LOW))
}

/// Returns quotient and rest, bit by bit: amounts that need this are rare. A quotient above 128
/// bits becomes the largest value.
fn divide((high, low): (u128, u128), divisor: u128) -> (u128, u128) {
    if high >= divisor {
        return (u128::MAX, 0);
    }
    let (mut quotient, mut rest) = (0_u128, high);
    for bit in (0..128).rev() {
        let carries = rest >> 127 == 1;
        rest = (rest << 1) | (low >> bit & 1);
        if carries || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1 << bit;
        }
    }
    (quotient, rest)
}

// === impl ExchangeRateError, NoExchangeRate ===

impl fmt::Display for ExchangeRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExchangeRate { unit, worth } = self.0;
        write!(
            f,
            "one unit of {unit} must be worth more than nothing, in another currency than \
             {unit}, and not {worth}"
        )
    }
}

impl std::error::Error for ExchangeRateError {}

impl fmt::Display for NoExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "no exchange rate leads from {from} to {to}")
    }
}

impl std::error::Error for NoExchangeRate {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap()
    }

    fn rates(rates: &[(&str, &str)]) -> ExchangeRates {
        let rate = |(unit, worth): &(&str, &str)| ExchangeRate::new(currency(unit), money(worth));
        rates.iter().map(|pair| rate(pair).unwrap()).collect()
    }

    #[test]
    fn an_amount_is_converted_either_way_and_rounded_to_the_nearest() {
        let rates = rates(&[("JPY", "0.0067 USD")]);
        let convert = |text: &str, to| rates.convert(money(text), currency(to)).unwrap();
        assert_eq!(convert("100 JPY", "USD"), money("0.67"));
        assert_eq!(convert("-0.67 USD", "JPY"), money("-100 JPY"));
        // 1 / 0.0067 = 149.2537313432835 and more.
        assert_eq!(convert("1 USD", "JPY"), money("149.253731343284 JPY"));
        assert_eq!(
            convert("0.000000000075 JPY", "USD"),
            money("0.000000000001")
        );
        assert_eq!(convert("0.000000000074 JPY", "USD"), money("0"));
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let rates = rates(&[("USD", "0.5 EUR")]);
        for (pico, expected) in [(1, 1), (2, 1), (3, 2), (-1, -1), (-3, -2), (0, 0)] {
            let amount = Money::from_pico(pico, Currency::USD);
            let converted = rates.convert(amount, currency("EUR")).unwrap();
            assert_eq!(converted.pico(), expected, "{pico}");
        }
    }

    #[test]
    fn rates_and_missing_ones_are_written_for_people() {
        let rates = rates(&[("JPY", "0.0067 USD")]);
        assert_eq!(format!("{rates:?}"), "{JPY: $0.0067}");
        let missing = rates.convert(money("1 EUR"), Currency::USD).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no exchange rate leads from EUR to USD"
        );
    }

    #[test]
    fn two_currencies_are_converted_through_one_third_and_no_more() {
        let rates = rates(&[("JPY", "0.0067 USD"), ("USD", "0.9 EUR"), ("EUR", "25 CZK")]);
        let convert = |text: &str, to| rates.convert(money(text), currency(to));
        assert_eq!(convert("1000 JPY", "EUR"), Ok(money("6.03 EUR")));
        assert_eq!(convert("6.03 EUR", "JPY"), Ok(money("1000 JPY")));
        let (from, to) = (currency("JPY"), currency("CZK"));
        assert_eq!(convert("0 JPY", "CZK"), Err(NoExchangeRate { from, to }));
    }

    #[test]
    fn the_first_rate_of_a_currency_decides_about_the_way() {
        // Two ways lead from JPY to CZK, whose rates differ. One through EUR is first, but for a rate
        // that has neither currency.
        for other in [("GBP", "1.3 USD"), ("USD", "0.8 GBP")] {
            let rates = rates(&[
                other,
                ("JPY", "0.006 EUR"),
                ("EUR", "25 CZK"),
                ("JPY", "0.01 USD"),
                ("USD", "20 CZK"),
                ("JPY", "0.01 GBP"),
                ("GBP", "20 CZK"),
            ]);
            let converted = rates.convert(money("100 JPY"), currency("CZK"));
            assert_eq!(converted, Ok(money("15 CZK")));
        }
    }

    #[test]
    fn a_later_rate_replaces_an_earlier_one_in_either_form() {
        let rates = rates(&[("JPY", "0.1 USD"), ("USD", "100 JPY")]);
        assert_eq!(
            rates.convert(money("1 JPY"), Currency::USD),
            Ok(money("0.01"))
        );
    }

    #[test]
    fn an_invalid_rate_is_refused_with_the_accepted_values() {
        for worth in ["0 USD", "-1 USD", "1 JPY"] {
            let error = ExchangeRate::new(currency("JPY"), money(worth)).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("one unit of JPY must be worth more"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn converting_there_and_back_is_exact_if_the_digits_suffice(pico in -(1i128 << 126)..(1i128 << 126)) {
            // Units of the other currency are smaller, so no digit is lost.
            let rates = rates(&[("USD", "1.25 EUR")]);
            let amount = Money::from_pico(pico, Currency::USD);
            let there = rates.convert(amount, currency("EUR")).unwrap();
            prop_assert_eq!(rates.convert(there, Currency::USD), Ok(amount));
        }

        #[test]
        fn wide_division_reverses_wide_multiplication(a: u128, b in 1u128.., rest: u128) {
            let rest = rest % b;
            let (high, low) = multiply(a, b);
            let (low, carry) = low.overflowing_add(rest);
            prop_assert_eq!(divide((high + u128::from(carry), low), b), (a, rest));
        }

        #[test]
        fn nothing_overflows(pico: i128, worth in 1i128..) {
            let rate = ExchangeRate::new(Currency::USD, Money::from_pico(worth, currency("EUR")));
            let rates = ExchangeRates::new().with(rate.unwrap());
            for (from, to) in [("USD", "EUR"), ("EUR", "USD")] {
                let amount = Money::from_pico(pico, currency(from));
                let there = rates.convert(amount, currency(to)).unwrap();
                prop_assert!(there.is_zero() || there.is_negative() == amount.is_negative());
            }
        }
    }
}
