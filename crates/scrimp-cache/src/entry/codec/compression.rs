//! Compression of the bodies of encoded responses.

use bytes::Bytes;
#[cfg(feature = "compression")]
use http::HeaderMap;
#[cfg(feature = "compression")]
use scrimp_http::{coding::is_coded, media_type};

use super::DecodeError;
use crate::entry::Entry;

/// Encoded forms of a body.
pub(super) const PLAIN: u8 = 0;
#[cfg(feature = "compression")]
const LZ4: u8 = 1;
#[cfg(feature = "compression")]
const ZSTD: u8 = 2;

/// Shortest body that is compressed, in bytes. Below it, a head weighs more than the body.
#[cfg(feature = "compression")]
const SHORTEST: usize = 512;

/// Shortest body that is worth the time of Zstandard, in bytes.
#[cfg(feature = "compression")]
const LARGE: usize = 64 << 10;

/// Level of Zstandard: its default.
#[cfg(feature = "compression")]
const LEVEL: i32 = 3;

/// Longest part of a body, in percent, that its compressed form may take.
#[cfg(feature = "compression")]
const WORTH: usize = 90;

/// Selects the compression of the bodies that a [`Codec`](crate::Codec) encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Encodes bodies as they are.
    #[default]
    None,
    /// Uses LZ4 for bodies below 64 KiB, and Zstandard for longer ones. Bodies below 512 bytes, those in a
    /// content coding, those of compressed media types and those that get less than a tenth shorter
    /// are encoded as they are.
    #[cfg(feature = "compression")]
    Fast,
}

/// A body in its encoded form.
pub(super) struct Coded {
    pub(super) coding: u8,
    pub(super) bytes: Bytes,
}

// === impl Compression ===

impl Compression {
    /// Encodes the body of a response.
    pub(super) fn encode(self, entry: &Entry) -> Coded {
        match self {
            Self::None => Coded::plain(&entry.body),
            #[cfg(feature = "compression")]
            Self::Fast if is_dense(&entry.headers.to_map()) => Coded::plain(&entry.body),
            #[cfg(feature = "compression")]
            Self::Fast => Coded::packed(&entry.body),
        }
    }
}

/// Reports whether a body does not get shorter.
#[cfg(feature = "compression")]
fn is_dense(headers: &HeaderMap) -> bool {
    is_coded(headers) || media_type::is_compressed(headers)
}

// === impl Coded ===

impl Coded {
    fn plain(body: &Bytes) -> Self {
        Self {
            coding: PLAIN,
            bytes: body.clone(),
        }
    }

    #[cfg(feature = "compression")]
    fn packed(body: &Bytes) -> Self {
        let packed = match body.len() {
            ..SHORTEST => None,
            SHORTEST..LARGE => Some((LZ4, lz4_flex::block::compress(body))),
            _ => zstd::bulk::compress(body, LEVEL)
                .ok()
                .map(|bytes| (ZSTD, bytes)),
        };
        match packed {
            Some((coding, bytes)) if bytes.len() * 100 < body.len() * WORTH => Self {
                coding,
                bytes: bytes.into(),
            },
            _ => Self::plain(body),
        }
    }
}

/// Decodes a body that has this length. The length may be false, and a decoder takes memory for it
/// first. So no more is taken than for a body of `max` bytes.
pub(super) fn decode(
    coding: u8,
    bytes: Bytes,
    length: u64,
    max: u64,
) -> Result<Bytes, DecodeError> {
    if length > max {
        return Err(DecodeError::TooLarge);
    }
    let length = usize::try_from(length).map_err(|_| DecodeError::TooLarge)?;
    let body = match coding {
        PLAIN => Ok(bytes),
        #[cfg(feature = "compression")]
        LZ4 => lz4_flex::block::decompress(&bytes, length)
            .map(Bytes::from)
            .map_err(|_| DecodeError::Damaged("body")),
        #[cfg(feature = "compression")]
        ZSTD => zstd::bulk::decompress(&bytes, length)
            .map(Bytes::from)
            .map_err(|_| DecodeError::Damaged("body")),
        _ => Err(DecodeError::Damaged("coding")),
    };
    body.and_then(|body| match body.len() == length {
        true => Ok(body),
        false => Err(DecodeError::Damaged("body")),
    })
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    fn text(length: usize) -> Bytes {
        b"{\"name\":\"scrimp\",\"kind\":\"cache\"},"
            .iter()
            .copied()
            .cycle()
            .take(length)
            .collect()
    }

    #[test]
    fn bodies_are_coded_by_their_length_and_come_back() {
        for (length, coding) in [(100, PLAIN), (5000, LZ4), (100_000, ZSTD)] {
            let body = text(length);
            let coded = Coded::packed(&body);
            assert_eq!(coded.coding, coding, "{length}");
            let back = decode(coded.coding, coded.bytes, length as u64, 1 << 20);
            assert_eq!(back, Ok(body));
        }
    }

    #[test]
    fn a_body_that_does_not_get_shorter_stays_as_it_is() {
        let noise: Bytes = std::iter::repeat_with(|| fastrand::u8(..))
            .take(100_000)
            .collect();
        assert_eq!(Coded::packed(&noise).coding, PLAIN);
        assert_eq!(Coded::packed(&noise.slice(..5000)).coding, PLAIN);
    }

    #[test]
    fn a_length_that_is_not_true_takes_no_memory_and_yields_no_body() {
        for length in [5000, 100_000] {
            let Coded { coding, bytes } = Coded::packed(&text(length));
            let length = length as u64;
            let decoded = |length, max| decode(coding, bytes.clone(), length, max);
            assert_eq!(decoded(u64::MAX, 1 << 20), Err(DecodeError::TooLarge));
            assert_eq!(decoded(length, length - 1), Err(DecodeError::TooLarge));
            assert_eq!(
                decoded(length + 1, 1 << 20),
                Err(DecodeError::Damaged("body"))
            );
            assert_eq!(
                decoded(length - 1, 1 << 20),
                Err(DecodeError::Damaged("body"))
            );
        }
    }

    #[test]
    fn bytes_in_an_unknown_coding_are_damaged() {
        let unknown = decode(9, text(10), 10, 100);
        assert_eq!(unknown, Err(DecodeError::Damaged("coding")));
    }
}
