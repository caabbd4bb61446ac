//! Texts of requests that are stored only to be compared.

use std::fmt;

#[cfg(feature = "codec")]
use crate::digest::{Digest, digest};

/// A text that a request's own is compared with: itself, or its digest once it has left memory.
#[derive(Clone)]
pub(crate) enum Compared {
    Plain(Box<[u8]>),
    #[cfg(feature = "codec")]
    Digest(Box<Digest>),
}

// === impl Compared ===

impl Compared {
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(own) => **own == *text,
            #[cfg(feature = "codec")]
            Self::Digest(own) => **own == digest_of(text),
        }
    }

    /// Returns the text, if it is known.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(own) => Some(own),
            #[cfg(feature = "codec")]
            Self::Digest(_) => None,
        }
    }

    #[cfg(feature = "codec")]
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Plain(own) => digest_of(own),
            Self::Digest(own) => **own,
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        match self {
            Self::Plain(own) => own.len(),
            #[cfg(feature = "codec")]
            Self::Digest(own) => own.len(),
        }
    }
}

#[cfg(feature = "codec")]
fn digest_of(text: &[u8]) -> Digest {
    digest("scrimp-cache compared 1", text)
}

impl PartialEq for Compared {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(own), Self::Plain(other)) => own == other,
            #[cfg(feature = "codec")]
            _ => self.digest() == other.digest(),
        }
    }
}

impl Eq for Compared {}

/// The text may be a credential.
impl fmt::Debug for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(withheld)")
    }
}
