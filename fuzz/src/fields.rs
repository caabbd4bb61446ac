//! Header fields from arbitrary bytes.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Makes lines of one field: bytes between line feeds, without those that no value has.
#[must_use]
pub fn lines(name: &HeaderName, data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(8) {
        let line: Vec<u8> = line
            .iter()
            .copied()
            .filter(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f)
            .collect();
        let value = HeaderValue::from_bytes(&line).expect("no control characters");
        headers.append(name.clone(), value);
    }
    headers
}

/// Splits data at the first NUL.
#[must_use]
pub fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}
