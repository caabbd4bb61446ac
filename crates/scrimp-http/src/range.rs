//! Byte ranges (RFC 9110 §14).

use bytes::Bytes;
use http::{HeaderMap, header};

use crate::list::{digits, line_members};

/// Highest number of ranges in one request. More are refused as an attack (§17.15): the whole
/// representation is sent instead.
pub const MAX_RANGES: usize = 16;

/// A part of a body: its first byte, and the byte after its last.
pub type Span = (u64, u64);

/// Parts of a body that a Range field asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The whole body: a server need not honour the field.
    Whole,
    /// These parts, in the order asked for, none empty and none overlapping.
    Parts(Vec<Span>),
    /// No part that the body has (416).
    Unsatisfiable,
}

/// Reads Range for a body of `length` bytes.
///
/// A field that is repeated, malformed, of another unit, with overlapping ranges or with more than
/// [`MAX_RANGES`] ranges is ignored.
#[must_use]
pub fn ranges(request: &HeaderMap, length: u64) -> Ranges {
    let mut lines = request.get_all(header::RANGE).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => parse(line.as_bytes(), length).unwrap_or(Ranges::Whole),
        _ => Ranges::Whole,
    }
}

/// Returns the Content-Range of a part of a representation of `whole` bytes (§14.4).
#[must_use]
pub fn content_range((first, end): Span, whole: u64) -> String {
    format!("bytes {first}-{}/{whole}", end.saturating_sub(1))
}

/// Returns the Content-Range of a response that has no part, as it has none of those asked for
/// (416).
#[must_use]
pub fn unsatisfied(whole: u64) -> String {
    format!("bytes */{whole}")
}

/// Returns a part of a body, without a copy. What lies past the end is left out.
#[must_use]
pub fn slice(body: &Bytes, (first, end): Span) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).map_or(body.len(), |at| at.min(body.len()));
    body.slice(at(first)..at(end).max(at(first)))
}

fn parse(line: &[u8], length: u64) -> Option<Ranges> {
    let (unit, set) = line.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut parts = Vec::new();
    let mut specs = 0;
    for spec in line_members(set) {
        specs += 1;
        if specs > MAX_RANGES {
            return None;
        }
        match read_spec(spec, length) {
            Spec::Inside(span) => parts.push(span),
            Spec::Outside => {}
            Spec::Malformed => return None,
        }
    }
    if specs == 0 {
        return None;
    }
    // Overlapping ranges multiply the size of the response (§14.2, §17.15).
    let mut sorted = parts.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return None;
    }
    Some(match parts.is_empty() {
        true => Ranges::Unsatisfiable,
        false => Ranges::Parts(parts),
    })
}

/// One range of a set.
enum Spec {
    Inside(Span),
    /// Well formed, but past the end of the body.
    Outside,
    Malformed,
}

fn read_spec(spec: &[u8], length: u64) -> Spec {
    let Some(dash) = spec.iter().position(|&byte| byte == b'-') else {
        return Spec::Malformed;
    };
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    let span = match (digits(first), digits(last)) {
        (None, Some(suffix)) if first.is_empty() => (length.saturating_sub(suffix), length),
        (Some(first), None) if last.is_empty() => (first, length),
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        _ => return Spec::Malformed,
    };
    match span.0 < span.1 {
        true => Spec::Inside(span),
        false => Spec::Outside,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, length: u64) -> Ranges {
        let mut headers = HeaderMap::new();
        headers.insert("range", text.parse().unwrap());
        ranges(&headers, length)
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(read("bytes=0-4", 10), Ranges::Parts(vec![(0, 5)]));
        assert_eq!(read("Bytes=7-", 10), Ranges::Parts(vec![(7, 10)]));
        assert_eq!(read("bytes=-3", 10), Ranges::Parts(vec![(7, 10)]));
        assert_eq!(read("bytes=-30", 10), Ranges::Parts(vec![(0, 10)]));
        assert_eq!(read("bytes=5-99", 10), Ranges::Parts(vec![(5, 10)]));
        // Adjacent ranges do not overlap.
        assert_eq!(
            read("bytes=5-9, 0-4", 10),
            Ranges::Parts(vec![(5, 10), (0, 5)])
        );
    }

    #[test]
    fn a_range_past_the_end_is_unsatisfiable() {
        for text in ["bytes=10-", "bytes=10-20, 99-", "bytes=-0"] {
            assert_eq!(read(text, 10), Ranges::Unsatisfiable, "{text}");
        }
        assert_eq!(read("bytes=0-0,99-", 10), Ranges::Parts(vec![(0, 1)]));
    }

    #[test]
    fn a_field_that_is_malformed_or_overlaps_is_ignored() {
        for text in [
            "bytes=",
            "bytes=,",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=x-5",
            "bytes=5-x",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=-",
            "items=0-4",
            "bytes 0-4",
            "bytes=0-4, 4-5",
            "bytes=0-, -1",
        ] {
            assert_eq!(read(text, 10), Ranges::Whole, "{text}");
        }
    }

    #[test]
    fn the_highest_number_of_ranges_is_served_and_one_more_is_not() {
        let some = |count: usize| {
            let specs: Vec<_> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            read(&format!("bytes={}", specs.join(",")), 100)
        };
        assert!(matches!(some(MAX_RANGES), Ranges::Parts(parts) if parts.len() == MAX_RANGES));
        assert_eq!(some(MAX_RANGES + 1), Ranges::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_inside_the_body_and_do_not_overlap(text in "[0-9, -]{0,40}", length in 0u64..100) {
            if let Ranges::Parts(mut parts) = read(&format!("bytes={text}"), length) {
                parts.sort_unstable();
                prop_assert!(parts.iter().all(|(from, to)| from < to && *to <= length));
                prop_assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            }
        }
    }
}
