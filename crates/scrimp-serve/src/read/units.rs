//! Sizes, times, paces and rates as text.

use std::time::Duration;

/// Reads a number of bytes: `64K`, `256M`, `4G` (powers of 1024), or a plain number.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err("is no size".into()),
    };
    let number = digits.trim_end().parse::<u64>();
    number
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "is no size".into())
}

/// Reads a time: `250ms`, `10s`, `5m`, `1h 30m`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("is no time: {error}"))
}

/// Reads a pace: a grace and bytes per second, such as `20s:500`.
pub(crate) fn pace(text: &str) -> Result<(Duration, u32), String> {
    let wrong = || "is no pace".to_owned();
    let (grace, rate) = text.split_once(':').ok_or_else(wrong)?;
    Ok((time(grace)?, rate.trim().parse().map_err(|_| wrong())?))
}

/// Reads a rate: `100/second`, `600/minute`, `5000/hour`, `20000/day`.
pub(crate) fn rate(text: &str) -> Result<(u32, Duration), String> {
    let wrong = || "is no rate".to_owned();
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit.trim() {
        "second" | "s" => 1,
        "minute" | "m" => 60,
        "hour" | "h" => 3_600,
        "day" | "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = count.trim().parse().map_err(|_| wrong())?;
    match count {
        0 => Err("must be 1 or more".into()),
        count => Ok((count, Duration::from_secs(seconds))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_powers_of_1024() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("64K", Some(64 << 10)),
            ("256 MiB", Some(256 << 20)),
            ("4g", Some(4 << 30)),
            ("1T", Some(1 << 40)),
            ("", None),
            ("M", None),
            ("-1M", None),
            ("1.5M", None),
            ("10X", None),
            ("99999999999T", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn paces_and_rates_have_two_parts() {
        assert_eq!(pace("20s:500"), Ok((Duration::from_secs(20), 500)));
        assert!(pace("20s").is_err() && pace("20s:x").is_err() && pace(":5").is_err());
        assert_eq!(rate("100/second"), Ok((100, Duration::from_secs(1))));
        assert_eq!(rate("20000/day"), Ok((20_000, Duration::from_secs(86_400))));
        assert!(rate("0/second").is_err() && rate("5/week").is_err() && rate("5").is_err());
    }
}
