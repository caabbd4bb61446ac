//! Formats of times in logs.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Microseconds in a second.
pub(crate) const MICROS: i64 = 1_000_000;

/// Times outside 1970–9999 count as damage. (The last day is reserved for time zones.)
const LAST: i64 = 253_402_207_200 * MICROS;

/// Reads `17/May/2015:10:05:03 +0000`, the form of Common Log Format.
pub(super) fn clf(text: &[u8]) -> Option<i64> {
    if text.len() == 25 && text[1] == b'/' {
        return clf(&[b"0", text].concat());
    }
    if text.len() != 26 {
        return None;
    }
    let separators = [
        (2, b'/'),
        (6, b'/'),
        (11, b':'),
        (14, b':'),
        (17, b':'),
        (20, b' '),
    ];
    if separators.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let day = digits(&text[0..2])?;
    let month = month(&text[3..6])?;
    let year = digits(&text[7..11])?;
    let hour = digits(&text[12..14])?;
    let minute = digits(&text[15..17])?;
    // 60 is a leap second: Unix time counts it as the second after 59.
    let second = digits(&text[18..20])?;
    let offset = digits(&text[22..24])? * 3600 + digits(&text[24..26])? * 60;
    let offset = match text[21] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 60 || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    in_range(seconds * MICROS)
}

/// Reads any time that a log contains as text: RFC 3339 (with `T`, a space or slashes; UTC without
/// a zone), Common Log Format (also without a zone, with a fraction, with a blank before the time of
/// day, and with a day of one digit), a date of HTTP, `240512 10:05:03`, `05/17/2015, 10:05:03 AM`, or a
/// number.
pub(super) fn text(text: &str) -> Option<i64> {
    let text = text.trim().trim_matches(['[', ']']);
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') || text.len() > 64 {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        return if text.len() == 14 && !text.contains('.') {
            compact(text)
        } else {
            number_of(number)
        };
    }
    let bytes = text.as_bytes();
    if bytes.get(1) == Some(&b'/') {
        return self::text(&format!("0{text}"));
    }
    if text.ends_with('M') {
        return american(text);
    }
    if bytes.get(6) == Some(&b' ') && digits(&bytes[..6]).is_some() {
        let (day, clock) = (&text[..6], &text[7..]);
        return year_first(&format!(
            "20{}-{}-{} {clock}",
            &day[..2],
            &day[2..4],
            &day[4..]
        ));
    }
    match bytes.get(2..5) {
        Some([b'/', first, _]) if first.is_ascii_alphabetic() => {
            clf(bytes).or_else(|| day_first(text))
        }
        _ if bytes[0].is_ascii_digit() => year_first(text),
        _ => scrimp_http::date::parse(text).and_then(since_1970),
    }
}

/// Reports whether a text is a zone: `+0200`, `-05:30`.
pub(super) fn is_zone(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or_default();
    matches!(digits.len(), 4 | 5)
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// Reports whether a text is a time of day: `10:05:03`, with or without a fraction.
pub(super) fn is_clock(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8
        && bytes[2] == b':'
        && bytes[5] == b':'
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_digit() || b":.,".contains(byte))
}

/// Reads `2015-05-17 10:05:03`, with a zone (`Z`, ` UTC`, `+02:00`, ` +0200`) or without one.
fn year_first(text: &str) -> Option<i64> {
    let parsed = text.parse::<Timestamp>().ok();
    let time = parsed.or_else(|| {
        let text = [" UTC", " GMT", "UTC", "GMT"]
            .iter()
            .find_map(|zone| text.strip_suffix(zone))
            .unwrap_or(text);
        let text = text
            .replacen('/', "-", 2)
            .replace(" +", "+")
            .replace(" -", "-");
        let parsed = text.parse::<Timestamp>();
        parsed.or_else(|_| format!("{text}Z").parse()).ok()
    });
    in_range(time?.as_microsecond())
}

/// Reads `17/May/2015:10:05:03.123`, with or without a zone.
fn day_first(text: &str) -> Option<i64> {
    let (day, clock) = text.split_at_checked(11)?;
    if let Some(clock) = clock.strip_prefix(' ') {
        return day_first(&format!("{day}:{clock}"));
    }
    let (seconds, rest) = text.split_at_checked(20)?;
    let fraction = rest.find(' ').map_or(rest, |zone| &rest[..zone]);
    let zone = rest[fraction.len()..].trim_start();
    let zone = if zone.is_empty() { "+0000" } else { zone };
    let whole = clf(format!("{seconds} {zone}").as_bytes())?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let fraction: f64 = fraction.replacen(',', ".", 1).parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "below a million")]
    let micros = (0.0..1.0)
        .contains(&fraction)
        .then(|| (fraction * 1e6).round() as i64)?;
    in_range(whole + micros)
}

