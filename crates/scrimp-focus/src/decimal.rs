//! Decimals of other people's files, without floats.

/// Longest text of a number, in bytes.
const LONGEST: usize = 400;

/// Reads a decimal, also with an exponent, times 10^`shift`, in units of 10⁻¹². What lies below that is
/// rounded half to even: providers write floats, with up to seventeen digits.
pub(crate) fn pico(text: &str, shift: i32) -> Option<i128> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()?;
    let scale = exponent
        .checked_add(shift)?
        .checked_add(12)?
        .checked_sub(places)?;
    let pico = match u32::try_from(scale) {
        Ok(scale) => {
            let value = number(&digits)?;
            match value {
                0 => 0,
                value => value.checked_mul(10_i128.checked_pow(scale)?)?,
            }
        }
        Err(_) => rounded(&digits, scale.unsigned_abs())?,
    };
    Some(if negative { -pico } else { pico })
}

/// Returns the digits without the last `cut`, rounded half to even.
fn rounded(digits: &[u8], cut: u32) -> Option<i128> {
    let cut = usize::try_from(cut).ok()?;
    let Some(kept) = digits.len().checked_sub(cut) else {
        // Less than a tenth of a unit.
        return Some(0);
    };
    let (kept, dropped) = digits.split_at(kept);
    let value = number(kept)?;
    let (first, rest) = dropped.split_first()?;
    let up = match first {
        b'5' if rest.iter().all(|digit| *digit == b'0') => value % 2 == 1,
        first => *first >= b'5',
    };
    value.checked_add(i128::from(up))
}

fn number(digits: &[u8]) -> Option<i128> {
    digits.iter().try_fold(0_i128, |value, digit| {
        value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scrimp_core::{Currency, Money};

    use super::pico;

    #[test]
    fn decimals_are_read_as_they_are_written() {
        assert_eq!(pico("0.06", 0), Some(60_000_000_000));
        assert_eq!(pico("123.78912", -2), Some(1_237_891_200_000));
        assert_eq!(pico("-1.5e-3", 0), Some(-1_500_000_000));
        assert_eq!(pico("6E2", 0), Some(600_000_000_000_000));
        for text in [
            "",
            ".",
            "1,5",
            "0x1",
            "NaN",
            "1e",
            "--1",
            "1e99",
            &"1".repeat(500),
        ] {
            assert_eq!(pico(text, 0), None, "{text}");
        }
    }

    #[test]
    fn what_is_below_a_unit_is_rounded_half_to_even() {
        assert_eq!(pico("0.0000000000005", 0), Some(0));
        assert_eq!(pico("0.0000000000015", 0), Some(2));
        assert_eq!(pico("0.00000000000050001", 0), Some(1));
        assert_eq!(pico("0.00000000000004", 0), Some(0));
        assert_eq!(pico("0.13080438340307526", 0), Some(130_804_383_403));
        assert_eq!(pico("1e-999999999", 0), Some(0));
    }

    proptest! {
        #[test]
        fn an_amount_in_plain_decimals_is_exact(amount in -(1_i128 << 120)..1_i128 << 120) {
            let money = format!("{:#}", Money::from_pico(amount, Currency::USD));
            prop_assert_eq!(pico(money.trim_end_matches(" USD"), 0), Some(amount));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,30}", shift in -5..5_i32) {
            let _ = pico(&text, shift);
        }
    }
}
