//! The chain of records: pure state, without I/O.
//!
//! A record is a line of JSON. Its last member is a hash over all bytes of the line before it, and the
//! member before that is the hash of the record before. So a line that is changed does not fit its
//! own hash, and one that is removed, added or moved does not fit the hash of its neighbour. With a key,
//! the hash is an HMAC: without the key, the lines behind a change cannot be computed again.

mod key;
mod line;

use std::fmt;

pub use key::AuditKey;
pub(crate) use line::{Body, MAX_LINE, Parsed, parse};

/// A hash of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

/// The last record of a log: its number and its hash.
///
/// Keep it where the log's writer cannot change it, such as in another system or in print:
/// [`verify`](fn@crate::verify) then finds a log that was cut off behind it, or written anew.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// Number of the record; 0 before the first one.
    pub sequence: u64,
    pub(crate) hash: Hash,
}

/// The end of a chain, and the key that its hashes are made with.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    key: Option<AuditKey>,
    last: Anchor,
}

// === impl Hash ===

impl Hash {
    /// Hash before the first record.
    pub(crate) const START: Self = Self([0; 32]);

    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut hash = Self::START;
        for (byte, pair) in hash.0.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            let value = digit(0)? * 16 + digit(1)?;
            *byte = u8::try_from(value).ok()?;
        }
        Some(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Anchor ===

impl Anchor {
    pub(crate) const START: Self = Self {
        sequence: 0,
        hash: Hash::START,
    };

    /// Returns the hash in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.to_string()
    }
}

/// Writes the hash.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.fmt(f)
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

// === impl Chain ===

impl Chain {
    /// Returns the chain that goes on behind a record.
    pub(crate) fn behind(last: Anchor, key: Option<AuditKey>) -> Self {
        Self { key, last }
    }

    /// Returns its last record.
    pub(crate) fn last(&self) -> Anchor {
        self.last
    }

    /// Appends a record, and writes its line to `out`.
    pub(crate) fn append(&mut self, body: &mut Body<'_>, out: &mut Vec<u8>) {
        body.seq = self.last.sequence + 1;
        body.prev = self.last.hash.to_string();
        let start = out.len();
        // Members are texts and numbers, which always have a form in JSON.
        serde_json::to_writer(&mut *out, body).expect("texts and numbers, into memory");
        out.pop();
        let hash = key::hash(self.key.as_ref(), &out[start..]);
        out.extend_from_slice(format!("{}{hash}\"}}\n", line::HASH).as_bytes());
        self.last = Anchor {
            sequence: body.seq,
            hash,
        };
    }
}

/// Reports whether a record has the hash that it says.
pub(crate) fn is_genuine(parsed: &Parsed<'_>, key: Option<&AuditKey>) -> bool {
    key::is_hash(key, parsed.hashed, parsed.hash)
}

#[cfg(test)]
mod tests;
