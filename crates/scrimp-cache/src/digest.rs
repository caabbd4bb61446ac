//! Digests of what leaves memory only to be compared.

use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// Returns the digest of a text. Those of two domains differ, whatever the texts.
pub(crate) fn digest(domain: &str, text: &[u8]) -> Digest {
    let mut sum = Sha256::new();
    sum.update(domain);
    sum.update([0]);
    sum.update(text);
    sum.finalize().into()
}
