//! Encryption of encoded responses.

use std::{fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};

use super::DecodeError;

/// Length of the number of the key, and of the nonce.
const ID: usize = 4;
const NONCE: usize = 24;

/// Secret keys that encoded responses are encrypted with.
///
/// One key encrypts, and any number decrypt, so that keys can be changed while responses are
/// stored: begin to [read](Self::also_read) the new key everywhere, then write it and go on reading
/// the old one, until nothing that it encrypted is stored any more. A key is 32 random bytes, and
/// its number says which one it is.
///
/// The cipher is XChaCha20-Poly1305. Its nonce has 24 bytes and is random, so a key need not be
/// changed after any number of responses. The key that a response is stored under is bound to it:
/// bytes that were changed, or exchanged with those of another key, are a
/// [`DecodeError::Unreadable`].
///
/// ```
/// use scrimp_cache::{Codec, EncryptionKeys};
///
/// # let (secret, former) = ([1; 32], [2; 32]);
/// let keys = EncryptionKeys::new(2, secret).also_read(1, former);
/// let codec = Codec::new().encryption(keys);
/// # let _ = codec;
/// ```
#[derive(Clone)]
#[must_use]
pub struct EncryptionKeys {
    /// The first one encrypts.
    keys: Arc<[Secret]>,
}

#[derive(Clone)]
struct Secret {
    id: u32,
    cipher: XChaCha20Poly1305,
}

// === impl EncryptionKeys ===

impl EncryptionKeys {
    /// Encrypts with this key, and reads what it has encrypted.
    pub fn new(id: u32, secret: [u8; 32]) -> Self {
        let keys = [Secret::new(id, &secret)].into();
        Self { keys }
    }

    /// Reads what this key has encrypted too.
    pub fn also_read(self, id: u32, secret: [u8; 32]) -> Self {
        let more = Secret::new(id, &secret);
        let keys = self.keys.iter().cloned().chain([more]).collect();
        Self { keys }
    }

    /// Returns number of the key, nonce and encrypted text. `bound` is needed to read it again.
    pub(super) fn seal(&self, text: &[u8], bound: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let Secret { id, cipher } = &self.keys[0];
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| DecodeError::NoRandomness)?;
        let aad = &with_id(*id, bound);
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: text, aad });
        let sealed = sealed.map_err(|_| DecodeError::Damaged("length"))?;
        Ok([&id.to_le_bytes()[..], &nonce, &sealed].concat())
    }

    /// Returns the text.
    pub(super) fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let (id, rest) = sealed
            .split_first_chunk::<ID>()
            .ok_or(DecodeError::Corrupt)?;
        let (nonce, msg) = rest
            .split_first_chunk::<NONCE>()
            .ok_or(DecodeError::Corrupt)?;
        let id = u32::from_le_bytes(*id);
        let aad = &with_id(id, bound);
        let open = |key: &Secret| key.cipher.decrypt(&(*nonce).into(), Payload { msg, aad });
        let mut keys = self.keys.iter().filter(|key| key.id == id);
        keys.find_map(|key| open(key).ok())
            .ok_or(DecodeError::Unreadable)
    }
}

fn with_id(id: u32, bound: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], bound].concat()
}

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|key| key.id);
        f.debug_struct("EncryptionKeys")
            .field("ids", &ids.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

// === impl Secret ===

impl Secret {
    fn new(id: u32, secret: &[u8; 32]) -> Self {
        let cipher = XChaCha20Poly1305::new(&(*secret).into());
        Self { id, cipher }
    }
}
