//! The header fields of a stored response.
//!
//! A map takes more than a hundred bytes for each field, and most responses of an origin have the
//! same names, and the same values under most of them. So a response shares a map with others like it
//! (its [`Shape`]) and has only those values that are its own. A hit copies the map, which is the
//! fastest way to make one, and puts these values in place.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    own::{self, owned},
    shape::{self, Shape, Shapes},
};

/// Header fields as hits send them, with slots for Age and Cache-Status in front.
pub(crate) struct StoredFields {
    shape: Arc<Shape>,
    /// Lines of the shape behind the slots that have a value in `own`, the first in the lowest bit.
    lines: u64,
    own: Box<[HeaderValue]>,
}

// === impl StoredFields ===

impl StoredFields {
    /// Copies fields, without Age and Cache-Status. Without `shapes`, they share nothing.
    pub(crate) fn new(headers: &HeaderMap, shapes: Option<&Shapes>) -> Self {
        let lines = shape::arranged(headers);
        let Some(shape) = shapes.and_then(|shapes| shapes.of(&lines)) else {
            let values = lines.iter().map(|(_, value)| *value);
            return Self {
                shape: Arc::new(Shape::alone(&lines, owned(values))),
                lines: 0,
                own: Box::default(),
            };
        };
        let differs = |(known, line): &(&HeaderValue, &shape::Line<'_>)| {
            *known != line.1 || line.1.is_sensitive()
        };
        let pairs = || shape.values().zip(&lines);
        let bits = pairs().enumerate();
        let bits = bits.filter(|(_, pair)| differs(pair));
        Self {
            lines: bits.fold(0, |bits, (at, _)| bits | 1 << at),
            own: owned(pairs().filter(differs).map(|(_, line)| line.1)),
            shape,
        }
    }

    /// Returns the fields with these values in the slots.
    #[inline]
    pub(crate) fn sent(&self, age: HeaderValue, cache_status: HeaderValue) -> HeaderMap {
        let mut fields = self.shape.fields().clone();
        let mut values = fields.values_mut();
        // Not in a loop: these are moved once.
        if let Some(slot) = values.next() {
            *slot = age;
        }
        if let Some(slot) = values.next() {
            *slot = cache_status;
        }
        let (mut own, mut lines) = (self.own.iter(), self.lines);
        while lines != 0
            && let Some(value) = values.next()
        {
            if lines & 1 != 0
                && let Some(own) = own.next()
            {
                *value = own.clone();
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

    /// Returns the names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.shape.fields().keys()
    }

    /// Iterates over all lines, with placeholders in the slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let (mut own, mut lines) = (self.own.iter(), self.lines << shape::SLOTS);
        self.shape.fields().iter().map(move |(name, known)| {
            let is_own = lines & 1 != 0;
            lines >>= 1;
            let own = if is_own { own.next() } else { None };
            (name, own.unwrap_or(known))
        })
    }

    /// Returns the first line of a field.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut lines = self.iter();
        lines.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns the bytes on the heap that are this response's alone.
    pub(crate) fn heap_size(&self) -> usize {
        self.shape.own_size() + own::size(&self.own)
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
            assert_eq!(fields.get(&http::header::ETAG), page(n).get("etag"));
            assert_eq!(fields.get(&http::header::SERVER), page(n).get("server"));
            assert_eq!(fields.get(&http::header::VARY), None);
        }
        let cookies = |n| StoredFields::new(&page(n), Some(&shapes)).to_map();
        let lines = cookies(9);
        let lines: Vec<_> = lines.get_all("set-cookie").iter().collect();
        assert_eq!(lines, ["a=9", "b=2"]);
    }

    #[test]
    fn values_are_of_any_bytes_and_secrets_stay_marked_and_with_their_response() {
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
        let shape = shapes.of(&shape::arranged(&page)).expect("it is known");
        assert!(shape.values().all(|value| value != "s"));
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
        assert!(sizes[3] < 100, "{sizes:?}");
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
