//! Copies of field values.

use bytes::{BufMut, BytesMut};
use http::HeaderValue;
use smallvec::SmallVec;

use super::value;

/// Bytes that count the references to a text with several values.
pub(super) const SHARED: usize = 24;

/// Copies values into memory of their own.
///
/// Values from a connection are slices of its read buffer: keeping twenty bytes would keep the
/// whole buffer. All values go into one allocation, and each is a slice of it. Values that most
/// responses share take none.
pub(super) fn owned<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Box<[HeaderValue]> {
    let values: SmallVec<[_; 16]> = values.map(|value| (value, value::shared(value))).collect();
    let own = || values.iter().filter(|(_, ready)| ready.is_none());
    let size = own().map(|(value, _)| value.len()).sum();
    let mut buffer = BytesMut::with_capacity(size);
    for (value, _) in own() {
        buffer.put_slice(value.as_bytes());
    }
    let mut rest = buffer.freeze();
    let copies = values.into_iter().map(|(value, ready)| {
        ready.unwrap_or_else(|| {
            let bytes = rest.split_to(value.len());
            let owned = HeaderValue::from_maybe_shared(bytes);
            let mut owned = owned.expect("the bytes of a valid value");
            owned.set_sensitive(value.is_sensitive());
            owned
        })
    });
    copies.collect()
}

/// Returns the bytes of the texts of copies that were made together.
pub(super) fn texts<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> usize {
    let own = values.filter(|value| value::shared(value).is_none());
    let bytes: usize = own.map(HeaderValue::len).sum();
    match bytes {
        0 => 0,
        bytes => bytes + SHARED,
    }
}
