//! Rates that were checked, and sums of them.

use std::{fmt, str::FromStr};

use scrimp_core::{Currency, Money};
use serde_json::Value;

use super::rate::ParseRateError;

/// Decimal digits of a rate: it counts in 10⁻¹⁸ units of a currency, a millionth of what [`Money`]
/// counts in, so that prices of single tokens, and parts of them, are whole numbers.
const DIGITS: i32 = 18;
/// Number of those in a pico-unit.
const PER_PICO: i128 = 1_000_000;

/// Rate that was checked.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UnitPrice {
    digits: i128,
    /// Currency of the money it was made of, if it was.
    currency: Option<Currency>,
}

/// Sum of rates times counts, not yet rounded to [`Money`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sum(i128);

// === impl UnitPrice ===

impl UnitPrice {
    pub(crate) const ZERO: Self = Self::bare(0);

    /// Divides an amount by a number of units, which must not be 0.
    pub(super) fn per(price: Money, units: u64) -> Self {
        Self {
            digits: price.pico().saturating_mul(PER_PICO) / i128::from(units),
            currency: Some(price.currency()),
        }
    }

    /// Makes a price of an amount for one unit.
    pub(crate) fn each(price: Money) -> Self {
        Self::per(price, 1)
    }

    const fn bare(digits: i128) -> Self {
        Self {
            digits,
            currency: None,
        }
    }

    /// Returns the currency, if it has one of its own.
    pub(crate) fn currency(self) -> Option<Currency> {
        self.currency
    }

    pub(crate) fn permille(self, share: u32) -> Self {
        Self {
            digits: self.digits.saturating_mul(share.into()) / 1_000,
            ..self
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Returns the nearest price to a float; `None` if it is negative, not a number or beyond
    /// reach.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    pub(crate) fn rounded(float: f64) -> Option<Self> {
        let scaled = (float * 1e18).round();
        (0.0..1e30)
            .contains(&scaled)
            .then_some(Self::bare(scaled as i128))
    }

    pub(crate) fn is_below(self, other: Self) -> bool {
        self.digits < other.digits
    }

    /// Returns the rate as a multiple of another one. `None` if that is 0.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a multiple, for a comparison"
    )]
    pub(crate) fn multiple_of(self, other: Self) -> Option<f32> {
        let multiple = self.digits as f64 / other.digits as f64;
        (!other.is_zero()).then_some(multiple as f32)
    }

    pub(crate) fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// Reads a decimal of JSON, a number or a string. A float is read as the shortest decimal that
    /// it stands for, which is what was written. `None` if it is negative or no decimal.
    pub(crate) fn of_json(value: &Value) -> Option<Self> {
        let price: Self = match value {
            Value::String(text) => text.parse().ok()?,
            // Digits that only arithmetic in floats has left there are rounded.
            Value::Number(number) => match number.to_string().parse() {
                Ok(price) => price,
                Err(_) => Self::rounded(number.as_f64()?)?,
            },
            _ => return None,
        };
        (!price.is_negative()).then_some(price)
    }

    /// Divides by a power of ten, rounded down.
    pub(crate) fn shifted(self, power: u32) -> Self {
        let digits = self.digits / 10i128.checked_pow(power).unwrap_or(i128::MAX);
        Self { digits, ..self }
    }

    /// Returns the amount of one unit, rounded up.
    pub(crate) fn money(self, currency: Currency) -> Money {
        Sum::one(self).money(currency)
    }
}

impl FromStr for UnitPrice {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        parse(text.trim()).ok_or_else(|| ParseRateError(text.into()))
    }
}

/// Reads a decimal. `None` if the text is not one, or has digits that would have to be rounded.
fn parse(text: &str) -> Option<UnitPrice> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = all.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let scale = (DIGITS + exponent.clamp(-1_000, 1_000)).saturating_sub(places);
    let power = 10i128.checked_pow(scale.unsigned_abs());
    let value = match (digits, scale) {
        (0, _) => 0,
        (_, 0..) => digits.checked_mul(power?)?,
        _ => {
            let power = power?;
            if digits % power != 0 {
                return None;
            }
            digits / power
        }
    };
    Some(UnitPrice::bare(if negative { -value } else { value }))
}

impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let unit = 10u128.pow(DIGITS.unsigned_abs());
        let digits = self.digits.unsigned_abs();
        let (whole, rest) = (digits / unit, digits % unit);
        let fraction = format!("{rest:018}");
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{fraction}")
        }
    }
}

impl fmt::Debug for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Sum ===

impl Sum {
    /// Returns the price of one unit.
    pub(crate) fn one(rate: UnitPrice) -> Self {
        Self(rate.digits)
    }

    pub(crate) fn add(&mut self, rate: UnitPrice, count: u64) {
        self.0 = self
            .0
            .saturating_add(rate.digits.saturating_mul(count.into()));
    }

