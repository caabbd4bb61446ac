//! Stored header fields as they are written, for other processes or a later one.
//!
//! The lines that responses of one kind have in common are written first, as the same bytes in all of them.
//! So a process that has read two of a kind need not read these bytes again: their shape is known.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use scrimp_http::{media_type::is_stream_type, representation::is_particular, stream::Pieces};
use smallvec::SmallVec;

use super::{
    StoredFields,
    fields::{StoredLine, is_plain, joined},
    pool::Pool,
    shape::{self, Shape},
};

/// Header fields in the parts that they are written in.
pub(crate) struct WrittenFields<'a> {
    /// The lines of the shape. Those that the response has a value of its own for are empty.
    pub(crate) shape: Vec<StoredLine<'a>>,
    /// Lines with a value of the response's own, the first in the lowest bit.
    pub(crate) lines: u64,
    /// Their values, each after its length in two bytes, big-endian.
    pub(crate) own: Bytes,
}

/// The shapes that were read, by their bytes.
#[derive(Default)]
pub(crate) struct KnownShapes(Pool<Shape>);

// === impl StoredFields ===

impl StoredFields {
    /// Returns the parts that the fields are written in.
    pub(crate) fn to_written(&self) -> WrittenFields<'_> {
        let lines = self.shape.lines();
        if self.lines != 0 || self.shape.is_shared() {
            let is_own = |at: usize| at < 64 && self.lines >> at & 1 != 0;
            let shape = lines
                .enumerate()
                .map(|(at, (name, value))| match is_own(at) {
                    true => (name, &b""[..], false),
                    false => (name, value.as_bytes(), value.is_sensitive()),
                });
            return WrittenFields {
                shape: shape.collect(),
                lines: self.lines,
                own: self.own.clone(),
            };
        }
        // It was stored as the only one of its kind. Readers may know others.
        let lines: SmallVec<[_; 24]> = lines.collect();
        let shares = lines.len() <= shape::MOST_LINES && lines.iter().all(is_plain);
        let is_own = |(name, value): &shape::Line<'_>| {
            shares && (is_particular(name) || value.len() > shape::LONGEST)
        };
        let (bits, own) = joined(|| {
            let own = lines.iter().enumerate().filter(|(_, line)| is_own(line));
            own.map(|(at, (_, value))| (at, value.as_bytes()))
        });
        let shape = lines.iter().map(|line| match is_own(line) {
            true => (line.0, &b""[..], false),
            false => (line.0, line.1.as_bytes(), line.1.is_sensitive()),
        });
        WrittenFields {
            shape: shape.collect(),
            lines: bits,
            own,
        }
    }

    /// Returns fields from the parts that they were written in. `None` if the parts do not belong
    /// together.
    pub(crate) fn from_written(shape: Arc<Shape>, lines: u64, own: Bytes) -> Option<Self> {
        let fields = Self { shape, lines, own };
        let (mut texts, mut end) = (fields.texts(), 0);
        for _ in 0..lines.count_ones() {
            let range = texts.advance()?;
            end = range.end;
            // All bytes are compared, as that is quicker than to stop at one.
            let value = fields.own.get(range)?.iter();
            if !value.fold(true, |all, &byte| all & is_of_value(byte)) {
                return None;
            }
        }
        let known = fields.shape.fields.len() - shape::SLOTS;
        let in_shape = known >= 64 || lines >> known == 0;
        (end == fields.own.len() && in_shape).then_some(fields)
    }

    /// Reports whether there is a line of this name.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.shape.fields.contains_key(name)
    }

    /// Returns the pieces of the content, if it is a stream. The fields were read from bytes: their shape has no
    /// value in the lines that they have one of their own for.
    pub(crate) fn pieces(&self) -> Option<Pieces> {
        let kind = match self.shape.fields.get(header::CONTENT_TYPE)? {
            known if known.is_empty() => &self.get(&header::CONTENT_TYPE)?,
            known => known,
        };
        match is_stream_type(kind) {
            true => Pieces::of(&self.to_map()),
            false => None,
        }
    }
}

/// Reports whether a byte may be part of a field value, as `http` has it.
fn is_of_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

// === impl KnownShapes ===

impl KnownShapes {
    /// Forgets the shapes that no response has.
    pub(crate) fn tidy(&self) {
        self.0.tidy();
    }

