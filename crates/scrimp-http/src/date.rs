//! Dates (RFC 9110 §5.6.7).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

const DAY: u64 = 24 * 60 * 60;

/// The first second of the year 10000, which no date can express.
const END: u64 = 253_402_300_800;

/// Returns the date in a field. `None` if the field is absent, repeated or not a date: a
/// recipient cannot know which of two dates is meant.
#[must_use]
pub fn field(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let date = value(lines.next()?)?;
    lines.next().is_none().then_some(date)
}

/// Returns the date in one value.
#[must_use]
pub fn value(value: &HeaderValue) -> Option<SystemTime> {
    parse(value.to_str().ok()?.trim())
}

/// Reads a date in one of the three formats: IMF-fixdate, RFC 850 and asctime.
///
/// Names of months and days and the zone are read in any case. The day of the week is not
/// compared with the date. Neither changes the moment that is meant. The zone must be GMT.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    let (weekday, rest) = text.split_once([',', ' '])?;
    let long = WEEKDAYS.iter().any(|day| day.eq_ignore_ascii_case(weekday));
    let short = WEEKDAYS
        .iter()
        .any(|day| day[..3].eq_ignore_ascii_case(weekday));
    let comma = text.as_bytes().get(weekday.len()) == Some(&b',');
    let (fields, count) = match comma {
        true => fields(rest.strip_prefix(' ')?.split(' '))?,
        // asctime pads a day of one digit with a blank.
        false => fields(rest.split_ascii_whitespace())?,
    };
    match (comma, &fields[..count]) {
        (true, [day, month, year, time, zone]) if short && is_gmt(zone) => {
            moment(two(day)?, month, four(year)?, time)
        }
        (true, [date, time, zone]) if long && is_gmt(zone) => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            parts.next().is_none().then_some(())?;
            moment(two(day)?, month, century(two(year)?), time)
        }
        (false, [month, day, time, year]) if short => {
            let day = if day.len() == 1 {
                digits(day)?
            } else {
                two(day)?
            };
            moment(day, month, four(year)?, time)
        }
        _ => None,
    }
}

/// Returns up to five fields, and their number.
fn fields<'a>(all: impl Iterator<Item = &'a str>) -> Option<([&'a str; 5], usize)> {
    let mut fields = [""; 5];
    let mut count = 0;
    for field in all {
        *fields.get_mut(count)? = field;
        count += 1;
    }
    Some((fields, count))
}

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

fn is_gmt(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("GMT")
}

fn digits(text: &str) -> Option<u64> {
    crate::list::digits(text.as_bytes())
}

fn two(text: &str) -> Option<u64> {
    (text.len() == 2).then(|| digits(text))?
}

fn four(text: &str) -> Option<u64> {
    (text.len() == 4).then(|| digits(text))?
}

/// Completes a year of two digits, as most readers of RFC 850 dates do.
fn century(year: u64) -> u64 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

/// Reads a date of RFC 3339, which is UTC or has an offset from it. Fractions of a second are kept to
/// the nanosecond.
#[must_use]
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let index = usize::try_from(two(month)?).ok()?.checked_sub(1)?;
    if parts.next().is_some() || index >= MONTHS.len() {
        return None;
    }
    let (time, rest) = (rest.get(..8)?, rest.get(8..)?);
    let end = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(end);
    let nanos = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => 0,
        None => return None,
        Some(fraction) => {
            digits(fraction)?;
            let padded = format!("{:0<9}", fraction.get(..9).unwrap_or(fraction));
            digits(&padded)?
        }
    };
    let local = civil(two(day)?, index, four(year)?, time)? + Duration::from_nanos(nanos);
    if zone.eq_ignore_ascii_case("z") {
        return Some(local);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = Duration::from_secs(hours * 3_600 + minutes * 60);
    match zone.starts_with('+') {
        true => local.checked_sub(offset),
        false => local.checked_add(offset),
    }
}

fn moment(day: u64, month: &str, year: u64, time: &str) -> Option<SystemTime> {
    let index = MONTHS
        .iter()
        .position(|(name, _)| name.eq_ignore_ascii_case(month))?;
    civil(day, index, year, time)
}

