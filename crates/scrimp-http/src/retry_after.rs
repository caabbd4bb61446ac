//! Retry-After (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

use crate::{date, list::digits};

/// The longest accepted wait: a year.
const MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The field in which Fastly's API names the time at which its limit starts anew, in seconds since
/// 1970 (<https://docs.fastly.com/api/>).
const FASTLY_RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("fastly-ratelimit-reset");

/// Returns the wait until the time that Fastly-RateLimit-Reset names, from the response's own Date.
/// `None` without one of them. Waits are limited to a year.
#[must_use]
pub fn fastly_reset(headers: &HeaderMap) -> Option<Duration> {
    let reset = headers.get(FASTLY_RATE_LIMIT_RESET)?;
    let reset = Duration::from_secs(digits(reset.as_bytes().trim_ascii())?);
    let now = date::field(headers, &header::DATE)?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(reset.saturating_sub(since).min(MOST))
}

/// Returns the wait that an upstream asks for, given in seconds or as a date.
///
/// A date is measured from the response's own Date, so that the clocks of two machines are not
/// compared; without Date it is measured from `now`. A date in the past is no wait. `None` if the
/// field is absent, repeated or malformed. Waits are limited to a year.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut lines = headers.get_all(header::RETRY_AFTER).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    let wait = match digits(line.as_bytes().trim_ascii()) {
        Some(seconds) => Duration::from_secs(seconds),
        None => {
            let until = date::value(line)?;
            let now = date::field(headers, &header::DATE).unwrap_or(now);
            until.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(read(&[("retry-after", " 120 ")]), Some(120));
        let date = ("retry-after", "Thu, 01 Jan 1970 00:00:40 GMT");
        assert_eq!(read(&[date]), Some(30));
        assert_eq!(
            read(&[date, ("date", "Thu, 01 Jan 1970 00:00:35 GMT")]),
            Some(5)
        );
        assert_eq!(
            read(&[date, ("date", "Thu, 01 Jan 1970 00:01:35 GMT")]),
            Some(0)
        );
        assert_eq!(
            read(&[("retry-after", "Thursday, 01-Jan-70 00:00:20 GMT")]),
            Some(10)
        );
    }

    #[test]
    fn a_malformed_or_repeated_field_is_ignored() {
        for text in ["", "soon", "-1", "1.5", "+3", "1, 2"] {
            assert_eq!(read(&[("retry-after", text)]), None, "{text}");
        }
        assert_eq!(read(&[("retry-after", "1"), ("retry-after", "2")]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_wait_is_limited_to_a_year() {
        let year = MOST.as_secs();
        assert_eq!(
            read(&[("retry-after", "99999999999999999999999")]),
            Some(year)
        );
        assert_eq!(
            read(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]),
            Some(year)
        );
    }

    #[test]
    fn the_reset_of_fastly_is_measured_from_the_date_of_the_response() {
        let wait = |reset: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(FASTLY_RATE_LIMIT_RESET, reset.parse().unwrap());
            if let Some(date) = date {
                headers.insert(header::DATE, date.parse().unwrap());
            }
            fastly_reset(&headers).map(|wait| wait.as_secs())
        };
        let date = Some("Tue, 05 Jan 2016 23:59:44 GMT");
        assert_eq!(wait("1452040784", date), Some(2_400));
        assert_eq!(wait("1", date), Some(0));
        assert_eq!(wait("99999999999", date), Some(MOST.as_secs()));
        assert_eq!(wait("soon", date), None);
        assert_eq!(wait("1452040784", None), None);
    }
}
