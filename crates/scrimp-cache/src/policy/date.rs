//! HTTP dates (RFC 9110 §5.6.7), read in all three formats.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The date in a field. `None` if the field is absent, repeated or no date: a recipient
/// cannot tell which of two dates is meant.
pub(crate) fn field(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let date = value(lines.next()?)?;
    lines.next().is_none().then_some(date)
}

/// The date in one value.
pub(crate) fn value(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// A date as a field value.
pub(crate) fn format(date: SystemTime) -> Option<HeaderValue> {
    // httpdate panics outside the years it can print; those are no dates of ours.
    let unix = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if unix.as_secs() >= 253_402_300_800 {
        return None;
    }
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_three_formats_are_one_date() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                value(&HeaderValue::from_static(text)),
                Some(expected),
                "{text}"
            );
        }
        assert_eq!(format(expected).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "0",
            "-1",
            "",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Thu, 01 Jan 1970",
        ] {
            assert_eq!(value(&HeaderValue::from_static(text)), None, "{text}");
        }
    }
}
