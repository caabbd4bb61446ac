//! The error of decoding stored responses.

use std::fmt;

/// Reason why bytes cannot be decoded as stored responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes do not begin with the format's magic number.
    Foreign,
    /// The bytes are of another version of the format.
    Version {
        /// Version of the bytes.
        found: u16,
        /// Version that this build reads and writes.
        known: u16,
    },
    /// The length or the checksum does not fit the bytes.
    Corrupt,
    /// The checksum fits, but this part of the bytes makes no sense.
    Damaged(&'static str),
    /// The bytes were stored for another key.
    OtherKey,
    /// The bytes were stored at a time in the future.
    Future,
    /// The responses were invalidated since they were stored, or it is unknown whether they were:
    /// the codec has a [`SharedLog`](crate::SharedLog).
    Outdated,
    /// The codec encrypts, and the bytes are not encrypted.
    NotEncrypted,
    /// The bytes were encrypted with a key that the codec does not have, were stored for another
    /// key, or were changed.
    Unreadable,
    /// A body is longer than the codec [decodes](crate::Codec::max_body).
    TooLarge,
    /// The operating system gave no random bytes to encrypt with.
    NoRandomness,
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
            Self::Outdated => f.write_str("invalidated since, or perhaps so"),
            Self::NotEncrypted => f.write_str("stored without encryption; this codec encrypts"),
            Self::Unreadable => f.write_str(
                "encrypted with a key that this codec does not have, stored for another key, or \
                 changed since",
            ),
            Self::TooLarge => f.write_str("a body is longer than this codec decodes"),
            Self::NoRandomness => f.write_str("no random bytes to encrypt with"),
            Self::Future => f.write_str("stored later than now; has the wall clock gone back?"),
        }
    }
}

impl std::error::Error for DecodeError {}
