//! A request in a batch.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, request::Parts};
use scrimp_core::Key;
use scrimp_http::{credentials::Credentials, framing};

/// A request in a batch.
///
/// A codec that writes header fields into items takes them from
/// [`own_fields`](Self::own_fields), which leaves out the fields of the envelope.
#[derive(Debug, Clone)]
pub struct Item {
    /// Id of the item, unique among all items of the layer.
    pub id: u64,
    /// Method, URI, header fields and extensions.
    pub head: Parts,
    /// Body of the request.
    pub body: Bytes,
    /// Result of [`BatchCodec::admit`](super::BatchCodec::admit).
    pub admission: Admission,
    /// The layer's list.
    credentials: Credentials,
}

/// Properties of a request that may be batched, as a codec sees them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Admission {
    /// True if carrying the request out twice does no more than once. It may then be sent again
    /// when its outcome is unknown. Default: false.
    pub replayable: bool,
    /// Key of requests that get equal answers, so that one of them is sent. Only requests without
    /// effects should have one. Default: `None`.
    pub identity: Option<Key>,
    /// Part of the limit on weight. 0 counts as 1. Default: 0.
    pub weight: u32,
    /// Start and end of a place in the body that encoding and decoding need, such as that of an
    /// id. It must lie within the body. Default: `None`.
    pub span: Option<(usize, usize)>,
}

// === impl Item ===

impl Item {
    /// Returns an item as a layer with these credentials makes it.
    #[must_use]
    #[inline]
    pub fn new(
        id: u64,
        head: Parts,
        body: Bytes,
        admission: Admission,
        credentials: Credentials,
    ) -> Self {
        Self {
            id,
            head,
            body,
            admission,
            credentials,
        }
    }

    /// Returns the header fields of the item, without its credentials, which are on the envelope,
    /// and without the framing of its message. Lines of one name come one after the other.
    ///
    /// Nothing is lost, because all items of a batch have equal credentials. A log that records
    /// the envelope's body records no secret.
    pub fn own_fields(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        framing::own_fields(&self.head.headers).filter(|(name, _)| !self.credentials.contains(name))
    }
}

// === impl Admission ===

impl Admission {
    /// Returns the admission of a request that may be sent twice.
    #[must_use]
    pub fn safe() -> Self {
        Self {
            replayable: true,
            ..Self::default()
        }
    }
}
