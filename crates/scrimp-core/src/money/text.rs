//! Money as text.

use std::{fmt, str::FromStr};

use super::{Currency, Money, PICO};

/// The error of a text that is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseMoneyError(String);

// === impl Money ===

impl FromStr for Money {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        parse(text).ok_or_else(|| ParseMoneyError(text.into()))
    }
}

/// Reads text as [`FromStr`] does, for builders that accept an amount or its text.
impl TryFrom<&str> for Money {
    type Error = ParseMoneyError;

    fn try_from(text: &str) -> Result<Self, ParseMoneyError> {
        text.parse()
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<String> for Money {
    type Error = ParseMoneyError;

    fn try_from(text: String) -> Result<Self, ParseMoneyError> {
        Self::try_from(text.as_str())
    }
}

/// Reads text that a program has made or was given, as from `&str`.
impl TryFrom<&String> for Money {
    type Error = ParseMoneyError;

    fn try_from(text: &String) -> Result<Self, ParseMoneyError> {
        Self::try_from(text.as_str())
    }
}

fn parse(text: &str) -> Option<Money> {
    let text = text.trim();
    let (amount, currency) = match text.rsplit_once(' ') {
        Some((amount, code)) => (amount.trim_end(), Currency::new(code)?),
        None => (text.strip_prefix('$').unwrap_or(text), Currency::USD),
    };
    let (sign, digits) = match amount.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, amount),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    // More than twelve digits would need rounding, so they are refused.
    if fraction.len() > 12 {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let fraction: i128 = format!("{fraction:0<12}").parse().ok()?;
    // With the sign from the start: the lowest amount has no positive counterpart.
    let pico = whole
        .checked_mul(sign * PICO)?
        .checked_add(sign * fraction)?;
    Some(Money::from_pico(pico, currency))
}

impl fmt::Display for Money {
    /// Writes at least two decimals, and as many more as the amount has, with separators between
    /// thousands. The alternate form (`{:#}`) is for machines: `-1234.50 USD`, which parses back
    /// exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pico = self.pico.unsigned_abs();
        let unit = PICO.unsigned_abs();
        let fraction = format!("{:012}", pico % unit);
        let fraction = fraction.trim_end_matches('0');
        let whole = pico / unit;
        let sign = if self.is_negative() { "-" } else { "" };
        if f.alternate() {
            return write!(f, "{sign}{whole}.{fraction:0<2} {}", self.currency);
        }
        let whole = group_thousands(&whole.to_string());
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
        // Never the alternate form: `{:#?}` is for people too.
        write!(f, "{self}")
    }
}

// === impl ParseMoneyError ===

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an amount of money: write a decimal with at most twelve digits after \
             the point, and a currency code if it is not dollars (\"0.01\", \"2.5 EUR\")",
            self.0
        )
    }
}

impl std::error::Error for ParseMoneyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_form_for_machines_is_read_back_exactly(pico: i128, code in "[A-Z]{3}") {
            let money = Money::from_pico(pico, Currency::new(&code).unwrap());
            prop_assert_eq!(format!("{money:#}").parse::<Money>(), Ok(money));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
        }
    }

    #[test]
    fn the_ends_of_the_range_are_read_back_exactly() {
        for pico in [i128::MIN, i128::MIN + 1, i128::MAX] {
            let money = Money::from_pico(pico, Currency::USD);
            assert_eq!(format!("{money:#}").parse::<Money>(), Ok(money));
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
    fn an_invalid_text_is_refused_with_the_accepted_form() {
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
}
