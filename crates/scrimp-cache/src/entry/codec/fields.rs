//! Header fields in encoded form.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::DecodeError;

/// Name, value, and whether the value is kept out of compression and logs.
pub(super) type Field<'a> = (&'a str, &'a [u8], bool);

pub(super) fn fields<'a>(
    lines: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> Vec<Field<'a>> {
    lines
        .map(|(name, value)| (name.as_str(), value.as_bytes(), value.is_sensitive()))
        .collect()
}

pub(super) fn header_map(fields: Vec<Field<'_>>) -> Result<HeaderMap, DecodeError> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value, sensitive) in fields {
        let value = HeaderValue::from_bytes(value);
        let mut value = value.map_err(|_| DecodeError::Damaged("field value"))?;
        value.set_sensitive(sensitive);
        headers
            .try_append(header_name(name)?, value)
            .map_err(|_| DecodeError::Damaged("number of fields"))?;
    }
    Ok(headers)
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, DecodeError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| DecodeError::Damaged("field name"))
}