    /// Returns the shape with this written form. If it is not known, it is made of the lines that
    /// `read` returns.
    pub(crate) fn of<E, I>(
        &self,
        bytes: &[u8],
        read: impl Fn() -> Result<I, E>,
        too_many: impl Fn() -> E,
    ) -> Result<Arc<Shape>, E>
    where
        I: ExactSizeIterator<Item = (HeaderName, HeaderValue)>,
    {
        let make = || Shape::written(read()?).ok_or_else(&too_many);
        // Two forms with one checksum do not share: the second is made each time.
        let known = self.0.find(
            u64::from(crc32fast::hash(bytes)),
            |known| *known.form() == *bytes,
            || make().ok()?.known_by(bytes),
        );
        known.map_or_else(|| make().map(Arc::new), Ok)
    }
}

impl fmt::Debug for KnownShapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownShapes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::packed::Shapes;

    fn page(tag: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        headers.insert("etag", tag.parse().unwrap());
        headers.insert("x-served-by", HeaderValue::from_static("node"));
        headers
    }

    /// Writes fields and reads them back, with the text of the shape in place of its bytes.
    fn read_back(known: &KnownShapes, fields: &StoredFields) -> StoredFields {
        let written = fields.to_written();
        let lines = written.shape.iter();
        let lines: Vec<_> = lines
            .map(|(name, value, _)| {
                let value = HeaderValue::from_bytes(value).unwrap();
                ((*name).clone(), value)
            })
            .collect();
        let bytes = format!("{:?}", written.shape);
        let shape = known.of(bytes.as_bytes(), || Ok(lines.clone().into_iter()), || ());
        StoredFields::from_written(shape.unwrap(), written.lines, written.own).unwrap()
    }

    #[test]
    fn fields_come_back_and_responses_of_one_kind_share_a_shape() {
        let known = KnownShapes::default();
        for shapes in [None, Some(Shapes::default())] {
            let read: Vec<_> = (0..4)
                .map(|number| {
                    let page = page(&format!("\"{number}\""));
                    let fields = StoredFields::new(&page, shapes.as_ref());
                    let read = read_back(&known, &fields);
                    assert_eq!(read.to_map(), fields.to_map());
                    // What was read is written like what it was read from.
                    let (again, first) = (read.to_written(), fields.to_written());
                    assert_eq!(again.shape, first.shape);
                    assert_eq!((again.lines, again.own), (first.lines, first.own));
                    read
                })
                .collect();
            assert!(Arc::ptr_eq(&read[2].shape, &read[3].shape));
        }
    }

    #[test]
    fn shapes_that_responses_have_stay_and_more_of_them_are_not_shared() {
        let known = KnownShapes::default();
        let kind = |number: u32| {
            let mut page = page("\"1\"");
            page.insert("x-kind", number.to_string().parse().unwrap());
            read_back(&known, &StoredFields::new(&page, None))
        };
        let held: Vec<_> = (0..6_400)
            .map(|number| [kind(number), kind(number), kind(number)])
            .collect();
        let shared = held
            .iter()
            .filter(|[_, a, b]| Arc::ptr_eq(&a.shape, &b.shape));
        assert!((32..=64).contains(&shared.count()));
        // All others weigh what they have.
        let weighs = |fields: &&StoredFields| fields.heap_size() > 500;
        assert!(held.iter().flatten().filter(weighs).count() >= 3 * 6_400 - 2 * 64);
    }

    #[test]
    fn the_bytes_of_values_are_those_that_http_accepts() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_of_value(byte), HeaderValue::from_bytes(&[byte]).is_ok());
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let known = KnownShapes::default();
        let fields = StoredFields::new(&page("\"1\""), None);
        let WrittenFields { lines, own, .. } = fields.to_written();
        assert_eq!((lines, &own[..]), (1, &b"\x00\x03\"1\""[..]));
        let shape = &read_back(&known, &fields).shape;
        let read = |lines, own: &'static [u8]| {
            StoredFields::from_written(Arc::clone(shape), lines, Bytes::from_static(own))
        };
        assert!(read(1, b"\x00\x01x").is_some());
        for (lines, own) in [
            (0, &b"\x00\x01x"[..]),
            (1, b""),
            (1, b"\x00\x02x"),
            (1, b"\x00\x01xy"),
            (1, b"\x00\x01\n"),
            (8, b"\x00\x01x"),
            (1 << 63, b"\x00\x01x"),
            (3, b"\x00\x01x"),
        ] {
            assert!(read(lines, own).is_none(), "{lines} {own:?}");
        }
    }
}
