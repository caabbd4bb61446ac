//! Small numbers as text, without an allocation.

use std::sync::LazyLock;

/// Limit below which numbers are made in advance.
const READY: usize = 10_000;
const DIGITS: usize = 4;

/// `000000010002…`: the digits of every ready number, four by four.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    (0..READY).fold(String::with_capacity(READY * DIGITS), |mut text, number| {
        text.push_str(&format!("{number:0DIGITS$}"));
        text
    })
});

/// Returns a number below 10,000 in decimal digits.
pub(crate) fn digits(number: u64) -> Option<&'static str> {
    let number = usize::try_from(number).ok().filter(|&n| n < READY)?;
    let all: &'static str = &TEXT;
    let skip = match number {
        0..10 => 3,
        10..100 => 2,
        100..1000 => 1,
        _ => 0,
    };
    Some(&all[number * DIGITS + skip..(number + 1) * DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_digits() {
        for number in [0, 7, 10, 99, 100, 999, 1_000, 9_999] {
            assert_eq!(digits(number), Some(&*number.to_string()));
        }
        assert_eq!(digits(10_000), None);
        assert_eq!(digits(u64::MAX), None);
    }
}
