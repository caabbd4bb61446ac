//! The Age field (RFC 9111 §5.1).

use std::time::Duration;

use http::{HeaderMap, header::AGE};

use crate::list::{delta_seconds, members};

/// Returns the value of Age.
///
/// If there are several members, the first one counts. A value that is not a number of seconds
/// is ignored (§5.1): `None`.
#[must_use]
pub fn age(headers: &HeaderMap) -> Option<Duration> {
    let first = members(headers.get_all(AGE)).next()?;
    Some(Duration::from_secs(delta_seconds(first)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AGE, line.parse().unwrap());
        }
        age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn the_first_member_counts_and_a_value_that_is_not_a_number_is_ignored() {
        assert_eq!(read(&["30"]), Some(30));
        assert_eq!(read(&["30, 60"]), Some(30));
        assert_eq!(read(&["30", "60"]), Some(30));
        assert_eq!(read(&["99999999999"]), Some(1 << 31));
        for invalid in ["-5", "7.5", "old", "0;x=1", "", "x, 3"] {
            assert_eq!(read(&[invalid]), None, "{invalid}");
        }
        assert_eq!(read(&[]), None);
    }
}
