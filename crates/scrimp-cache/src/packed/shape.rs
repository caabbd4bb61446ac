//! Header fields that many responses have in common.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use scrimp_http::representation::is_particular;
use smallvec::SmallVec;

use super::{own, pool::Pool, value, weight};

/// Largest number of lines of a shared shape: each has a bit in a [`StoredFields`](super::StoredFields).
pub(super) const MOST_LINES: usize = 64 - SLOTS;

/// Largest size of a shared shape, in bytes.
pub(super) const MOST_BYTES: usize = 4 << 10;

/// Longest value that a shape has of the response it was made from.
pub(super) const LONGEST: usize = 64;

/// Slots in front of all other fields.
pub(super) const SLOTS: usize = 2;

/// A line of a response.
pub(super) type Line<'a> = (&'a HeaderName, &'a HeaderValue);

/// The fields of a kind of response: all names, and the values that most of them have.
pub(crate) struct Shape {
    pub(super) fields: HeaderMap,
    /// Flag that other responses may have it too.
    is_shared: bool,
    /// Its bytes, if it was read from such and is shared.
    #[cfg(feature = "codec")]
    form: Box<[u8]>,
}

/// The shapes of a layer's responses.
#[derive(Clone, Default)]
pub(crate) struct Shapes(Arc<Pool<Shape>>);

/// Returns the lines of a response in the order of shapes: those whose values are mostly its own come
/// first, so that a hit is done with them soon. Lines of one name keep their order.
pub(super) fn arranged(headers: &HeaderMap) -> SmallVec<[Line<'_>; 24]> {
    let is_slot = |name: &HeaderName| *name == header::AGE || *name == header::CACHE_STATUS;
    let lines = || headers.iter().filter(|(name, _)| !is_slot(name));
    let particular = lines().filter(|(name, _)| is_particular(name));
    let others = lines().filter(|(name, _)| !is_particular(name));
    particular.chain(others).collect()
}

/// Returns what the slots hold until a response is sent.
pub(super) fn placeholders() -> [HeaderValue; SLOTS] {
    ["0", ""].map(HeaderValue::from_static)
}

/// Returns a value that others may share. `None` if it is probably, or should be, one response's.
fn common_value(name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
    if is_particular(name) || value.is_sensitive() || value.len() > LONGEST {
        return None;
    }
    let copy = || HeaderValue::from_bytes(value.as_bytes()).ok();
    value::shared(value).or_else(copy)
}

