//! The outer format: magic number, version, checksum, lengths.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `SCRM` |
//! | 2 | version, little-endian, as all numbers |
//! | 4 | CRC-32 of all that follows |
//! | 4 | length of the head |
//! | … | the head (postcard), which holds the length of each body |
//! | … | the bodies, one after the other |

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::DecodeError;

const MAGIC: &[u8; 4] = b"SCRM";

/// Version of the format. Any change to the encoded bytes is a new version.
const VERSION: u16 = 2;

/// Offset of the checksum, which covers all bytes after it.
const SUM: usize = MAGIC.len() + 2;
const COVERED: usize = SUM + 4;

/// Offset of the head.
const HEAD: usize = COVERED + 4;

/// The parts of encoded bytes.
pub(super) struct Frame {
    head: Bytes,
    pub(super) bodies: Bytes,
}

pub(super) fn wrap(head: &impl Serialize, bodies: &[&Bytes]) -> Result<Bytes, DecodeError> {
    let head = postcard::to_allocvec(head).map_err(|_| DecodeError::Damaged("head"))?;
    let length = u32::try_from(head.len()).map_err(|_| DecodeError::Damaged("head"))?;
    let size: usize = bodies.iter().map(|body| body.len()).sum();
    let mut bytes = BytesMut::with_capacity(HEAD + head.len() + size);
    bytes.put_slice(MAGIC);
    bytes.put_u16_le(VERSION);
    bytes.put_u32_le(0);
    bytes.put_u32_le(length);
    bytes.put_slice(&head);
    for body in bodies {
        bytes.put_slice(body);
    }
    let sum = crc32fast::hash(&bytes[COVERED..]);
    bytes[SUM..COVERED].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes.freeze())
}

pub(super) fn unwrap(bytes: &Bytes) -> Result<Frame, DecodeError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Foreign)?;
    let (version, rest) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        let known = VERSION;
        return Err(DecodeError::Version { found, known });
    }
    let (sum, rest) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
        return Err(DecodeError::Corrupt);
    }
    let (length, rest) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > rest.len() {
        return Err(DecodeError::Corrupt);
    }
    Ok(Frame {
        head: bytes.slice(HEAD..HEAD + length),
        bodies: bytes.slice(HEAD + length..),
    })
}

// === impl Frame ===

impl Frame {
    pub(super) fn head<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        postcard::from_bytes(&self.head).map_err(|_| DecodeError::Damaged("head"))
    }
}