/// Returns the moment of a date and a time in UTC. `index` is that of the month, from 0.
fn civil(day: u64, index: usize, year: u64, time: &str) -> Option<SystemTime> {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |index: usize| MONTHS[index].1 + u64::from(index == 1 && leap(year));
    if year < 1970 || day == 0 || day > length(index) {
        return None;
    }
    let mut parts = time.split(':').map(two);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the first second of the next minute.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let months: u64 = (0..index).map(length).sum();
    let days = (year - 1970) * 365 + leaps + months + day - 1;
    let seconds = days * DAY + hour * 3_600 + minute * 60 + second;
    // The leap second of the last day would be in the year 10000.
    (seconds < END).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Writes a date as a field value. `None` for a year before 1970 or after 9999.
#[must_use]
pub fn format(date: SystemTime) -> Option<HeaderValue> {
    let unix = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if unix.as_secs() >= END {
        return None;
    }
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    const ALL: [&str; 3] = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ];

    #[test]
    fn the_three_formats_are_one_date() {
        for text in ALL {
            assert_eq!(parse(text), at(784_111_777), "{text}");
        }
        let date = at(784_111_777).unwrap();
        assert_eq!(format(date).unwrap(), ALL[0]);
    }

    #[test]
    fn dates_of_rfc_3339_have_fractions_and_offsets() {
        for text in [
            "1994-11-06T08:49:37Z",
            "1994-11-06t08:49:37z",
            "1994-11-06 09:49:37+01:00",
            "1994-11-06T03:19:37-05:30",
            "1994-11-06T08:49:37.000Z",
        ] {
            assert_eq!(rfc3339(text), at(784_111_777), "{text}");
        }
        let half = at(784_111_777).map(|at| at + Duration::from_millis(500));
        assert_eq!(rfc3339("1994-11-06T08:49:37.5Z"), half);
        assert_eq!(rfc3339("1994-11-06T08:49:37.5000000009Z"), half);
        for text in [
            "",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "1994-13-06T08:49:37Z",
            "1994-00-06T08:49:37Z",
            "1994-02-29T08:49:37Z",
            "1994-11-06T08:49:37.Z",
            "1994-11-06T08:49:37.xZ",
            "1994-11-06T08:49:37+1:00",
            "1994-11-06T08:49:37+01",
            "1994-11-06T08:49:37Zulu",
            "1994-11-06T08:49:37é",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn case_and_a_wrong_weekday_change_nothing() {
        for text in ALL {
            for changed in [
                text.to_ascii_lowercase(),
                text.to_ascii_uppercase(),
                text.replacen("Sunday", "Friday", 1)
                    .replacen("Sun", "Mon", 1),
            ] {
                assert_eq!(parse(&changed), at(784_111_777), "{changed}");
            }
        }
        assert_eq!(parse("sun nov 6 08:49:37 1994"), at(784_111_777));
    }

    #[test]
    fn leap_days_exist_in_leap_years_only() {
        assert_eq!(parse("Thu, 29 feb 2024 00:00:00 GMT"), at(1_709_164_800));
        assert_eq!(parse("Wed, 29 feb 2023 00:00:00 GMT"), None);
        assert_eq!(parse("Mon, 29 feb 2100 00:00:00 GMT"), None);
    }

    #[test]
    fn text_that_is_not_a_date_gives_none() {
        for text in [
            "0",
            "-1",
            "",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1970",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sunday, 12-Nov-95w08:49:37 GMT",
            "Fri, 31 Dec 9999 23:59:60 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_date_is_read_back_in_any_case(seconds in 0..END) {
            let text = format(at(seconds).unwrap()).unwrap();
            let text = text.to_str().unwrap();
            prop_assert_eq!(parse(text), at(seconds));
            prop_assert_eq!(parse(&text.to_ascii_lowercase()), at(seconds));
        }

        #[test]
        fn no_text_panics(text in "[ -~]{0,40}") {
            let _ = parse(&text);
        }
    }
}