    /// Adds a rate per KiB for a number of bytes.
    pub(crate) fn add_kib(&mut self, rate: UnitPrice, bytes: u64) {
        if rate.is_zero() || bytes == 0 {
            return;
        }
        let product = rate.digits.saturating_mul(bytes.into());
        self.0 = self.0.saturating_add(product / 1024);
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn permille(self, share: u32) -> Self {
        if share == 1_000 {
            return self;
        }
        Self(self.0.saturating_mul(share.into()) / 1_000)
    }

    /// Rounds up to money: a bill is never below the counted amount.
    pub(crate) fn money(self, currency: Currency) -> Money {
        // Division is dear in 128 bits, and what a call costs mostly fits into 64.
        let pico = match u64::try_from(self.0) {
            Ok(small) => small.div_ceil(PER_PICO as u64).into(),
            Err(_) => self.0 / PER_PICO + i128::from(self.0 % PER_PICO > 0),
        };
        Money::from_pico(pico, currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read_back_exactly(value in -(1i128 << 100)..(1i128 << 100)) {
            prop_assert_eq!(UnitPrice::bare(value).to_string().parse(), Ok(UnitPrice::bare(value)));
        }

        #[test]
        fn no_text_panics(text in "[-0-9eE.x]{0,30}") {
            let _ = text.parse::<UnitPrice>();
        }
    }

    #[test]
    fn decimals_are_read_exactly_in_either_form() {
        assert_eq!("2.5e-06".parse(), "0.0000025".parse::<UnitPrice>());
        assert_eq!("3".parse(), Ok(UnitPrice::bare(3_000_000_000_000_000_000)));
        assert_eq!("0e-400".parse(), Ok(UnitPrice::ZERO));
        assert!("1e-19".parse::<UnitPrice>().is_err());
        assert!("NaN".parse::<UnitPrice>().is_err());
    }

    #[test]
    fn zeros_behind_the_eighteenth_digit_say_nothing_and_other_digits_are_refused() {
        let read = |text: &str| text.parse::<UnitPrice>().ok();
        let price = Some(UnitPrice::bare(2_500_000_000_000));
        assert_eq!(read("0.0000025"), price);
        assert_eq!(read("0.00000250000000000000000"), price);
        assert_eq!(read("2500000.000e-12"), price);
        assert_eq!(read("0.0000025000000000001"), None);
        assert_eq!(read("0.000000000000000001"), Some(UnitPrice::bare(1)));
        assert_eq!(read("0.0000000000000000010"), Some(UnitPrice::bare(1)));
        assert_eq!(read("0.0000000000000000011"), None);
        assert_eq!(
            read("-1.50"),
            Some(UnitPrice::bare(-1_500_000_000_000_000_000))
        );
        assert_eq!(
            read("-1.5").map(|price| price.to_string()).as_deref(),
            Some("-1.5")
        );
        for text in ["", "-", "1e", "e5", "1e21", "1.2.3", "1e9999999999", "--1"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("1e20"), Some(UnitPrice::bare(10_i128.pow(38))));
    }

    #[test]
    fn money_is_rounded_up_whatever_its_size() {
        let pico = |sum: i128| Sum(sum).money(Currency::USD).pico();
        let wide = i128::from(u64::MAX);
        for sum in [
            0,
            1,
            PER_PICO,
            PER_PICO + 1,
            wide - 1,
            wide,
            wide + 1,
            wide * 7 + 3,
        ] {
            assert_eq!(pico(sum), (sum + PER_PICO - 1) / PER_PICO, "{sum}");
        }
        assert_eq!(pico(-PER_PICO - 1), -1);
    }

    #[test]
    fn a_share_of_a_price_is_in_thousandths_and_keeps_its_currency() {
        let price = UnitPrice::each("3".parse().unwrap());
        let half = price.permille(500);
        assert_eq!(
            (half.to_string(), half.currency()),
            ("1.5".into(), price.currency())
        );
        assert_eq!(UnitPrice::bare(10).permille(150), UnitPrice::bare(1));
        assert_eq!(format!("{half:?}"), "1.5");
    }

    #[test]
    fn a_float_is_rounded_to_the_nearest_price() {
        let rounded = |float| UnitPrice::rounded(float).map(|price| price.to_string());
        assert_eq!(rounded(2.5e-6).as_deref(), Some("0.0000025"));
        assert_eq!(rounded(1.6e-18).as_deref(), Some("0.000000000000000002"));
        assert_eq!(rounded(0.0).as_deref(), Some("0"));
        for float in [-1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(rounded(float), None, "{float}");
        }
        let prices = [1, 2].map(UnitPrice::bare);
        assert!(prices[0].is_below(prices[1]));
        assert!(!prices[1].is_below(prices[0]) && !prices[0].is_below(prices[0]));
    }

    #[test]
    fn a_rate_per_kib_is_charged_for_each_byte() {
        let charged = |rate: i128, bytes| {
            let mut sum = Sum(5);
            sum.add_kib(UnitPrice::bare(rate), bytes);
            sum
        };
        assert_eq!(charged(2_048, 512), Sum(1_029));
        assert_eq!((charged(0, 512), charged(2_048, 0)), (Sum(5), Sum(5)));
    }
}
