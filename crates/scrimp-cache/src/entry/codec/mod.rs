//! Stored responses as bytes, for stores on disk or over a network.

mod error;
mod fields;
mod frame;
mod moment;
mod policy;
#[cfg(test)]
mod tests;
mod written;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak, atomic::AtomicBool},
};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp_core::{Clock, Key, KeyRef, Ledger};

use super::{RefreshFlag, Variants};
pub use error::DecodeError;
use moment::Now;
use written::Written;

/// Flags are tidied up when there are this many, and then twice as many as were left.
const FEW_FLAGS: usize = 64;

/// Writes the responses stored under a key as bytes, and reads them back.
///
/// The format begins with a magic number, its version and a checksum over all the rest; the
/// key stands in front of the responses and is compared when they are read. Bytes that are
/// damaged, cut off, of another version or stored for another key are a [`DecodeError`],
/// which a store answers as a miss.
///
/// - **Age** goes on while no process runs: in the process that wrote it a response's age is
///   that of its clock for intervals, in a later one the wall clock tells how long it has
///   been. A response that a wall clock says is from the future is not read back.
/// - **Invalidation** is compared by position in a log. One that was written down by a
///   [`Journal`](crate::Journal) goes on after a restart; what was stored under any other log
///   is not used, as it is unknown what of it has been invalidated.
/// - **One refresh** at a time goes for all copies of a response that one codec (or a clone
///   of it) has read.
///
/// How long a response may be kept and whom it may be given was decided when it was stored.
/// Start with an empty store when the layer's mode changes, or rules on cookies or credentials.
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
#[derive(Clone, Default)]
pub struct Codec {
    clock: Clock,
    ledger: Option<Ledger>,
    flags: Arc<Mutex<Flags>>,
    /// Takes what this process has written for another's.
    #[cfg(test)]
    stranger: bool,
}

/// The flags of responses that are in memory at the moment.
#[derive(Default)]
struct Flags {
    shared: HashMap<u64, Weak<AtomicBool>>,
    tidy_at: usize,
}

// === impl Codec ===

impl Codec {
    /// Returns a codec on the machine's clocks, that forgets what hits are worth.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where the time comes from. It has to be the layer's clock. Default: the machine's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Sets where hits are booked. It should be the layer's ledger. Default: nowhere.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        Self {
            ledger: Some(ledger),
            ..self
        }
    }

    /// Writes the responses stored under a key as bytes.
    ///
    /// # Errors
    ///
    /// If there are 4 GiB of header fields.
    pub fn encode(&self, key: KeyRef<'_>, variants: &Variants) -> Result<Bytes, DecodeError> {
        let now = Now::read(&self.clock);
        let head = Written::new(key, variants, now);
        let bodies: Vec<_> = variants.iter().map(|entry| &entry.body).collect();
        frame::wrap(&head, &bodies)
    }

    /// Reads the responses that were stored under this key. Their bodies are slices of `bytes`.
    ///
    /// # Errors
    ///
    /// If the bytes are anything but what [`encode`](Self::encode) has made for this key.
    pub fn decode(&self, key: KeyRef<'_>, bytes: &Bytes) -> Result<Variants, DecodeError> {
        let frame = frame::unwrap(bytes)?;
        let head: Written<'_> = frame.head()?;
        if head.key() != key.as_bytes() {
            return Err(DecodeError::OtherKey);
        }
        head.into_variants(frame.bodies.clone(), self)
    }

    /// Reads the key that bytes were stored under, for a store that looks at what it finds at its
    /// start.
    ///
    /// # Errors
    ///
    /// As for [`decode`](Self::decode).
    pub fn key(&self, bytes: &Bytes) -> Result<Key, DecodeError> {
        let frame = frame::unwrap(bytes)?;
        let head: Written<'_> = frame.head()?;
        Key::from_bytes(head.key()).ok_or(DecodeError::Damaged("key"))
    }

    fn now(&self) -> Now {
        let now = Now::read(&self.clock);
        #[cfg(test)]
        if self.stranger {
            return now.of_another_process();
        }
        now
    }

    /// The flag that all copies of one response share.
    fn flag(&self, response: u64) -> RefreshFlag {
        RefreshFlag::Shared(self.flags.lock().get(response))
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

// === impl Flags ===

impl Flags {
    fn get(&mut self, response: u64) -> Arc<AtomicBool> {
        if let Some(flag) = self.shared.get(&response).and_then(Weak::upgrade) {
            return flag;
        }
        if self.shared.len() >= self.tidy_at.max(FEW_FLAGS) {
            self.shared.retain(|_, flag| flag.strong_count() > 0);
            self.tidy_at = self.shared.len() * 2;
        }
        let flag = Arc::new(AtomicBool::new(false));
        self.shared.insert(response, Arc::downgrade(&flag));
        flag
    }
}
