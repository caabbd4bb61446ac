//! Header fields in encoded form.

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::DecodeError;
use crate::{entry::MOST_NAMES, packed::StoredLine};

/// Name, value, and whether the value is kept out of compression and logs.
pub(super) type Field<'a> = (&'a str, &'a [u8], bool);

pub(super) fn fields<'a>(lines: impl Iterator<Item = StoredLine<'a>>) -> Vec<Field<'a>> {
    let lines = lines.map(|(name, value, sensitive)| (name.as_str(), value, sensitive));
    lines.collect()
}

/// Returns the lines of a map.
pub(super) fn header_lines(headers: &HeaderMap) -> impl Iterator<Item = StoredLine<'_>> {
    let lines = headers.iter();
    lines.map(|(name, value)| (name, value.as_bytes(), value.is_sensitive()))
}

/// Returns fields with values of their own.
pub(super) fn header_map(fields: Vec<Field<'_>>) -> Result<HeaderMap, DecodeError> {
    // There may be more lines than a map has room for names.
    let mut headers = HeaderMap::try_with_capacity(fields.len()).unwrap_or_default();
    for (name, value) in lines_of(fields)? {
        headers.try_append(name, value).map_err(|_| too_many())?;
    }
    match headers.keys_len() > MOST_NAMES {
        true => Err(too_many()),
        false => Ok(headers),
    }
}

/// Returns the lines of a shape from its bytes.
pub(super) fn shape_lines(
    bytes: &[u8],
) -> Result<std::vec::IntoIter<(HeaderName, HeaderValue)>, DecodeError> {
    let fields: Vec<Field<'_>> =
        postcard::from_bytes(bytes).map_err(|_| DecodeError::Damaged("fields"))?;
    lines_of(fields)
}

/// Returns lines with values of their own, which are slices of one text.
fn lines_of(
    fields: Vec<Field<'_>>,
) -> Result<std::vec::IntoIter<(HeaderName, HeaderValue)>, DecodeError> {
    let size = fields.iter().map(|(_, value, _)| value.len()).sum();
    let mut texts = BytesMut::with_capacity(size);
    for (_, value, _) in &fields {
        texts.put_slice(value);
    }
    let mut texts = texts.freeze();
    let line = |(name, value, sensitive): Field<'_>| {
        let value = HeaderValue::from_maybe_shared(texts.split_to(value.len()));
        let mut value = value.map_err(|_| DecodeError::Damaged("field value"))?;
        value.set_sensitive(sensitive);
        Ok((header_name(name)?, value))
    };
    let lines: Vec<_> = fields.into_iter().map(line).collect::<Result<_, _>>()?;
    Ok(lines.into_iter())
}

pub(super) fn too_many() -> DecodeError {
    DecodeError::Damaged("number of fields")
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, DecodeError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| DecodeError::Damaged("field name"))
}
