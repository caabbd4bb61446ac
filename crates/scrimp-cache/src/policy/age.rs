//! The age of a response on arrival (RFC 9111 §4.2.3).

use std::time::{Duration, SystemTime};

use scrimp_http::age::age;

use super::{
    answer::{Answer, Field},
    freshness::Arrival,
};

/// Returns `corrected_initial_age` of §4.2.3.
pub(super) fn initial_age(
    answer: &Answer<'_>,
    date: Option<SystemTime>,
    arrival: Arrival,
) -> Duration {
    let apparent = date
        .and_then(|date| arrival.wall.duration_since(date).ok())
        .unwrap_or_default();
    let reported = match answer.has(Field::Age) {
        true => age(answer.headers()).unwrap_or_default(),
        false => Duration::ZERO,
    };
    apparent.max(reported.saturating_add(arrival.delay))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};
    use scrimp_http::date;
    use tokio::time::Instant;

    use super::*;

    fn initial(fields: &[(&'static str, &str)]) -> u64 {
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
        assert_eq!(initial(&[DATE]), 2);
        assert_eq!(initial(&[DATE, ("age", "30")]), 32);
        let minute = ("date", "Sun, 06 Nov 1994 08:48:37 GMT");
        assert_eq!(initial(&[minute, ("age", "30")]), 60);
    }

    #[test]
    fn the_first_age_counts_and_what_is_none_is_ignored() {
        assert_eq!(initial(&[DATE, ("age", "30, 7")]), 32);
        for odd in ["-1", "7.5", "old", "0;x=1"] {
            assert_eq!(initial(&[DATE, ("age", odd)]), 2, "{odd}");
        }
    }
}
