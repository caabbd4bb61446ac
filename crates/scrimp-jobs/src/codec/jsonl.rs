//! Lines of JSON.

use bytes::{BufMut, Bytes, BytesMut};

/// Writes one line per request: what `before` makes of its name, its body, and `after`.
///
/// A body is JSON, in which a line break can only stand between tokens. It is written as a space.
pub(super) fn lines(
    items: &[super::JobItem],
    before: impl Fn(&str) -> String,
    after: &str,
) -> Bytes {
    let length: usize = items.iter().map(|item| item.body.len() + 200).sum();
    let mut text = BytesMut::with_capacity(length);
    for item in items {
        text.put_slice(before(&item.custom_id).as_bytes());
        put_flat(&mut text, &item.body);
        text.put_slice(after.as_bytes());
        text.put_u8(b'\n');
    }
    text.freeze()
}

/// Appends JSON without line breaks.
pub(super) fn put_flat(text: &mut BytesMut, json: &[u8]) {
    let mut rest = json;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        text.put_slice(&rest[..at]);
        text.put_u8(b' ');
        rest = &rest[at + 1..];
    }
    text.put_slice(rest);
}
