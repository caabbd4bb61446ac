//! The form of an object.
//!
//! | bytes | |
//! |---|---|
//! | 8 | time for which it is of use from when it is stored, in milliseconds, big-endian as all numbers |
//! | 8 | highest fence of those that wrote it |
//! | … | the variants of the response, as the codec encodes them |

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Version of the form of names and objects. The codec has its own.
pub(crate) const FORMAT: u16 = 1;

/// Length of what is in front of the variants.
pub(crate) const HEAD: usize = 16;

/// The parts of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) life: Duration,
    pub(crate) fence: u64,
    pub(crate) variants: Bytes,
}

// === impl Object ===

impl Object {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD + self.variants.len());
        bytes.put_u64(u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX));
        bytes.put_u64(self.fence);
        bytes.put_slice(&self.variants);
        bytes.freeze()
    }

    /// Reads an object. `None` if it is too short for one.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        (bytes.len() >= HEAD).then(|| Self {
            life: Duration::from_millis(bytes.get_u64()),
            fence: bytes.get_u64(),
            variants: bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_as_they_are_written_and_short_ones_are_none() {
        let object = Object {
            life: Duration::from_secs(60),
            fence: 7,
            variants: Bytes::from_static(b"variants"),
        };
        let bytes = object.encode();
        assert_eq!(Object::decode(bytes.clone()), Some(object));
        assert_eq!(Object::decode(bytes.slice(..HEAD - 1)), None);
    }
}
