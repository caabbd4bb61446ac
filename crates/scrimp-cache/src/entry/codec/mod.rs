//! Stored responses as bytes, for stores on disk or over a network.

mod compression;
#[cfg(feature = "encryption")]
mod encrypted_journal;
#[cfg(feature = "encryption")]
mod encryption;
mod error;
mod fields;
mod frame;
mod layout;
mod moment;
mod policy;
mod selection;
#[cfg(test)]
mod tests;
mod writing;
mod written;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use scrimp_core::{Clock, KeyRef, Ledger};

use super::{Refreshes, Variants};
use crate::{
    digest::digest,
    invalidation::{Erasure, SharedLog},
    packed::{KnownSelections, KnownShapes},
};
pub use compression::Compression;
#[cfg(feature = "encryption")]
pub use encrypted_journal::EncryptedJournal;
#[cfg(feature = "encryption")]
pub use encryption::EncryptionKeys;
pub use error::DecodeError;
use moment::Now;
use written::Written;

/// Encodes the responses stored under a key as bytes, and decodes them.
///
/// The format begins with a magic number, its version and a checksum over the rest. A digest of
/// the key precedes the responses and is compared on decoding. Bytes that are damaged, cut off, of
/// another version or stored for another key are a [`DecodeError`], which a store answers as a
/// miss.
///
/// - **Secrets** of requests are not in the bytes: the key, the values of fields named in Vary
///   (except Accept and its kin) and an unusual spelling of the target are digests (SHA-256), and
///   queries are left out of the names that patterns match. So a pattern that matches some query
///   of a path hits all of them. The response itself and the path are in the bytes: with the
///   feature `encryption`, `Codec::encryption` encrypts everything.
/// - **Age** continues while no process runs: the process that encoded a response uses its clock
///   for intervals, and a later process uses the wall clock. A response from the future, by the
///   wall clock, is not decoded.
/// - **Invalidation** compares positions in a log. A log kept by a [`Journal`](crate::Journal)
///   continues after a restart. A response stored under any other log is not used, because its
///   invalidations are unknown. The log knows up to 917,504 URIs of encoded responses, so that
///   unsafe requests to one URI do not affect another. Beyond that number it keeps marks of the last
///   262,144 such requests; responses that are older than a forgotten mark may be lost. With a
///   [`SharedLog`], its positions decide instead, in every process of a fleet.
/// - **Compression** of bodies is [set](Self::compression) for what is encoded. Any codec with the
///   feature `compression` decodes it.
/// - **One refresh** at a time runs for all copies of a response that one codec (or a clone of it)
///   has decoded.
///
/// The lifetime and the permitted callers of a response are fixed when it is stored. Start with an
/// empty store when the layer's mode changes, or rules on cookies or credentials.
///
/// ```
/// use scrimp_cache::{Codec, DecodeError};
///
/// # fn load(codec: &Codec, key: scrimp_core::KeyRef<'_>, bytes: &bytes::Bytes) {
/// let found = match codec.decode(key, bytes) {
///     Ok(variants) => Some(variants),
///     Err(DecodeError::OtherKey) => None, // two keys share a file name
///     Err(error) => {
///         eprintln!("what is stored is not used: {error}");
///         None
///     }
/// };
/// # let _ = found; }
/// ```
#[derive(Clone)]
pub struct Codec {
    clock: Clock,
    ledger: Option<Ledger>,
    refreshes: Arc<Refreshes>,
    seal: Option<Seal>,
    shared_log: Option<SharedLog>,
    compression: Compression,
    max_body: u64,
    shapes: Arc<KnownShapes>,
    selections: Arc<KnownSelections>,
    /// Flag to treat the bytes of this process as those of another.
    #[cfg(test)]
    stranger: bool,
}

#[cfg(feature = "encryption")]
type Seal = EncryptionKeys;

/// Without the feature, nothing is encrypted.
#[cfg(not(feature = "encryption"))]
#[derive(Clone)]
enum Seal {}

/// Default size of the largest body that is decoded, in bytes.
const MAX_BODY: u64 = 64 << 20;

// === impl Codec ===

impl Codec {
    /// Version of the format. Bytes of another version are not decoded: stores that builds of two
    /// versions share keep them apart by it.
    pub const VERSION: u16 = frame::VERSION;

    /// Returns a codec on the machine's clocks, without a ledger.
    #[must_use]
    pub fn new() -> Self {
        Self {
            clock: Clock::default(),
            ledger: None,
            refreshes: Arc::default(),
            seal: None,
            shared_log: None,
            compression: Compression::None,
            max_body: MAX_BODY,
            shapes: Arc::default(),
            selections: Arc::default(),
            #[cfg(test)]
            stranger: false,
        }
    }

