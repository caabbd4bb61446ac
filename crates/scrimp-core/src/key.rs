//! Identity of a request.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Arc, LazyLock},
};

use equivalent::Equivalent;

/// Longest key, in bytes, that needs no heap during a look-up.
const INLINE: usize = 256;

/// Length from which a part has a long prefix. The byte of a short prefix is less.
const LONG: usize = u8::MAX as usize;

/// Bytes of a long prefix: a mark, and the length.
const PREFIX: usize = 5;

/// Bytes of the counts of an [`Arc`].
const COUNTS: usize = 2 * size_of::<usize>();

/// One secret for the whole process, so that clients cannot choose keys that collide.
static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// An owned key: length-prefixed parts, and their keyed hash. Clones share the parts.
///
/// Two keys are equal only if all their bytes are. A collision of hashes costs time and never
/// returns the response to another request. Parts are prefixed with their length, so `("ab", "c")`
/// and `("a", "bc")` are different keys.
#[derive(Clone)]
pub struct Key {
    hash: u64,
    bytes: Arc<[u8]>,
}

/// A borrowed key, for look-ups without allocation.
#[derive(Clone, Copy)]
pub struct KeyRef<'a> {
    hash: u64,
    bytes: &'a [u8],
}

/// A key under construction. Up to 256 bytes live on the stack.
#[derive(Clone)]
pub struct KeyBuf {
    /// Number of bytes of `inline` in use. More than all of them if the key is in `heap`.
    length: usize,
    inline: [u8; INLINE],
    heap: Vec<u8>,
}

/// Builds [`KeyHasher`]s, for maps whose keys are [`Key`]s.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHashBuilder;

/// Passes on the hash that a [`Key`] carries instead of hashing again.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

// === impl Key ===

impl Key {
    /// Returns the key with these [`as_bytes`](KeyRef::as_bytes), hashed with this process's
    /// secret. `None` if they are not a sequence of parts.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = KeyRef {
            hash: hash(bytes),
            bytes,
        };
        let whole: usize = key.parts().map(|part| prefix_size(part) + part.len()).sum();
        (whole == bytes.len()).then(|| key.to_key())
    }

    /// Borrows the key.
    #[must_use]
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef {
            hash: self.hash,
            bytes: &self.bytes,
        }
    }

    /// Returns the memory of the parts, which clones share.
    #[must_use]
    pub fn shared_bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Returns the number of bytes that this key and its clones hold on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        size_of_val(&*self.bytes) + COUNTS
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

// === impl KeyRef ===

impl<'a> KeyRef<'a> {
    /// Returns the parts of the key, in order.
    pub fn parts(self) -> impl Iterator<Item = &'a [u8]> {
        Self::parts_of(self.bytes)
    }

    /// Returns the parts of the key with these [bytes](Self::as_bytes), in order.
    pub fn parts_of(bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let (length, tail) = match rest.split_first()? {
                (&u8::MAX, tail) => {
                    let (length, tail) = tail.split_first_chunk()?;
                    (u32::from_le_bytes(*length) as usize, tail)
                }
                (&length, tail) => (usize::from(length), tail),
            };
            let (part, tail) = tail.split_at_checked(length)?;
            rest = tail;
            Some(part)
        })
    }

    /// Returns the keyed hash, which is different in every process.
    #[must_use]
    pub fn hash_value(self) -> u64 {
        self.hash
    }

    /// Returns the whole key: each part after its length, in one byte, or in four (little-endian)
    /// after the byte 255.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Copies the key to the heap.
    #[must_use]
    pub fn to_key(self) -> Key {
        Key {
            hash: self.hash,
            bytes: self.bytes.into(),
        }
    }
}

impl PartialEq for KeyRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.bytes == other.bytes
    }
}

impl Eq for KeyRef<'_> {}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.as_ref()
    }
}

