//! Hashes, with and without a key.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Hash;
use crate::event::{MAX_TEXT, cut};

/// Begins what is hashed, so that a hash of another use is never one of a record.
const RECORD: &[u8] = b"scrimp-audit record 1\0";
const PSEUDONYM: &[u8] = b"scrimp-audit pseudonym 1\0";

/// Bytes of a pseudonym.
const PSEUDONYM_LENGTH: usize = 16;

/// A secret key of 32 random bytes, for HMAC-SHA256 (RFC 2104).
#[derive(Clone)]
pub struct AuditKey(Arc<[u8; 32]>);

// === impl AuditKey ===

impl AuditKey {
    /// Takes 32 random bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(secret))
    }

    /// Reads 64 hexadecimal digits, as a file or a variable of the environment has them. `None` if the
    /// text has another form.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Hash::read(text.trim()).map(|bytes| Self::new(bytes.0))
    }

    fn mac(&self, kind: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0[..]);
        mac.expect("HMAC takes a key of any length")
            .chain_update(kind)
    }

    /// Returns the name that stands for another one.
    pub(crate) fn pseudonym(&self, name: &str) -> String {
        // As an event has it.
        let name = cut(name, MAX_TEXT);
        let whole = self.mac(PSEUDONYM).chain_update(name).finalize();
        let bytes = &whole.into_bytes()[..PSEUDONYM_LENGTH];
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey")
    }
}

/// Returns the hash of a record.
pub(super) fn hash(key: Option<&AuditKey>, text: &[u8]) -> Hash {
    match key {
        Some(key) => Hash(
            key.mac(RECORD)
                .chain_update(text)
                .finalize()
                .into_bytes()
                .into(),
        ),
        None => Hash(
            Sha256::new()
                .chain_update(RECORD)
                .chain_update(text)
                .finalize()
                .into(),
        ),
    }
}

/// Compares the hash of a record: in constant time, if there is a key.
pub(super) fn is_hash(key: Option<&AuditKey>, text: &[u8], said: Hash) -> bool {
    match key {
        Some(key) => {
            let mac = key.mac(RECORD).chain_update(text);
            mac.verify_slice(&said.0).is_ok()
        }
        None => hash(None, text) == said,
    }
}
