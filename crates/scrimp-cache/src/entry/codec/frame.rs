//! The outer format: magic number, version, form, content.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `SCRM` |
//! | 2 | version, little-endian, as all numbers |
//! | 1 | form: 0 is plain, 1 is encrypted |
//!
//! In plain form follow the CRC-32 of the content, in 4 bytes, and the content. In encrypted form
//! follow the digest that the content is stored under, in 32 bytes, the number of the key, in 4 bytes, the
//! nonce, in 24 bytes, and the encrypted content. The digest is what the name of a file begins with: with
//! all of it, an erasure can read what is stored without its key.
//!
//! | bytes of the content | |
//! |---|---|
//! | 4 | length of the head |
//! | … | the head, which holds the length of each body |
//! | … | the bodies, one after the other |

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::{DecodeError, Seal, compression::Coded};
use crate::digest::Digest;

const MAGIC: &[u8; 4] = b"SCRM";

/// Version of the format. Any change to the encoded bytes is a new version.
pub(super) const VERSION: u16 = 8;

const PLAIN: u8 = 0;
const ENCRYPTED: u8 = 1;

/// Offset of what depends on the form.
const FORM: usize = MAGIC.len() + 3;

/// Offset of the content in plain form.
const CONTENT: usize = FORM + 4;

/// Offset of the head in the content.
const HEAD: usize = 4;

/// The parts of encoded bytes.
pub(super) struct Frame<'a> {
    bytes: Cow<'a, Bytes>,
    /// Offsets of the head, and of the bodies behind it.
    head: usize,
    bodies: usize,
}

/// Wraps a content, which is stored under the key with this digest.
pub(super) fn wrap(
    head: &[u8],
    bodies: &[Coded],
    seal: Option<&Seal>,
    key: &Digest,
) -> Result<Bytes, DecodeError> {
    let length = u32::try_from(head.len()).map_err(|_| DecodeError::Damaged("head"))?;
    let size: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    let mut bytes = BytesMut::with_capacity(CONTENT + HEAD + head.len() + size);
    start(&mut bytes, PLAIN);
    bytes.put_u32_le(0);
    bytes.put_u32_le(length);
    bytes.put_slice(head);
    for body in bodies {
        bytes.put_slice(&body.bytes);
    }
    if let Some(seal) = seal {
        let mut sealed = BytesMut::new();
        start(&mut sealed, ENCRYPTED);
        let bound = [&sealed[..], key].concat();
        sealed.put_slice(key);
        sealed.put_slice(&seal.seal(&bytes[CONTENT..], &bound)?);
        return Ok(sealed.freeze());
    }
    let sum = crc32fast::hash(&bytes[CONTENT..]);
    bytes[FORM..CONTENT].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes.freeze())
}

fn start(bytes: &mut BytesMut, form: u8) {
    bytes.put_slice(MAGIC);
    bytes.put_u16_le(VERSION);
    bytes.put_u8(form);
}

/// Unwraps what was stored under the key with this digest; `None` stands for any key.
pub(super) fn unwrap<'a>(
    bytes: &'a Bytes,
    seal: Option<&Seal>,
    key: Option<&Digest>,
) -> Result<Frame<'a>, DecodeError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Foreign)?;
    let (version, rest) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        let known = VERSION;
        return Err(DecodeError::Version { found, known });
    }
    let (form, rest) = rest.split_first().ok_or(DecodeError::Corrupt)?;
    let (bytes, start) = match (*form, seal) {
        (PLAIN, None) => {
            let (sum, content) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
            if crc32fast::hash(content) != u32::from_le_bytes(*sum) {
                return Err(DecodeError::Corrupt);
            }
            (Cow::Borrowed(bytes), CONTENT)
        }
        (ENCRYPTED, Some(seal)) => {
            let (said, rest) = rest.split_first_chunk().ok_or(DecodeError::Corrupt)?;
            if key.is_some_and(|key| key != said) {
                return Err(DecodeError::Unreadable);
            }
            let bound = [&bytes[..FORM], said].concat();
            (Cow::Owned(seal.open(rest, &bound)?.into()), 0)
        }
        // A party that can write to the store must not be able to pass by the encryption.
        (PLAIN, Some(_)) => return Err(DecodeError::NotEncrypted),
        (ENCRYPTED, None) => return Err(DecodeError::Unreadable),
        _ => return Err(DecodeError::Corrupt),
    };
    let content = &bytes[start..];
    let (length, rest) = content.split_first_chunk().ok_or(DecodeError::Corrupt)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > rest.len() {
        return Err(DecodeError::Corrupt);
    }
    let head = start + HEAD;
    Ok(Frame {
        bytes,
        head,
        bodies: head + length,
    })
}

// === impl Frame ===

impl Frame<'_> {
    /// Returns the head.
    pub(super) fn head(&self) -> &[u8] {
        &self.bytes[self.head..self.bodies]
    }

    /// Returns a part of the head, in the memory of the whole.
    pub(super) fn part(&self, part: &[u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }

    /// Returns the bytes of the bodies.
    pub(super) fn bodies(&self) -> &[u8] {
        &self.bytes[self.bodies..]
    }
}
