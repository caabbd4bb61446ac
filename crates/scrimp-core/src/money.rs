//! Money as an integer.

use std::{fmt, iter::Sum, str::FromStr};

/// Pico-dollars (10⁻¹²) in one unit of a currency.
const PICO: i128 = 1_000_000_000_000;

/// An ISO 4217 currency code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// An amount of money: a whole number of 10⁻¹² units of a currency.
///
/// A thousandth of a cent per token is still exact, sums never drift, and the range is
/// ±1.7·10²⁶ units. Arithmetic saturates at the ends of that range; amounts of different
/// currencies are never added (see [`Money::checked_add`]).
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
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pico: i128,
    currency: Currency,
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseMoneyError(String);

/// Two amounts of different currencies met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyMismatch(Currency, Currency);

// === impl Currency ===

impl Currency {
    /// The US dollar.
    pub const USD: Self = Self(*b"USD");

    /// Three ASCII letters, in either case; `None` for anything else.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        code.iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(code.map(|letter| letter.to_ascii_uppercase())))
    }

    /// The code, in capitals.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

// === impl Money ===

impl Money {
    /// No dollars.
    pub const ZERO: Self = Self::from_pico(0, Currency::USD);

    /// So many 10⁻¹² units of a currency.
    #[must_use]
    pub const fn from_pico(pico: i128, currency: Currency) -> Self {
        Self { pico, currency }
    }

    /// The amount in 10⁻¹² units.
    #[must_use]
    pub const fn pico(self) -> i128 {
        self.pico
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a float, for charts and ratios: never for sums.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the edge where floats begin")]
    pub fn as_f64(self) -> f64 {
        self.pico as f64 / PICO as f64
    }

    /// Adds two amounts of one currency.
    ///
    /// # Errors
    ///
    /// [`CurrencyMismatch`] if they are of two currencies.
    pub fn checked_add(self, other: Self) -> Result<Self, CurrencyMismatch> {
        if self.currency != other.currency {
            return Err(CurrencyMismatch(self.currency, other.currency));
        }
        Ok(Self::from_pico(
            self.pico.saturating_add(other.pico),
            self.currency,
        ))
    }
}

impl std::ops::Mul<u64> for Money {
    type Output = Self;

    fn mul(self, count: u64) -> Self {
        Self::from_pico(self.pico.saturating_mul(i128::from(count)), self.currency)
    }
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        parse(text).ok_or_else(|| ParseMoneyError(text.into()))
    }
}

fn parse(text: &str) -> Option<Money> {
    let text = text.trim();
    let (amount, currency) = match text.rsplit_once(' ') {
        Some((amount, code)) => (amount.trim_end(), Currency::new(code)?),
        None => (text.strip_prefix('$').unwrap_or(text), Currency::USD),
    };
    let (negative, digits) = match amount.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, amount),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    // Digits past the twelfth could only be rounded: say so instead of guessing.
    if fraction.len() > 12 {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let fraction: i128 = format!("{fraction:0<12}").parse().ok()?;
    let pico = whole.checked_mul(PICO)?.checked_add(fraction)?;
    Some(Money::from_pico(
        if negative { -pico } else { pico },
        currency,
    ))
}

impl fmt::Display for Money {
    /// At least two decimals, and as many more as the amount has; thousands apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pico = self.pico.unsigned_abs();
        let unit = PICO.unsigned_abs();
        let fraction = format!("{:012}", pico % unit);
        let fraction = fraction.trim_end_matches('0');
        let whole = group_thousands(&(pico / unit).to_string());
        let sign = if self.pico < 0 { "-" } else { "" };
        if self.currency == Currency::USD {
            write!(f, "{sign}${whole}.{fraction:0<2}")
        } else {
            write!(f, "{sign}{whole}.{fraction:0<2} {}", self.currency)
        }
    }
}

fn group_thousands(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sums amounts of one currency; amounts of any currency but the first one's are left
/// out, so sum per currency.
impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(mut amounts: I) -> Self {
        let first = amounts.next().unwrap_or(Self::ZERO);
        amounts.fold(first, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
    }
}

// === impl ParseMoneyError, CurrencyMismatch ===

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no amount of money: write a decimal with at most twelve digits behind \
             the point, and a currency code if it is not dollars (\"0.01\", \"2.5 EUR\")",
            self.0
        )
    }
}

impl std::error::Error for ParseMoneyError {}

impl fmt::Display for CurrencyMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot add {} to {}: convert one of them first",
            self.1, self.0
        )
    }
}

impl std::error::Error for CurrencyMismatch {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read_back_exactly(pico in -(1i128 << 100)..(1i128 << 100)) {
            let money = Money::from_pico(pico, Currency::USD);
            let text = money.to_string().replace([',', '$'], "");
            prop_assert_eq!(text.parse::<Money>(), Ok(money));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
        }
    }

    #[test]
    fn amounts_print_as_people_write_them() {
        let print = |text: &str| text.parse::<Money>().unwrap().to_string();
        assert_eq!(print("1234567.5"), "$1,234,567.50");
        assert_eq!(print("0.00000015"), "$0.00000015");
        assert_eq!(print("$.5"), "$0.50");
        assert_eq!(print("3 jpy"), "3.00 JPY");
    }

    #[test]
    fn nonsense_is_refused_and_says_what_would_do() {
        for text in [
            "",
            ".",
            "-",
            "1e3",
            "1,5",
            "0.0000000000001",
            "5 DOLLARS",
            "NaN",
            "--1",
        ] {
            let error = text.parse::<Money>().unwrap_err();
            assert!(error.to_string().contains("write a decimal"), "{text}");
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let euro = Money::from_pico(1, Currency::new("eur").unwrap());
        assert!(Money::ZERO.checked_add(euro).is_err());
    }
}
