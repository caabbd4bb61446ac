//! Numbers in a readable form.

use std::time::Duration;

use scrimp_core::Money;

/// Writes `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes `1 line`, `2,000 lines`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Writes `86.8 %`. Only 1 is 100 %, and only 0 is 0 %.
#[must_use]
pub fn percent(share: f64) -> String {
    let rounded = (share * 1000.0).round() / 10.0;
    let shown = if share > 0.0 && share < 1.0 {
        rounded.clamp(0.1, 99.9)
    } else {
        rounded
    };
    format!("{shown:.1} %")
}

/// Writes `12.3 MiB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "rounded for people")]
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value.fract() != 0.0);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Writes `0.21 s`, or `3 min 12 s`.
#[must_use]
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.2} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Writes amounts to the cent, from a hundred cents up.
#[must_use]
pub fn money(amount: Money) -> String {
    const CENT: i128 = 10_000_000_000;
    let pico = amount.pico();
    if pico.abs() < 100 * CENT {
        return amount.to_string();
    }
    let rounded = pico.saturating_add(CENT / 2 * pico.signum()) / CENT * CENT;
    Money::from_pico(rounded, amount.currency()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_honest() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(
            [counted(1, "line"), counted(0, "line")],
            ["1 line", "0 lines"]
        );
        assert_eq!(percent(0.867_97), "86.8 %");
        assert_eq!(
            (percent(0.0), percent(1.0)),
            ("0.0 %".into(), "100.0 %".into())
        );
        assert_eq!(percent(0.999_99), "99.9 %");
        assert_eq!(bytes(268_435_456), "256 MiB");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(elapsed(Duration::from_secs(192)), "3 min 12 s");
        assert_eq!(money("95.3649".parse().unwrap()), "$95.36");
        let most = Money::from_pico(i128::MAX, scrimp_core::Currency::USD);
        assert!(money(most).starts_with("$170,"), "nothing wraps");
        assert_eq!(money("0.0005".parse().unwrap()), "$0.0005");
    }
}
