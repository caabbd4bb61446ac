//! Freshness lifetime of responses.

use std::{fmt, str::FromStr, time::Duration};

use crate::error::{Error, Result};

/// Freshness lifetime of responses. Logs contain no `Cache-Control`, so this setting decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ttl {
    /// Responses are fresh for this time.
    After(Duration),
    /// Responses never expire.
    Infinite,
    /// Responses are not stored, unless a rule has its own `ttl`.
    None,
}

// === impl Ttl ===

impl FromStr for Ttl {
    type Err = Error;

    /// Reads `infinite`, `none`, or numbers with `ms`, `s`, `m`, `h`, `d` or `w`: `90s`, `1h30m`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "infinite" => Ok(Self::Infinite),
            "none" => Ok(Self::None),
            _ => duration(text).map(Self::After).ok_or_else(|| {
                Error::new(
                    "write a time such as 30s, 5m, 1h30m or 7d, or \"infinite\", or \"none\"",
                )
            }),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis = 0u64;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let scale = match &rest[..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        millis = millis.checked_add(number.checked_mul(scale)?)?;
        rest = &rest[end..];
    }
    // More than a thousand years is probably an error; "infinite" is clearer.
    (1..=31_536_000_000_000)
        .contains(&millis)
        .then(|| Duration::from_millis(millis))
}

impl fmt::Display for Ttl {
    /// Writes the time in the largest exact unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::After(duration) = self else {
            return f.write_str(if *self == Self::None {
                "none"
            } else {
                "infinite"
            });
        };
        let millis = duration.as_millis();
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        match units
            .iter()
            .find(|(scale, _)| millis.is_multiple_of(*scale))
        {
            Some((scale, unit)) => write!(f, "{}{unit}", millis / scale),
            None => write!(f, "{millis}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_back() {
        for (text, written) in [
            ("5m", "5m"),
            ("90s", "90s"),
            ("1h30m", "90m"),
            ("7d", "7d"),
            ("250ms", "250ms"),
            ("infinite", "infinite"),
            ("none", "none"),
            ("1w", "7d"),
        ] {
            assert_eq!(text.parse::<Ttl>().unwrap().to_string(), written);
        }
        for text in [
            "",
            "5",
            "m",
            "5x",
            "-5m",
            "0s",
            "99999999999999999999s",
            "2000000w",
            "5 m",
            "1.5h",
        ] {
            assert!(text.parse::<Ttl>().is_err(), "{text}");
        }
    }
}
