//! Byte ranges of a complete stored response (RFC 9110 §14).

use http::{HeaderMap, HeaderValue, header};

use super::{conditional::strong_match, date, freshness::Policy};

/// More ranges than this in one request are refused as an attack (§17.15): the whole
/// response is sent instead.
const MAX_RANGES: usize = 16;

/// A stretch of the body: first byte, and the byte behind the last.
pub(crate) type Span = (u64, u64);

/// What a Range field asks of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// Nothing a server has to honour: send everything.
    Whole,
    /// These stretches, in the order asked for, none empty.
    Parts(Vec<Span>),
    /// Nothing that the body has (416).
    Unsatisfiable,
}

/// Reads Range for a body of `length` bytes, honouring If-Range.
pub(crate) fn read(
    request: &HeaderMap,
    stored: &HeaderMap,
    policy: &Policy,
    length: u64,
) -> Ranges {
    let mut lines = request.get_all(header::RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Ranges::Whole;
    };
    if !if_range_holds(request.get(header::IF_RANGE), stored, policy) {
        return Ranges::Whole;
    }
    parse(line.as_bytes(), length).unwrap_or(Ranges::Whole)
}

/// Compares If-Range strongly (§13.1.5). Absent, it holds.
fn if_range_holds(condition: Option<&HeaderValue>, stored: &HeaderMap, policy: &Policy) -> bool {
    let Some(condition) = condition else {
        return true;
    };
    if condition.as_bytes().starts_with(b"\"") || condition.as_bytes().starts_with(b"W/") {
        return policy
            .etag
            .as_ref()
            .is_some_and(|etag| strong_match(condition, etag));
    }
    // A date is a strong validator only if the origin had a second to make another version
    // in between (§8.8.2.2).
    let strong = policy.last_modified.is_some_and(|modified| {
        date::field(stored, &header::DATE)
            .and_then(|date| date.duration_since(modified).ok())
            .is_some_and(|gap| gap.as_secs() >= 1)
    });
    strong && date::value(condition) == policy.last_modified
}

/// `None`: not bytes, or not well formed; then the field is ignored.
fn parse(line: &[u8], length: u64) -> Option<Ranges> {
    let (unit, set) = line.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut parts = Vec::new();
    let mut specs = 0;
    for spec in set.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if spec.is_empty() {
            continue;
        }
        specs += 1;
        if specs > MAX_RANGES {
            return None;
        }
        parts.extend(span(spec, length)?);
    }
    if specs == 0 {
        return None;
    }
    // Overlapping ranges multiply the answer; nobody needs them (§14.2, §17.15).
    let mut sorted = parts.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return None;
    }
    Some(if parts.is_empty() {
        Ranges::Unsatisfiable
    } else {
        Ranges::Parts(parts)
    })
}

/// One range. Outer `None`: not well formed. Inner `None`: well formed, outside the body.
fn span(spec: &[u8], length: u64) -> Option<Option<Span>> {
    let dash = spec.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        let suffix = number(last)?;
        let start = length.saturating_sub(suffix);
        return Some((start < length).then_some((start, length)));
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        length
    } else {
        number(last)?.checked_add(1)?
    };
    if !last.is_empty() && end <= first {
        return None;
    }
    Some((first < length).then_some((first, end.min(length))))
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(line: &str, length: u64) -> Ranges {
        parse(line.as_bytes(), length).unwrap_or(Ranges::Whole)
    }

    #[test]
    fn ranges_are_cut_to_the_body() {
        assert_eq!(parts("bytes=0-1", 10), Ranges::Parts(vec![(0, 2)]));
        assert_eq!(parts("bytes=5-", 10), Ranges::Parts(vec![(5, 10)]));
        assert_eq!(parts("BYTES=-3", 10), Ranges::Parts(vec![(7, 10)]));
        assert_eq!(parts("bytes=-99", 10), Ranges::Parts(vec![(0, 10)]));
        assert_eq!(
            parts("bytes=8-99, 0-0", 10),
            Ranges::Parts(vec![(8, 10), (0, 1)])
        );
        assert_eq!(parts("bytes=99-, 0-0", 10), Ranges::Parts(vec![(0, 1)]));
    }

    #[test]
    fn what_the_body_does_not_have_is_unsatisfiable() {
        assert_eq!(parts("bytes=10-", 10), Ranges::Unsatisfiable);
        assert_eq!(parts("bytes=-0", 10), Ranges::Unsatisfiable);
        assert_eq!(parts("bytes=0-", 0), Ranges::Unsatisfiable);
    }

    #[test]
    fn what_is_malformed_or_abusive_gets_the_whole_response() {
        for line in [
            "bytes=",
            "bytes=a-b",
            "bytes=5-2",
            "lines=0-1",
            "bytes=0",
            "bytes=-",
            ",",
        ] {
            assert_eq!(parts(line, 10), Ranges::Whole, "{line}");
        }
        assert_eq!(parts("bytes=0-5, 3-8", 10), Ranges::Whole);
        let many = format!(
            "bytes={}",
            (0..17).map(|n| format!("{n}-{n},")).collect::<String>()
        );
        assert_eq!(parts(&many, 100), Ranges::Whole);
    }

    proptest! {
        #[test]
        fn spans_lie_inside_the_body_and_are_not_empty(line in "bytes=[0-9,\\- ]{0,40}", length in 0u64..200) {
            if let Ranges::Parts(parts) = parts(&line, length) {
                prop_assert!(!parts.is_empty());
                for (start, end) in parts {
                    prop_assert!(start < end && end <= length);
                }
            }
        }
    }
}