/// The parts may hold credentials, and are not written.
impl fmt::Debug for KeyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, bytes) = (self.parts().count(), self.bytes.len());
        write!(f, "Key({parts} parts, {bytes} bytes)")
    }
}

// === impl KeyBuf ===

impl KeyBuf {
    /// Makes an empty key.
    #[must_use]
    pub fn new() -> Self {
        Self {
            length: 0,
            inline: [0; INLINE],
            heap: Vec::new(),
        }
    }

    /// Adds a part.
    #[inline]
    pub fn part(&mut self, part: &[u8]) -> &mut Self {
        let end = self.length + 1 + part.len();
        match self.inline.get_mut(self.length..end) {
            // A part that fits here is shorter than a long one, except for the longest.
            Some([length, room @ ..]) if part.len() < LONG => {
                *length = part.len() as u8;
                room.copy_from_slice(part);
                self.length = end;
            }
            _ => self.push_part(part),
        }
        self
    }

    #[cold]
    fn push_part(&mut self, part: &[u8]) {
        match u8::try_from(part.len()) {
            Ok(length) if part.len() < LONG => self.push(&[length]),
            _ => self.push(&long_prefix(part.len())),
        }
        self.push(part);
    }

    /// Adds one part that `write` assembles piece by piece.
    pub fn part_with(&mut self, write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> &mut Self {
        let start = self.bytes().len();
        self.push(&[0; PREFIX]);
        write(&mut |piece| self.push(piece));
        let bytes = self.bytes_mut();
        let length = bytes.len() - start - PREFIX;
        if length < LONG {
            bytes[start] = length as u8;
            bytes.copy_within(start + PREFIX.., start + 1);
            self.shorten_by(PREFIX - 1);
        } else {
            bytes[start..start + PREFIX].copy_from_slice(&long_prefix(length));
        }
        self
    }

    /// Removes this many bytes of the end.
    fn shorten_by(&mut self, bytes: usize) {
        match self.heap.len() {
            0 => self.length -= bytes,
            length => self.heap.truncate(length - bytes),
        }
    }

    fn bytes(&self) -> &[u8] {
        self.inline.get(..self.length).unwrap_or(&self.heap)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self.inline.get_mut(..self.length) {
            Some(inline) => inline,
            None => &mut self.heap,
        }
    }

    /// Adds bytes. Every hit calls this, so it does not use SmallVec.
    #[inline]
    fn push(&mut self, piece: &[u8]) {
        let end = self.length + piece.len();
        match self.inline.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(piece);
                self.length = end;
            }
            None => self.push_to_heap(piece),
        }
    }

    #[cold]
    fn push_to_heap(&mut self, piece: &[u8]) {
        if let Some(inline) = self.inline.get(..self.length) {
            self.heap.reserve(2 * INLINE + piece.len());
            self.heap.extend_from_slice(inline);
            self.length = INLINE + 1;
        }
        self.heap.extend_from_slice(piece);
    }

    /// Returns the key so far, hashed with this process's secret.
    #[must_use]
    pub fn as_ref(&self) -> KeyRef<'_> {
        let bytes = self.bytes();
        KeyRef {
            hash: hash(bytes),
            bytes,
        }
    }

    /// Copies the key to the heap.
    #[must_use]
    pub fn to_key(&self) -> Key {
        self.as_ref().to_key()
    }
}

#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SECRET.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Returns the long prefix of a part. Above 4 GiB it no longer shows the length, but equality still
/// compares all bytes.
fn long_prefix(length: usize) -> [u8; PREFIX] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [u8::MAX, a, b, c, d]
}

fn prefix_size(part: &[u8]) -> usize {
    if part.len() < LONG { 1 } else { PREFIX }
}

impl Default for KeyBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

// === impl KeyHasher ===

impl BuildHasher for KeyHashBuilder {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher::default()
    }
}

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only for keys of other types; a `Key` uses `write_u64`.
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, &byte| hash.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
