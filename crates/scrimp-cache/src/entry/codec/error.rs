//! What is wrong with bytes that should be stored responses.

use std::fmt;

/// Why bytes are no stored responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They do not begin with the format's magic number.
    Foreign,
    /// They are of another version of the format.
    Version {
        /// The version they are of.
        found: u16,
        /// The one this build reads and writes.
        known: u16,
    },
    /// They are not as long as they say, or their checksum says that they have changed.
    Corrupt,
    /// They are as they were written, but this part of them makes no sense.
    Damaged(&'static str),
    /// They were stored for another key.
    OtherKey,
    /// They were stored at a time that has not come yet.
    Future,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a stored response: it should begin with `SCRM`"),
            Self::Version { found, known } => {
                write!(
                    f,
                    "stored in format {found}; this build reads format {known}"
                )
            }
            Self::Corrupt => f.write_str("cut off or changed since it was stored"),
            Self::Damaged(part) => write!(f, "stored without a usable {part}"),
            Self::OtherKey => f.write_str("stored for another key"),
            Self::Future => f.write_str("stored later than now; has the wall clock gone back?"),
        }
    }
}

impl std::error::Error for DecodeError {}