    /// Sets the clock. It must be the layer's clock. Default: the machine's clocks.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Sets the ledger for hits. It should be the layer's ledger. Default: none.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        Self {
            ledger: Some(ledger),
            ..self
        }
    }

    /// Sets the log of invalidations that a fleet shares, for a store that several processes write
    /// to. It must be the layer's log. Default: none.
    ///
    /// Then the positions of this log decide on what is decoded, not those of the local one. What was
    /// invalidated, or may have been, is [`DecodeError::Outdated`]; all else is valid as of now,
    /// and may be put into a store in memory. What was softly invalidated is stale.
    #[must_use]
    pub fn shared_log(self, log: &SharedLog) -> Self {
        Self {
            shared_log: Some(log.clone()),
            ..self
        }
    }

    /// Encrypts what is encoded. Bytes that are not encrypted are not decoded then. Default: no
    /// encryption.
    #[cfg(feature = "encryption")]
    #[must_use]
    pub fn encryption(self, keys: EncryptionKeys) -> Self {
        Self {
            seal: Some(keys),
            ..self
        }
    }

    /// Sets how bodies are compressed. Default: not at all.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self {
            compression,
            ..self
        }
    }

    /// Sets the size of the largest body that is decoded, in bytes. It should be the `max_body` of the
    /// store: longer bodies are encoded, and not decoded. A few bytes can be the compressed form
    /// of a body of any length, and memory for all of it is taken at once. Default: 64 MiB.
    #[must_use]
    pub fn max_body(self, bytes: u64) -> Self {
        Self {
            max_body: bytes,
            ..self
        }
    }

    /// Returns a name for the responses stored under a key, such as that of a file: a digest of
    /// the key, equal in every process.
    #[must_use]
    pub fn name(key: KeyRef<'_>) -> [u8; 32] {
        digest("scrimp-cache name 1", key.as_bytes())
    }

    /// Encodes the responses stored under a key. If the layer has a [`Journal`](crate::Journal),
    /// this may append a record to it first.
    ///
    /// # Errors
    ///
    /// If the header fields take 4 GiB or more, or there are no random bytes to encrypt with.
    pub fn encode(&self, key: KeyRef<'_>, variants: &Variants) -> Result<Bytes, DecodeError> {
        let now = Now::read(&self.clock);
        let own = Self::name(key);
        let bodies = variants.iter().map(|entry| self.compression.encode(entry));
        let bodies: Vec<_> = bodies.collect();
        if self.shared_log.is_none() {
            // The local log decides on them once they are decoded.
            variants.iter().for_each(|entry| entry.validity.cover());
        }
        let head = writing::write(&own, variants, &bodies, now)?;
        frame::wrap(&head, &bodies, self.seal.as_ref(), &own)
    }

    /// Decodes the responses stored under this key. Their bodies are slices of `bytes`, or of the
    /// decrypted bytes, unless they are compressed.
    ///
    /// # Errors
    ///
    /// If the bytes are not the result of [`encode`](Self::encode) for this key.
    pub fn decode(&self, key: KeyRef<'_>, bytes: &Bytes) -> Result<Variants, DecodeError> {
        self.decode_named(key, &Self::name(key), bytes, None)
    }

    /// Decodes the responses stored under this key, `stored_for` this long by the clock of the store
    /// itself: then the wall clocks of the process that encoded them and of this one are not
    /// compared.
    ///
    /// # Errors
    ///
    /// If the bytes are not the result of [`encode`](Self::encode) for this key.
    pub fn decode_after(
        &self,
        key: KeyRef<'_>,
        bytes: &Bytes,
        stored_for: Duration,
    ) -> Result<Variants, DecodeError> {
        self.decode_named(key, &Self::name(key), bytes, Some(stored_for))
    }

    /// Decodes the responses stored under this key, whose [name](Self::name) the store knows: it is not
    /// computed again. With `stored_for`, it does what [`decode_after`](Self::decode_after) does,
    /// otherwise what [`decode`](Self::decode) does.
    ///
    /// # Errors
    ///
    /// If the bytes are not the result of [`encode`](Self::encode) for the key with this name.
    pub fn decode_named(
        &self,
        key: KeyRef<'_>,
        name: &[u8; 32],
        bytes: &Bytes,
        stored_for: Option<Duration>,
    ) -> Result<Variants, DecodeError> {
        let frame = frame::unwrap(bytes, self.seal.as_ref(), Some(name))?;
        let head = Written::read(frame.head())?;
        if head.key() != name {
            return Err(DecodeError::OtherKey);
        }
        let now = match stored_for {
            None => self.as_here(Now::read(&self.clock)),
            Some(time) => self.as_here(Now::after(&self.clock, head.encoded(), time)),
        };
        head.into_variants(&frame, self, key, now)
    }

    /// Reports whether an erasure selects one of the responses that were encoded, under whichever key.
    /// Neither their validity nor their age matters.
    ///
    /// # Errors
    ///
    /// If the bytes are not the result of [`encode`](Self::encode), or cannot be read.
    pub fn is_selected(&self, bytes: &Bytes, erasure: &Erasure) -> Result<bool, DecodeError> {
        let frame = frame::unwrap(bytes, self.seal.as_ref(), None)?;
        Written::read(frame.head())?.select_by(erasure)
    }

    /// Forgets the header fields that decoded responses had in common, if none of them is in memory. A store
    /// calls it after an erasure.
    pub fn forget_unused(&self) {
        self.shapes.tidy();
        self.selections.tidy();
    }

    /// Returns a reading of the clocks, in tests as another process has it.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, reason = "only tests play another process")
    )]
    fn as_here(&self, now: Now) -> Now {
        #[cfg(test)]
        if self.stranger {
            return now.of_another_process();
        }
        now
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

// === impl Seal ===

#[cfg(not(feature = "encryption"))]
impl Seal {
    fn seal(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, DecodeError> {
        match *self {}
    }

    fn open(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, DecodeError> {
        match *self {}
    }
}
