//! Names of the targets that sessions ask for.

use std::num::NonZeroU32;

/// Identity of a target: of its tenant, scheme, authority, path and query.
///
/// It is a hash with a key of the process, so it means nothing in another one. The layer remembers the
/// targets that it has seen. Of two with the same hash it knows only the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(NonZeroU32);

// === impl ItemId ===

impl ItemId {
    /// Makes an identity from a hash. Hashes with equal lower halves have one identity.
    #[must_use]
    pub const fn of_hash(hash: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        match NonZeroU32::new(hash as u32) {
            Some(id) => Self(id),
            None => Self(NonZeroU32::MAX),
        }
    }

    /// Returns it as a number other than 0.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Makes an identity from a number. `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }
}
