//! Latencies, with their units.

use std::time::Duration;

use super::fields::Unit;

/// Longest latency that counts: a day.
const MOST: f64 = 86_400.0;

/// Whole numbers without a unit count as milliseconds below this (five minutes), and as nanoseconds
/// from it up (0.3 ms).
const NANOS_FROM: f64 = 3e5;

/// Reads `0.012`, `12 ms`, `1.5s`, `1m2s`, `00:00:01.5`, or a list of them, which is added up:
/// nginx lists each upstream that it tried.
pub(super) fn text(text: &str, unit: Unit) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return self::number(number, text.contains('.'), unit);
    }
    let mut parts = text
        .split([',', ' '])
        .filter(|part| !matches!(*part, "" | ":" | "-"));
    if parts
        .clone()
        .nth(1)
        .is_some_and(|part| part.parse::<f64>().is_ok())
    {
        return parts.try_fold(Duration::ZERO, |sum, part| {
            let number: f64 = part.parse().ok()?;
            Some(sum + self::number(number, part.contains('.'), unit)?)
        });
    }
    clock(text).or_else(|| with_units(text))
}

/// Reads a number in a unit. `fraction` says that it was written with one.
pub(super) fn number(number: f64, fraction: bool, unit: Unit) -> Option<Duration> {
    let seconds = match unit {
        Unit::Seconds => number,
        Unit::Millis => number / 1e3,
        Unit::Micros => number / 1e6,
        Unit::Guess if fraction => number,
        Unit::Guess if number < NANOS_FROM => number / 1e3,
        Unit::Nanos | Unit::Guess => number / 1e9,
    };
    // Servers write -1 for a time that they do not know.
    (0.0..=MOST)
        .contains(&seconds)
        .then(|| Duration::from_micros(micros(seconds)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within a day"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

/// Reads `1m2.5s`, `12 ms`: numbers with their units, the largest first.
fn with_units(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let tail = rest[end..].trim_start();
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        sum += number
            * match tail[..end].trim_end() {
                "h" => 3600.0,
                "m" | "min" => 60.0,
                "s" | "sec" | "secs" | "seconds" => 1.0,
                "ms" | "msec" => 1e-3,
                "µs" | "μs" | "us" | "usec" => 1e-6,
                "ns" | "nsec" => 1e-9,
                _ => return None,
            };
        rest = &tail[end..];
    }
    number(sum, true, Unit::Seconds)
}

/// Reads `00:00:01.5`.
fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.splitn(3, ':');
    let mut next = || parts.next()?.parse::<f64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    number(
        hours * 3600.0 + minutes * 60.0 + seconds,
        true,
        Unit::Seconds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_has_the_unit_that_is_written_or_that_of_its_field() {
        for (written, unit, micros) in [
            ("0.012s", Unit::Guess, 12_000),
            ("12 ms", Unit::Guess, 12_000),
            ("350µs", Unit::Guess, 350),
            ("350us", Unit::Seconds, 350),
            ("4107ns", Unit::Guess, 4),
            ("1m2.5s", Unit::Guess, 62_500_000),
            ("00:00:01.5", Unit::Guess, 1_500_000),
            ("0.25", Unit::Guess, 250_000),
            ("250", Unit::Guess, 250_000),
            ("250000000", Unit::Guess, 250_000),
            ("299999", Unit::Guess, 299_999_000),
            ("300000", Unit::Guess, 300),
            ("4107", Unit::Nanos, 4),
            ("12.5", Unit::Millis, 12_500),
            ("1500", Unit::Micros, 1_500),
            ("0.1, 0.2", Unit::Seconds, 300_000),
            ("0.1 : 0.2, -", Unit::Seconds, 300_000),
        ] {
            let read = text(written, unit).map(|latency| latency.as_micros());
            assert_eq!(read, Some(micros), "{written}");
        }
    }

    #[test]
    fn what_is_no_latency_is_left_out() {
        for bad in [
            "", "-", "-1", "NaN", "inf", "soon", "1 apple", "1e300", "ms", "1:2",
        ] {
            assert_eq!(text(bad, Unit::Guess), None, "{bad}");
        }
    }
}
