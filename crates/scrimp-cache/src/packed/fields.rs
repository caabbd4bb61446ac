//! The header fields of a stored response.
//!
//! A map takes more than a hundred bytes for each field, and most responses of an origin have the
//! same names, and the same values under most of them. So a response shares a map with others like it
//! (its [`Shape`]) and has only those values that are its own, as one text: a value takes forty bytes
//! besides its text. A hit copies the map, which is the fastest way to make one, and puts slices of
//! the text in place.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    own::{self, owned},
    shape::{self, Line, Shape, Shapes},
};

/// Header fields as hits send them, with slots for Age and Cache-Status in front.
pub(crate) struct StoredFields {
    pub(super) shape: Arc<Shape>,
    /// Lines of the shape behind the slots that have a value in `own`, the first in the lowest bit.
    pub(super) lines: u64,
    /// Their values, each after its length in two bytes.
    pub(super) own: Bytes,
}

/// Longest value that a response has in its own text.
const LONGEST: usize = u16::MAX as usize;

/// Bytes of the length before a value.
const PREFIX: usize = size_of::<u16>();

/// A stored line: its name, its value, and whether the value is sensitive.
#[cfg(any(test, feature = "codec"))]
pub(crate) type StoredLine<'a> = (&'a HeaderName, &'a [u8], bool);

/// A part of a response's own text that is not read yet.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    all: &'a Bytes,
    at: usize,
}

// === impl StoredFields ===

impl StoredFields {
    /// Copies fields, without Age and Cache-Status. Without `shapes`, they share nothing.
    pub(crate) fn new(headers: &HeaderMap, shapes: Option<&Shapes>) -> Self {
        let lines = shape::arranged(headers);
        let shared = shapes.filter(|_| lines.iter().all(is_plain));
        let Some(shape) = shared.and_then(|shapes| shapes.of(&lines)) else {
            let values = lines.iter().map(|(_, value)| *value);
            return Self {
                shape: Arc::new(Shape::alone(&lines, owned(values))),
                lines: 0,
                own: Bytes::new(),
            };
        };
        let own = || {
            let pairs = shape.values().zip(&lines).enumerate();
            let own = pairs.filter(|(_, (known, line))| *known != line.1);
            own.map(|(at, (_, line))| (at, line.1.as_bytes()))
        };
        let (lines, own) = joined(own);
        Self { shape, lines, own }
    }

    /// Returns the fields with these values in the slots.
    #[inline]
    pub(crate) fn sent(&self, age: HeaderValue, cache_status: HeaderValue) -> HeaderMap {
        let mut fields = self.shape.fields.clone();
        let mut values = fields.values_mut();
        // Not in a loop: these are moved once.
        if let Some(slot) = values.next() {
            *slot = age;
        }
        if let Some(slot) = values.next() {
            *slot = cache_status;
        }
        let (mut own, mut lines) = (self.texts(), self.lines);
        while lines != 0
            && let Some(value) = values.next()
        {
            if lines & 1 != 0
                && let Some(own) = own.next_value()
            {
                *value = own;
            }
            lines >>= 1;
        }
        fields
    }

    /// Returns the fields with placeholders in the slots.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let [age, cache_status] = shape::placeholders();
        self.sent(age, cache_status)
    }

    /// Returns the number of their names.
    #[cfg(feature = "codec")]
    pub(crate) fn count_names(&self) -> usize {
        self.shape.fields.keys_len()
    }

    /// Returns the names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.shape.fields.keys()
    }

    /// Iterates over all lines, with placeholders in the slots.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = StoredLine<'_>> {
        let (mut own, mut lines) = (self.texts(), self.lines << shape::SLOTS);
        self.shape.fields.iter().map(move |(name, known)| {
            let is_own = lines & 1 != 0;
            lines >>= 1;
            match if is_own { own.next() } else { None } {
                Some(own) => (name, own, false),
                None => (name, known.as_bytes(), known.is_sensitive()),
            }
        })
    }

    /// Returns the first line of a field.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<HeaderValue> {
        let values = self.shape.values().zip(self.shape.lines());
        let (mut own, mut lines) = (self.texts(), self.lines);
        for (known, (line, _)) in values {
            let is_own = lines & 1 != 0;
            lines >>= 1;
            if *line == *name {
                return match is_own {
                    true => own.next_value(),
                    false => Some(known.clone()),
                };
            }
            if is_own {
                own.next();
            }
        }
        None
    }

    /// Returns the bytes on the heap that are this response's alone.
    pub(crate) fn heap_size(&self) -> usize {
        let own = match self.own.len() {
            0 => 0,
            length => length + own::SHARED,
        };
        self.shape.own_size() + own
    }

    pub(super) fn texts(&self) -> Texts<'_> {
        Texts {
            all: &self.own,
            at: 0,
        }
    }
}

/// Joins values of lines with these numbers to one text, and returns the bits of the lines.
pub(super) fn joined<'a, I: Iterator<Item = (usize, &'a [u8])>>(
    values: impl Fn() -> I,
) -> (u64, Bytes) {
    let size = values().map(|(_, text)| PREFIX + text.len()).sum();
    let mut texts = BytesMut::with_capacity(size);
    let mut lines = 0;
    for (at, text) in values() {
        lines |= 1 << at;
        // No value is longer.
        texts.put_u16(text.len() as u16);
        texts.put_slice(text);
    }
    (lines, texts.freeze())
}

