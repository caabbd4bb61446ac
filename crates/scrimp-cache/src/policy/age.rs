//! How old a response is when it arrives (RFC 9111 §4.2.3).

use std::time::{Duration, SystemTime};

use super::{
    answer::{Answer, Field},
    control::delta,
    freshness::Arrival,
};

/// `corrected_initial_age` of §4.2.3.
pub(super) fn initial_age(
    answer: &Answer<'_>,
    date: Option<SystemTime>,
    arrival: Arrival,
) -> Duration {
    let apparent = date
        .and_then(|date| arrival.wall.duration_since(date).ok())
        .unwrap_or_default();
    let reported = reported_age(answer);
    apparent.max(reported.saturating_add(arrival.delay))
}

/// The Age field. Anything but one number is taken for the largest one: what cannot be
/// read must not make a response fresh.
fn reported_age(answer: &Answer<'_>) -> Duration {
    if !answer.has(Field::Age) {
        return Duration::ZERO;
    }
    let line = answer.only(Field::Age);
    let seconds = line.and_then(|line| delta(line.as_bytes().trim_ascii()));
    Duration::from_secs(seconds.unwrap_or(u32::MAX).into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};
    use tokio::time::Instant;

    use super::*;
    use crate::policy::date;

    fn age(fields: &[(&'static str, &str)]) -> u64 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a value"));
        }
        let arrival = Arrival {
            now: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
            delay: Duration::from_secs(2),
        };
        let date = date::field(&headers, &header::DATE);
        initial_age(&Answer::read(&headers), date, arrival).as_secs()
    }

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn age_is_the_larger_of_what_is_reported_and_what_is_apparent() {
        assert_eq!(age(&[DATE]), 2);
        assert_eq!(age(&[DATE, ("age", "30")]), 32);
        let minute = ("date", "Sun, 06 Nov 1994 08:48:37 GMT");
        assert_eq!(age(&[minute, ("age", "30")]), 60);
        for odd in ["-1", "0, 0", "7.5", "old", "0;x=1"] {
            assert!(age(&[DATE, ("age", odd)]) > 1 << 31, "{odd}");
        }
    }
}