/// Returns the number of names of arranged lines.
fn distinct(lines: &[Line<'_>]) -> usize {
    let changes = lines.windows(2).filter(|pair| pair[0].0 != pair[1].0);
    changes.count() + usize::from(!lines.is_empty())
}

// === impl Shape ===

impl Shape {
    /// Makes the shape of one response, with these copies of its values.
    pub(super) fn alone(lines: &[Line<'_>], values: Box<[HeaderValue]>) -> Self {
        let names = lines.iter().map(|(name, _)| *name);
        Self::new(distinct(lines), names.zip(values.into_vec()), false)
    }

    /// Makes the shape of responses like this one.
    fn common(lines: &[Line<'_>]) -> Self {
        let none = || HeaderValue::from_static("");
        let names = distinct(lines);
        let lines = lines
            .iter()
            .map(|(name, value)| (*name, common_value(name, value).unwrap_or_else(none)));
        Self::new(names, lines, true)
    }

    fn new<'a>(
        names: usize,
        lines: impl Iterator<Item = (&'a HeaderName, HeaderValue)>,
        is_shared: bool,
    ) -> Self {
        // A map has room for names, and more lines of them than it can have names.
        let mut fields = HeaderMap::try_with_capacity(names + SLOTS).unwrap_or_default();
        let [age, cache_status] = placeholders();
        fields.insert(header::AGE, age);
        fields.insert(header::CACHE_STATUS, cache_status);
        for (name, value) in lines {
            // A response with more names than a map can hold besides the slots is not stored.
            let _ = fields.try_append(name.clone(), value);
        }
        // A copy has no room to spare.
        Self::of(fields.clone(), is_shared)
    }

    fn of(fields: HeaderMap, is_shared: bool) -> Self {
        Self {
            fields,
            is_shared,
            #[cfg(feature = "codec")]
            form: Box::default(),
        }
    }

    /// Makes a shape of lines that were written. `None` if these are more names than a response may have.
    #[cfg(feature = "codec")]
    pub(super) fn written(
        lines: impl ExactSizeIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Option<Self> {
        // There may be more lines than a map has room for names.
        let size = lines.len() + SLOTS;
        let mut fields = HeaderMap::try_with_capacity(size).unwrap_or_default();
        let [age, cache_status] = placeholders();
        fields.insert(header::AGE, age);
        fields.insert(header::CACHE_STATUS, cache_status);
        for (name, value) in lines {
            let value = value::shared(&value).unwrap_or(value);
            fields.try_append(name, value).ok()?;
        }
        Some(Self::of(fields, false))
    }

    /// Lets other responses with these bytes have it too. `None` if it is too large for that.
    #[cfg(feature = "codec")]
    pub(super) fn known_by(self, form: &[u8]) -> Option<Self> {
        let fits = self.fields.len() <= MOST_LINES && self.own_size() + form.len() <= MOST_BYTES;
        fits.then(|| Self {
            is_shared: true,
            form: form.into(),
            ..self
        })
    }

    /// Returns the bytes it is known by.
    #[cfg(feature = "codec")]
    pub(super) fn form(&self) -> &[u8] {
        &self.form
    }

    #[cfg(feature = "codec")]
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the lines behind the slots.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.fields.iter().skip(SLOTS)
    }

    /// Returns their values.
    pub(super) fn values(&self) -> impl Iterator<Item = &HeaderValue> {
        self.lines().map(|(_, value)| value)
    }

    /// Returns whether these lines have the same names.
    fn has_names_of(&self, lines: &[Line<'_>]) -> bool {
        let names = self.lines().map(|(name, _)| name);
        names.eq(lines.iter().map(|(name, _)| *name))
    }

    /// Returns its bytes, if they are for one response alone.
    pub(super) fn own_size(&self) -> usize {
        match self.is_shared {
            true => 0,
            false => self.size() + own::texts(self.values()),
        }
    }

    /// Returns its bytes without the texts of values.
    fn size(&self) -> usize {
        // With the two counts of an `Arc`.
        size_of::<Self>() + 2 * size_of::<usize>() + weight::map_size(&self.fields)
    }
}

// === impl Shapes ===

impl Shapes {
    /// Forgets the shapes that no response has.
    pub(super) fn tidy(&self) {
        self.0.tidy();
    }

    /// Returns the shape of responses like this one, if it is a common one.
    pub(super) fn of(&self, lines: &[Line<'_>]) -> Option<Arc<Shape>> {
        if lines.len() > MOST_LINES {
            return None;
        }
        self.0.find(
            self.kind(lines),
            |shape| shape.has_names_of(lines),
            || {
                let shape = Shape::common(lines);
                let texts: usize = shape.values().map(HeaderValue::len).sum();
                (shape.size() + texts <= MOST_BYTES).then_some(shape)
            },
        )
    }

    /// Returns a hash of what responses of one shape have in common: names, and widely used values.
    fn kind(&self, lines: &[Line<'_>]) -> u64 {
        let mut hasher = self.0.hasher().build_hasher();
        for (name, value) in lines {
            name.hash(&mut hasher);
            if !is_particular(name) && value::shared(value).is_some() {
                value.hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shapes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_more_lines_than_a_map_can_have_names() {
        let mut headers = HeaderMap::new();
        for _ in 0..30_000 {
            headers.append(header::LINK, HeaderValue::from_static("</a>"));
        }
        headers.append(header::ETAG, HeaderValue::from_static("\"1\""));
        let lines = arranged(&headers);
        assert_eq!(distinct(&lines), 2);
        let values = lines.iter().map(|(_, value)| (*value).clone()).collect();
        let shape = Shape::alone(&lines, values);
        assert!(shape.lines().eq(lines.iter().copied()));
    }
    #[test]
    fn as_many_names_as_a_map_can_hold_cause_no_panic() {
        let mut headers = HeaderMap::new();
        for n in 0..100_000 {
            let name = format!("x-{n}").parse::<HeaderName>().expect("a name");
            if headers
                .try_append(name, HeaderValue::from_static("v"))
                .is_err()
            {
                break;
            }
        }
        let lines = arranged(&headers);
        assert!(lines.len() > 24_000);
        let values = lines.iter().map(|(_, value)| (*value).clone()).collect();
        let shape = Shape::alone(&lines, values);
        assert!(shape.lines().count() + SLOTS >= lines.len());
    }
}