/// Reads `05/17/2015, 10:05:03 AM`: only with AM or PM the month is known to come first.
fn american(text: &str) -> Option<i64> {
    let (day, rest) = text.split_once([',', ' '])?;
    let (clock, half) = rest.trim().split_once(' ')?;
    let mut parts = day.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (hour, rest) = clock.split_once(':')?;
    let hour: u8 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
    let hour = match half {
        "AM" => hour % 12,
        "PM" => hour % 12 + 12,
        _ => return None,
    };
    year_first(&format!("{year}-{month:0>2}-{day:0>2} {hour:02}:{rest}"))
}

/// Reads `20150517100503`.
fn compact(text: &str) -> Option<i64> {
    let (day, clock) = text.split_at_checked(8)?;
    format!("{day}T{clock}Z")
        .parse::<Timestamp>()
        .ok()
        .and_then(|time| in_range(time.as_microsecond()))
}

fn since_1970(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    in_range(i64::try_from(since.as_micros()).ok()?)
}

/// Reads seconds, milliseconds, microseconds or nanoseconds since 1970. The size decides: each unit
/// covers the years from 1973 (1971 for seconds) to 5138.
pub(super) fn number_of(number: f64) -> Option<i64> {
    if !number.is_finite() {
        return None;
    }
    let micros = match number.abs() {
        n if n < 1e11 => number * 1e6,
        n if n < 1e14 => number * 1e3,
        n if n < 1e17 => number,
        _ => number / 1e3,
    };
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    in_range(micros.round() as i64)
}

/// Writes a time as RFC 3339 in UTC, to the second.
pub(crate) fn format_time(micros: i64) -> String {
    Timestamp::from_second(micros.div_euclid(MICROS))
        .map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

fn in_range(micros: i64) -> Option<i64> {
    (0..=LAST).contains(&micros).then_some(micros)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn month(name: &[u8]) -> Option<i64> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = NAMES
        .chunks(3)
        .position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(at + 1).ok()
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days since 1970-01-01, counted in years that begin in March, so that the leap day is
/// the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAY: i64 = 1_431_857_103 * MICROS;

    #[test]
    fn one_moment_is_read_from_every_format() {
        assert_eq!(clf(b"17/May/2015:10:05:03 +0000"), Some(MAY));
        assert_eq!(clf(b"17/may/2015:04:35:03 -0530"), Some(MAY));
        assert_eq!(
            clf(b"7/May/2015:10:05:03 +0000"),
            clf(b"07/May/2015:10:05:03 +0000")
        );
        assert_eq!(text("05/17/2015, 12:05:03 AM"), text("2015-05-17 00:05:03"));
        assert_eq!(text("05/17/2015, 12:05:03 PM"), text("2015-05-17 12:05:03"));
        for moment in [
            "17/May/2015:10:05:03 +0000",
            "[17/May/2015:12:05:03 +0200]",
            "2015-05-17T10:05:03Z",
            "2015-05-17T10:05:03.000+00:00",
            "2015-05-17 10:05:03",
            "2015-05-17T12:05:03+02:00",
            "2015-05-17T12:05:03+0200",
            "2015-05-17 12:05:03 +0200",
            "2015-05-17 10:05:03 +0000 UTC",
            "2015-05-17 10:05:03 UTC",
            "2015-05-17 10:05:03,000",
            "2015/05/17 10:05:03",
            "2015/05/17 10:05:03.000",
            "17/May/2015:10:05:03.000",
            "17/May/2015 10:05:03",
            "150517 10:05:03",
            "05/17/2015, 10:05:03 AM",
            "5/17/2015, 10:05:03 AM",
            "17/May/2015:12:05:03.000 +0200",
            "Sun, 17 May 2015 10:05:03 GMT",
            "20150517100503",
            "1431857103",
            "1431857103.000",
            "1431857103000",
            "1431857103000000",
            "1431857103000000000",
        ] {
            assert_eq!(text(moment), Some(MAY), "{moment}");
        }
        assert_eq!(format_time(MAY), "2015-05-17T10:05:03Z");
    }

    #[test]
    fn a_leap_second_is_the_second_after() {
        assert_eq!(
            clf(b"31/Dec/2016:23:59:60 +0000"),
            clf(b"01/Jan/2017:00:00:00 +0000")
        );
        assert!(text("2016-12-31T23:59:60Z").is_some());
    }

    #[test]
    fn text_that_is_not_a_time_is_refused() {
        for bad in [
            "",
            "-",
            "29/Feb/2015:10:05:03 +0000",
            "17/Mai/2015:10:05:03 +0000",
            "NaN",
            "inf",
            "yesterday",
            "2015-05-17",
            "10:05:03",
            "20151317100503",
            "05/17/2015, 10:05:03",
            "05/17/2015, 13:05:03 PM",
            "159917 10:05:03",
            "9/May",
            "17/May/2015:24:05:03 +0000",
            "-5",
            "1e300",
        ] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn dates_agree_with_the_calendar(seconds in 0..LAST / MICROS) {
            let time = Timestamp::from_second(seconds).unwrap();
            let written = time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
            prop_assert_eq!(clf(written.as_bytes()), Some(seconds * MICROS));
        }
    }
}
