//! Header fields in encoded form.

use bytes::Bytes;
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
pub(super) fn lines(headers: &HeaderMap) -> impl Iterator<Item = StoredLine<'_>> {
    let lines = headers.iter();
    lines.map(|(name, value)| (name, value.as_bytes(), value.is_sensitive()))
}

/// Returns fields whose values are slices of `bytes`, which they were read from.
pub(super) fn header_map(fields: Vec<Field<'_>>, bytes: &Bytes) -> Result<HeaderMap, DecodeError> {
    // There may be more lines than a map has room for names.
    let mut headers = HeaderMap::try_with_capacity(fields.len()).unwrap_or_default();
    for (name, value, sensitive) in fields {
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(value));
        let mut value = value.map_err(|_| DecodeError::Damaged("field value"))?;
        value.set_sensitive(sensitive);
        headers
            .try_append(header_name(name)?, value)
            .map_err(|_| DecodeError::Damaged("number of fields"))?;
    }
    match headers.keys_len() > MOST_NAMES {
        true => Err(DecodeError::Damaged("number of fields")),
        false => Ok(headers),
    }
}

/// Returns fields with values of their own.
pub(super) fn copied(fields: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| {
        let mut copy =
            HeaderValue::from_bytes(value.as_bytes()).expect("the bytes of a valid value");
        copy.set_sensitive(value.is_sensitive());
        copy
    };
    fields
        .iter()
        .map(|(name, value)| (name.clone(), copy(value)))
        .collect()
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, DecodeError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| DecodeError::Damaged("field name"))
}