/// Returns whether a line's value can be part of a text.
pub(super) fn is_plain((_, value): &Line<'_>) -> bool {
    value.len() <= LONGEST && !value.is_sensitive()
}

// === impl Texts ===

impl Texts<'_> {
    /// Returns where the next value lies.
    #[inline]
    pub(super) fn advance(&mut self) -> Option<std::ops::Range<usize>> {
        let prefix = self.all.get(self.at..)?.first_chunk()?;
        let start = self.at + PREFIX;
        self.at = start + usize::from(u16::from_be_bytes(*prefix));
        Some(start..self.at)
    }

    /// Returns the next value as a slice of the memory of all.
    #[inline]
    fn next_value(&mut self) -> Option<HeaderValue> {
        let range = self.advance()?;
        let value = HeaderValue::from_maybe_shared(self.all.slice(range));
        Some(value.expect("the bytes of a valid value"))
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let range = self.advance()?;
        self.all.get(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        map
    }

    /// Returns what is sent for fields, without the slots.
    fn sent(fields: &StoredFields) -> HeaderMap {
        let mut map = fields.to_map();
        map.remove("age").expect("a slot");
        map.remove("cache-status").expect("a slot");
        map
    }

    #[test]
    fn every_line_comes_back_shared_or_not() {
        let shapes = Shapes::default();
        let page = |n: u32| {
            let (tag, number, cookie) = (format!("\"{n}\""), n.to_string(), format!("a={n}"));
            headers(&[
                ("content-type", "text/html"),
                ("set-cookie", &cookie),
                ("etag", &tag),
                ("x-number", &number),
                ("set-cookie", "b=2"),
                ("x-empty", ""),
                ("server", "one of a kind"),
            ])
        };
        for n in 0..5 {
            let fields = StoredFields::new(&page(n), Some(&shapes));
            assert_eq!(sent(&fields), page(n), "{n}");
            let get = |name| fields.get(&name);
            assert_eq!(get(http::header::ETAG).as_ref(), page(n).get("etag"));
            assert_eq!(get(http::header::SERVER).as_ref(), page(n).get("server"));
            let map = fields.to_map();
            let lines = map
                .iter()
                .map(|(name, value)| (name, value.as_bytes(), false));
            assert!(fields.iter().eq(lines));
            assert_eq!(fields.get(&http::header::VARY), None);
        }
        let cookies = |n| StoredFields::new(&page(n), Some(&shapes)).to_map();
        let lines = cookies(9);
        let lines: Vec<_> = lines.get_all("set-cookie").iter().collect();
        assert_eq!(lines, ["a=9", "b=2"]);
    }

    #[test]
    fn values_are_of_any_bytes_and_a_response_with_a_secret_shares_nothing() {
        let shapes = Shapes::default();
        let mut page = headers(&[("x-a", "1")]);
        page.append("x-bytes", HeaderValue::from_bytes(b"\xfc").unwrap());
        let mut secret = HeaderValue::from_static("s");
        secret.set_sensitive(true);
        page.append("x-secret", secret);
        for _ in 0..4 {
            let fields = StoredFields::new(&page, Some(&shapes));
            assert_eq!(sent(&fields), page);
            assert!(fields.to_map()["x-secret"].is_sensitive());
        }
        // Nothing of it was noted: another response that is like it would be the first one.
        assert!(shapes.of(&shape::arranged(&page)).is_none());
    }

    #[test]
    fn the_slots_are_filled() {
        let fields = StoredFields::new(&headers(&[("etag", "\"1\"")]), None);
        let map = fields.sent("7".parse().unwrap(), "scrimp; hit".parse().unwrap());
        let lines: Vec<_> = map.values().collect();
        assert_eq!(lines, ["7", "scrimp; hit", "\"1\""]);
    }

    #[test]
    fn a_response_like_others_takes_memory_for_its_own_values_only() {
        let shapes = Shapes::default();
        let page = |n: u32| {
            let tag = format!("\"{n:08}\"");
            let common: String = "c".repeat(40);
            headers(&[
                ("content-type", "application/json"),
                ("etag", &tag),
                ("x-common", &common),
                ("x-served-by", "node"),
            ])
        };
        let sizes: Vec<usize> = (0..4)
            .map(|n| StoredFields::new(&page(n), Some(&shapes)).heap_size())
            .collect();
        assert!(sizes[0] > 500, "{sizes:?}");
        assert_eq!(
            sizes[3],
            PREFIX + "\"00000003\"".len() + own::SHARED,
            "{sizes:?}"
        );
    }

    #[test]
    fn a_value_that_is_longer_than_a_text_can_say_is_stored_all_the_same() {
        let shapes = Shapes::default();
        for length in [LONGEST, LONGEST + 1, 100 * LONGEST] {
            let page = headers(&[("etag", "\"1\""), ("x-long", &"v".repeat(length))]);
            for _ in 0..3 {
                assert_eq!(sent(&StoredFields::new(&page, Some(&shapes))), page);
            }
        }
    }

    #[test]
    fn more_lines_than_bits_are_stored_all_the_same() {
        let shapes = Shapes::default();
        let many: Vec<_> = (0..100)
            .map(|n| (format!("x-{n}"), n.to_string()))
            .collect();
        let many: Vec<_> = many.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        for _ in 0..3 {
            let fields = StoredFields::new(&headers(&many), Some(&shapes));
            assert_eq!(sent(&fields), headers(&many));
        }
    }
}
