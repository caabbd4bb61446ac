//! Sizes as people write them.

/// Units, and their powers: those of SI, and the binary ones with an `i` (ISO/IEC 80000-13).
const UNITS: &[(&str, u128)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("ki", 1 << 10),
    ("m", 1_000_000),
    ("mi", 1 << 20),
    ("g", 1_000_000_000),
    ("gi", 1 << 30),
    ("t", 1_000_000_000_000),
    ("ti", 1 << 40),
];

/// Reads `256MiB`, `1 GB`, `1.5G`, `500000`: SI units are powers of 1000, binary units powers of
/// 1024. The fraction must make a whole number of bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    read(text.trim())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "write a size such as 64MiB (2^20 bytes each) or 2GB (10^9)".to_owned())
}

fn read(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim_start().to_ascii_lowercase();
    // `kB` and `KiB` end with the unit that `k` and `Ki` leave out.
    let prefix = unit.strip_suffix('b').filter(|rest| !rest.is_empty());
    let prefix = prefix.unwrap_or(&unit);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == prefix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.ends_with('.') || fraction.len() > 12 || fraction.contains('.') {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let bytes = digits.checked_mul(*unit)?;
    (bytes % scale == 0).then(|| u64::try_from(bytes / scale).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_is_written() {
        for (text, bytes) in [
            ("500000", 500_000),
            ("1 B", 1),
            ("1kB", 1_000),
            ("1 KiB", 1_024),
            ("1 MB", 1_000_000),
            ("1 MiB", 1 << 20),
            ("256MiB", 256 << 20),
            ("1 g", 1_000_000_000),
            ("1Gi", 1 << 30),
            ("1.5 GB", 1_500_000_000),
            ("0.5KiB", 512),
            ("2TiB", 2 << 40),
            ("2 TB", 2_000_000_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_never_wrap_and_are_whole() {
        for bad in [
            "",
            "0",
            "MiB",
            "-1",
            "1.5",
            "0.0001KiB",
            "1.",
            ".",
            "1..5G",
            "99999999999TiB",
            "5 apples",
            "1e3",
            "1 M B",
            "999999999999999999999999999999999999999999",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
